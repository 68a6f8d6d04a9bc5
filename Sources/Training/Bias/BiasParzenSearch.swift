import Foundation

/// Tree-structured Parzen estimator (Bergstra et al. 2011, in its form for all coordinates at once; Watanabe, arXiv
/// 2304.11127) with the usual settings: ten trials at random (the two that every search begins with included), then each
/// time the best tenth of the trials (at most 25) is the one sample and the others the other; of 24 candidates drawn from
/// the density of the one, the one is tried at which it is largest relative to the density of the other.
enum BiasParzenSearch {
  static let startupTrials = 10
  static let candidates = 24

  static func run(_ recorder: inout BiasTrialRecorder, random: inout RandomGenerator) {
    let space = recorder.space
    var estimator = ParzenEstimator(lower: space.lower, upper: space.upper)
    for trial in recorder.trials { estimator.add(recorder.points[trial.number], value: trial.value) }
    while recorder.remaining > 0 {
      let point =
        estimator.count < startupTrials
        ? space.lower.indices.map {
          space.lower[$0] + (space.upper[$0] - space.lower[$0]) * random.uniformDouble()
        }
        : estimator.propose(&random)
      guard let value = recorder.evaluate([point]).first else { return }
      estimator.add(point, value: value)
    }
  }
}

/// What has been tried, and the two densities that it gives.
///
/// Each trial carries a normal density, cut off at the limits, along each coordinate: as wide as the larger distance to
/// its neighbours of the same sample, but neither wider than the range nor narrower than range / min(100, n + 2); and one
/// more, as wide as the range, sits in the middle. Trials count alike, in the larger sample older ones less.
struct ParzenEstimator {
  private let lower: [Double]
  private let upper: [Double]
  private var points: [[Double]] = []
  private var values: [Double] = []
  /// Positions of the trials, the best first.
  private var ranking: [Int] = []
  /// For each coordinate the positions of the trials, in ascending order of it.
  private var ascending: [[Int]]
  /// The density of the trials that are not among the best; slot = position of the trial, the last one the prior.
  private var others: ParzenMixture

  var count: Int { points.count }

  init(lower: [Double], upper: [Double]) {
    self.lower = lower
    self.upper = upper
    ascending = [[Int]](repeating: [], count: lower.count)
    others = ParzenMixture(lower: lower, upper: upper)
  }

  mutating func add(_ point: [Double], value: Double) {
    let position = points.count
    points.append(point)
    values.append(value)
    // Of equal values the older one is the better.
    ranking.insert(position, at: Self.bound(ranking) { values[$0] >= value })
    for axis in lower.indices {
      ascending[axis].insert(position, at: Self.bound(ascending[axis]) { points[$0][axis] <= point[axis] })
    }
    others.append(point)
  }

  /// Where the positions end for which `precedes` holds; it holds for the first ones.
  private static func bound(_ positions: [Int], _ precedes: (Int) -> Bool) -> Int {
    var low = 0
    var high = positions.count
    while low < high {
      let middle = (low + high) / 2
      if precedes(positions[middle]) { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The next point to try.
  mutating func propose(_ random: inout RandomGenerator) -> [Double] {
    let bestCount = min((count + 9) / 10, 25)
    let best = ranking[..<bestCount].sorted()
    var isBest = [Bool](repeating: false, count: count)
    for position in best { isBest[position] = true }

    var good = ParzenMixture(lower: lower, upper: upper)
    for position in best { good.append(points[position]) }
    let rank = Dictionary(uniqueKeysWithValues: best.enumerated().map { ($1, $0) })
    good.update(
      orders: ascending.map { order in order.compactMap { isBest[$0] ? rank[$0] : nil } },
      weights: [Double](repeating: 1, count: bestCount))
    others.update(
      orders: ascending.map { order in order.filter { !isBest[$0] } }, weights: Self.weights(isBest))

    let drawn = (0..<BiasParzenSearch.candidates).map { _ in good.draw(&random) }
    let goodDensity = good.logDensities(drawn)
    let otherDensity = others.logDensities(drawn)
    var chosen = 0
    for index in drawn.indices
    where goodDensity[index] - otherDensity[index] > goodDensity[chosen] - otherDensity[chosen] {
      chosen = index
    }
    return drawn[chosen]
  }

  /// 0 for the best trials; for the n others in the order of their age a ramp from 1/n to 1, and 1 for the newest 25.
  static func weights(_ isBest: [Bool]) -> [Double] {
    let number = isBest.count { !$0 }
    let ramp = number - 25
    let first = 1 / Double(max(1, number))
    var age = 0
    return isBest.map { isBest in
      if isBest { return 0 }
      defer { age += 1 }
      if age >= ramp { return 1 }
      return ramp == 1 ? first : first + (1 - first) * Double(age) / Double(ramp - 1)
    }
  }
}
