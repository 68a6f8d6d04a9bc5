import Foundation

/// Evolution by covariance matrix adaptation (CMA-ES) with the standard parameters of Hansen, "The CMA Evolution
/// Strategy: A Tutorial" (arXiv 1604.00772), table 1, negative weights included.
///
/// Runs in coordinates that are 0 and 1 at the limits, from the better one of the first trials, with a step size of 0.2.
/// Proposals beyond the limits are drawn again, at most ten times, then moved to them. When a run has come to rest the
/// next one starts at the best point so far with twice the population (Auger and Hansen 2005), until the trials are used
/// up.
enum BiasEvolution {
  static func run(_ recorder: inout BiasTrialRecorder, random: inout RandomGenerator) {
    let dimensions = recorder.space.dimensions
    let standard = 4 + Int(3 * log(Double(dimensions)))
    var size = standard
    while recorder.remaining > 0 {
      descend(&recorder, size: size, random: &random)
      size = size < 16 * standard ? 2 * size : standard
    }
  }

  private static func descend(_ recorder: inout BiasTrialRecorder, size: Int, random: inout RandomGenerator) {
    let space = recorder.space
    let spans = zip(space.upper, space.lower).map { $0 - $1 }
    let best = recorder.bestPoint
    var state = EvolutionState(
      mean: best.indices.map { (best[$0] - space.lower[$0]) / spans[$0] }, stepSize: 0.2, populationSize: size)
    var bestValue = -Double.infinity
    var lastGain = 0
    let patience = 10 + 30 * best.count / size
    while recorder.remaining > 0 {
      state.updateAxes()
      let steps = (0..<size).map { _ in state.draw(&random) }
      let points = steps.map { step in
        step.indices.map { space.lower[$0] + spans[$0] * (state.mean[$0] + state.stepSize * step[$0]) }
      }
      let values = recorder.evaluate(points)
      guard values.count == size else { return }
      let order = (0..<size).sorted { (-values[$0], $0) < (-values[$1], $1) }
      state.update(order.map { steps[$0] })
      if values[order[0]] > bestValue {
        bestValue = values[order[0]]
        lastGain = state.generation
      }
      // At rest: no point of a generation is better than another, the steps are far below what moves a picture, or
      // nothing better was found for long.
      let isFlat = values[order[0]] == values[order[size - 1]]
      if isFlat || state.largestDeviation < 1e-4 || state.generation - lastGain > patience || state.isDegenerate {
        return
      }
    }
  }
}

/// One run of CMA-ES: the distribution that points are drawn from. Symbols as in the tutorial.
struct EvolutionState {
  private(set) var mean: [Double]
  private(set) var stepSize: Double
  private(set) var generation = 0
  private let dimensions: Int
  private let weights: [Double]
  private let parents: Int
  private let muEffective: Double
  private let cSigma: Double
  private let dSigma: Double
  private let cC: Double
  private let c1: Double
  private let cMu: Double
  private let expectedNorm: Double
  private var covariance: [[Double]]
  private var sigmaPath: [Double]
  private var covariancePath: [Double]
  /// Columns are the axes of the distribution.
  private var axes: [[Double]]
  /// Standard deviations along the axes, without the step size.
  private var deviations: [Double]
  private var axesGeneration = -1

  init(mean: [Double], stepSize: Double, populationSize lambda: Int) {
    self.mean = mean
    self.stepSize = stepSize
    let n = Double(mean.count)
    dimensions = mean.count
    parents = lambda / 2
    let raw = (1...lambda).map { log((Double(lambda) + 1) / 2) - log(Double($0)) }
    func effective(_ part: ArraySlice<Double>) -> Double {
      let sum = part.reduce(0, +)
      return sum * sum / part.reduce(0) { $0 + $1 * $1 }
    }
    muEffective = effective(raw[..<parents])
    let muEffectiveNegative = effective(raw[parents...])
    cC = (4 + muEffective / n) / (n + 4 + 2 * muEffective / n)
    cSigma = (muEffective + 2) / (n + muEffective + 5)
    dSigma = 1 + 2 * max(0, ((muEffective - 1) / (n + 1)).squareRoot() - 1) + cSigma
    c1 = 2 / ((n + 1.3) * (n + 1.3) + muEffective)
    cMu = min(
      1 - c1, 2 * (0.25 + muEffective + 1 / muEffective - 2) / ((n + 2) * (n + 2) + muEffective))
    expectedNorm = n.squareRoot() * (1 - 1 / (4 * n) + 1 / (21 * n * n))
    let positive = raw.reduce(0) { $0 + max(0, $1) }
    let negative = raw.reduce(0) { $0 - min(0, $1) }
    let alpha = min(
      1 + c1 / cMu, 1 + 2 * muEffectiveNegative / (muEffective + 2), (1 - c1 - cMu) / (n * cMu))
    weights = raw.map { $0 >= 0 ? $0 / positive : alpha * $0 / negative }
    covariance = (0..<mean.count).map { row in (0..<mean.count).map { row == $0 ? 1 : 0 } }
    axes = covariance
    deviations = [Double](repeating: 1, count: mean.count)
    sigmaPath = [Double](repeating: 0, count: mean.count)
    covariancePath = sigmaPath
  }

  /// Largest standard deviation along a coordinate.
  var largestDeviation: Double { stepSize * (covariance.indices.map { covariance[$0][$0] }.max()!).squareRoot() }

  /// Whether the distribution is too thin to go on with.
  var isDegenerate: Bool {
    !stepSize.isFinite || stepSize > 1e4 || deviations.max()! > 1e7 * deviations.min()!
  }

