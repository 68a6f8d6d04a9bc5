import Foundation

/// Makes the best of the best point: line searches along one coordinate after the other until none gains.
///
/// Without a term of likelihood the objective is constant between the factors at which a picture changes sides, so each
/// line is searched exactly, and the point comes to lie inside its plateau, not on the edge where the search hit it: in
/// the middle, or where the plateau is wide as near to a factor of 1 as a margin of 0.05 in ln b allows. With likelihood
/// lines are searched on ever finer grids.
enum BiasRefinement {
  static let margin = 0.05
  static let sweeps = 20
  /// Narrower ones could not be told apart with factors in single precision.
  static let narrowest = 1e-5

  /// - Parameter point: In the coordinates of the space.
  /// - Returns: A point at least as good, judged by the objective less the regularisation, but for what the
  ///   regularisation charges for the way from a plateau's edge to its inside.
  static func refine(_ point: [Double], space: BiasSpace, evaluator: BiasEvaluator) -> [Double] {
    var point = point
    var value = evaluator.value(at: point, space)
    for _ in 0..<sweeps {
      let before = value
      for axis in point.indices {
        if evaluator.objective.weights[.nll, default: 0] > 0 {
          refineBySteps(&point, &value, axis: axis, space, evaluator)
        } else {
          refineExactly(&point, &value, axis: axis, space, evaluator)
        }
      }
      if value <= before + 1e-9 { break }
    }
    return point
  }

  private static func refineExactly(
    _ point: inout [Double], _ value: inout Double, axis: Int, _ space: BiasSpace, _ evaluator: BiasEvaluator
  ) {
    // In these coordinates, not moved to a mean of 0: only ratios decide.
    var raw = [Double](repeating: 0, count: space.classes)
    for (label, coordinate) in zip(space.free, point) { raw[label] = coordinate }
    let plateaus = evaluator.plateaus(
      along: space.free[axis], logFactors: raw, range: space.lower[axis]...space.upper[axis])
    let neutral = space.neutral(axis, of: point)
    func inside(_ plateau: BiasEvaluator.Plateau) -> (point: [Double], value: Double) {
      let margin = min(margin, (plateau.high - plateau.low) / 2)
      var moved = point
      moved[axis] = min(plateau.high - margin, max(plateau.low + margin, neutral))
      return (moved, plateau.value - evaluator.penalty(space.logFactors(moved)))
    }
    let usable = plateaus.filter { $0.high - $0.low >= narrowest }
    var best: (point: [Double], value: Double)?
    for plateau in usable where best == nil || plateau.value > best!.value {
      let candidate = inside(plateau)
      if best == nil || candidate.value > best!.value { best = candidate }
    }
    if let best, best.value > value + 1e-12 {
      (point, value) = best
    } else if let own = usable.first(where: { $0.low <= point[axis] && point[axis] <= $0.high }) {
      // Nothing better: into the inside of the own plateau.
      (point, value) = inside(own)
    }
  }

  private static func refineBySteps(
    _ point: inout [Double], _ value: inout Double, axis: Int, _ space: BiasSpace, _ evaluator: BiasEvaluator
  ) {
    var reach = 0.3
    while reach > 1e-3 {
      let candidates = (-16...16).map { step in
        var moved = point
        moved[axis] = min(space.upper[axis], max(space.lower[axis], point[axis] + reach * Double(step) / 16))
        return moved
      }
      let values = evaluator.values(at: candidates, space)
      for (candidate, found) in zip(candidates, values) where found > value { (point, value) = (candidate, found) }
      reach /= 8
    }
  }
}

extension BiasEvaluator {
  /// The objective less the regularisation at points of the space.
  func values(at points: [[Double]], _ space: BiasSpace) -> [Double] {
    values(logFactors: points.map { space.logFactors($0) }, temperatures: points.map { space.temperature($0) })
  }

  func value(at point: [Double], _ space: BiasSpace) -> Double { values(at: [point], space)[0] }
}

/// The temperature that makes probabilities as likely as possible while every picture is called what it was.
enum BiasTemperature {
  /// - Parameter logFactors: ln b as found without temperature. With p' = (p * b)^(1/T) / sum the order stays; that is a
  ///   temperature of T beside factors of b^(1/T).
  /// - Returns: Both, the factors within the limits.
  static func fit(
    _ logFactors: [Double], settings: BiasSearchSettings, evaluator: BiasEvaluator
  ) -> BiasSearch.Correction {
    let range = BiasSearchSettings.temperatureRange
    // Below 1 the factors grow, as far as the limits.
    let ratios = logFactors.map {
      $0 > 0 ? $0 / log(settings.largestFactor) : $0 < 0 ? $0 / log(settings.smallestFactor) : 0
    }
    let smallest = max(range.lowerBound, min(1, ratios.max()!))
    let lower = log(smallest)
    let upper = log(range.upperBound)
    func loss(_ logarithm: Double) -> Double {
      let temperature = exp(logarithm)
      return evaluator.negativeLogLikelihood(
        logFactors: logFactors.map { $0 / temperature }, temperature: temperature)
    }
    var best = (at: 0.0, loss: loss(0))
    var reach = (upper - lower) / 2
    var centre = (upper + lower) / 2
    while reach > 1e-3 {
      for step in -16...16 {
        let at = min(upper, max(lower, centre + reach * Double(step) / 16))
        let found = loss(at)
        if found < best.loss { best = (at, found) }
      }
      centre = best.at
      reach /= 8
    }
    let temperature = exp(best.at)
    return BiasSearch.Correction(logFactors: logFactors.map { $0 / temperature }, temperature: temperature)
  }
}