  /// Decomposes the covariance; to be called before drawing. Not done in every generation where that is too costly.
  mutating func updateAxes() {
    let interval = Int(1 / ((c1 + cMu) * Double(dimensions) * 10))
    guard axesGeneration < 0 || generation - axesGeneration > interval else { return }
    axesGeneration = generation
    let (values, vectors) = symmetricEigen(covariance)
    axes = vectors
    deviations = values.map { max($0, 1e-20).squareRoot() }
  }

  /// A step y with mean + stepSize * y within 0 to 1, not yet multiplied by the step size.
  func draw(_ random: inout RandomGenerator) -> [Double] {
    var step: [Double] = []
    for _ in 0..<10 {
      let normal = deviations.map { $0 * random.standardNormal() }
      step = axes.map { row in zip(row, normal).reduce(0) { $0 + $1.0 * $1.1 } }
      if step.indices.allSatisfy({ (0...1).contains(mean[$0] + stepSize * step[$0]) }) { return step }
    }
    return step.indices.map { (min(1, max(0, mean[$0] + stepSize * step[$0])) - mean[$0]) / stepSize }
  }

  /// - Parameter steps: Those of one generation, the best first.
  mutating func update(_ steps: [[Double]]) {
    generation += 1
    let coordinates = 0..<dimensions
    let move = coordinates.map { d in (0..<parents).reduce(0) { $0 + weights[$1] * steps[$1][d] } }
    for d in coordinates { mean[d] += stepSize * move[d] }
    // C^(-1/2) y
    func whiten(_ y: [Double]) -> [Double] {
      let scaled = coordinates.map { k in coordinates.reduce(0) { $0 + axes[$1][k] * y[$1] } / deviations[k] }
      return coordinates.map { row in coordinates.reduce(0) { $0 + axes[row][$1] * scaled[$1] } }
    }
    let whitened = whiten(move)
    let sigmaRate = (cSigma * (2 - cSigma) * muEffective).squareRoot()
    for d in coordinates { sigmaPath[d] = (1 - cSigma) * sigmaPath[d] + sigmaRate * whitened[d] }
    let norm = sigmaPath.reduce(0) { $0 + $1 * $1 }.squareRoot()
    stepSize *= exp(min(1, cSigma / dSigma * (norm / expectedNorm - 1)))
    let bound = (1.4 + 2 / (Double(dimensions) + 1)) * expectedNorm
    let decay = (1 - pow(1 - cSigma, 2 * Double(generation))).squareRoot()
    let moves = norm / decay < bound ? 1.0 : 0
    let covarianceRate = moves * (cC * (2 - cC) * muEffective).squareRoot()
    for d in coordinates { covariancePath[d] = (1 - cC) * covariancePath[d] + covarianceRate * move[d] }
    // Negative weights are scaled so that the matrix stays positive definite.
    let scaled = steps.indices.map { index in
      guard weights[index] < 0 else { return weights[index] }
      let length = whiten(steps[index]).reduce(0) { $0 + $1 * $1 }
      return weights[index] * Double(dimensions) / max(length, 1e-20)
    }
    let weightSum = weights.reduce(0, +)
    let keep = 1 + c1 * (1 - moves) * cC * (2 - cC) - c1 - cMu * weightSum
    for row in coordinates {
      for column in 0...row {
        var value = keep * covariance[row][column] + c1 * covariancePath[row] * covariancePath[column]
        for index in steps.indices { value += cMu * scaled[index] * steps[index][row] * steps[index][column] }
        covariance[row][column] = value
        covariance[column][row] = value
      }
    }
  }
}

/// Eigenvalues and, as columns, eigenvectors of a small symmetric matrix, by Jacobi's rotations.
func symmetricEigen(_ matrix: [[Double]]) -> (values: [Double], vectors: [[Double]]) {
  let n = matrix.count
  var a = matrix
  var vectors = (0..<n).map { row in (0..<n).map { row == $0 ? 1.0 : 0 } }
  for _ in 0..<50 {
    var off = 0.0
    var diagonal = 0.0
    for row in 0..<n {
      diagonal += a[row][row] * a[row][row]
      for column in 0..<row { off += a[row][column] * a[row][column] }
    }
    if off <= 1e-26 * diagonal { break }
    for p in 0..<n {
      for q in (p + 1)..<max(n, p + 1) where a[p][q] != 0 {
        let theta = (a[q][q] - a[p][p]) / (2 * a[p][q])
        let t = (theta < 0 ? -1 : 1) / (abs(theta) + (theta * theta + 1).squareRoot())
        let c = 1 / (t * t + 1).squareRoot()
        let s = t * c
        for k in 0..<n {
          let (left, right) = (a[k][p], a[k][q])
          a[k][p] = c * left - s * right
          a[k][q] = s * left + c * right
        }
        for k in 0..<n {
          let (upper, lower) = (a[p][k], a[q][k])
          a[p][k] = c * upper - s * lower
          a[q][k] = s * upper + c * lower
        }
        for k in 0..<n {
          let (left, right) = (vectors[k][p], vectors[k][q])
          vectors[k][p] = c * left - s * right
          vectors[k][q] = s * left + c * right
        }
      }
    }
  }
  return ((0..<n).map { a[$0][$0] }, vectors)
}

extension RandomGenerator {
  /// Uniform in [0, 1), with 53 bits.
  mutating func uniformDouble() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Normal with mean 0 and deviation 1 in double precision (Box and Muller 1958).
  mutating func standardNormal() -> Double {
    let radius = (-2 * log(1 - uniformDouble())).squareRoot()
    return radius * cos(2 * .pi * uniformDouble())
  }
}
