import Foundation

/// Evaluates what a method proposes, within its number of trials, and remembers it.
struct BiasTrialRecorder {
  let space: BiasSpace
  private let evaluator: BiasEvaluator
  private let isStopped: @Sendable () -> Bool
  private let onTrial: (BiasTrial) -> Void
  private let limit: Int
  /// Points in the coordinates of the space, in the order of proposal.
  private(set) var points: [[Double]] = []
  private(set) var trials: [BiasTrial] = []
  /// Position of the best trial; of equal ones the one nearest to factors of 1.
  private(set) var best = 0
  private var bestPenalty = Double.infinity
  private(set) var wasStopped = false

  /// - Parameter limit: Number of trials, at least 1.
  init(
    space: BiasSpace, evaluator: BiasEvaluator, limit: Int, isStopped: @escaping @Sendable () -> Bool,
    onTrial: @escaping (BiasTrial) -> Void
  ) {
    self.space = space
    self.evaluator = evaluator
    self.limit = limit
    self.isStopped = isStopped
    self.onTrial = onTrial
  }

  /// Trials that may still be made.
  var remaining: Int { wasStopped ? 0 : limit - trials.count }

  var bestPoint: [Double] { points[best] }

  /// Enough for the vector kernels, and few enough to end soon after an interruption.
  private static let chunk = 256

  /// Evaluates points until all are done, the trials are used up or the search is stopped.
  ///
  /// - Returns: The values of the first points, as many as were evaluated.
  @discardableResult
  mutating func evaluate(_ proposals: [[Double]]) -> [Double] {
    var values: [Double] = []
    let end = min(proposals.count, remaining)
    for start in stride(from: 0, to: end, by: Self.chunk) {
      // One trial is always made, so that there is a result.
      if !trials.isEmpty, isStopped() {
        wasStopped = true
        break
      }
      let part = proposals[start..<min(end, start + Self.chunk)]
      let logFactors = part.map { space.logFactors($0) }
      let temperatures = part.map { space.temperature($0) }
      let found = evaluator.values(logFactors: logFactors, temperatures: temperatures)
      for (index, point) in part.enumerated() {
        record(point, logFactors[index], temperatures[index], found[index])
      }
      values += found
    }
    return values
  }

  /// Adds what the refinement of the best point gave, beyond the number of trials.
  mutating func appendRefined() {
    let point = BiasRefinement.refine(bestPoint, space: space, evaluator: evaluator)
    let old = evaluator.objectives(
      logFactors: [space.logFactors(bestPoint), space.logFactors(point)],
      temperatures: [space.temperature(bestPoint), space.temperature(point)])
    let logFactors = space.logFactors(point)
    let value = old[1] - evaluator.penalty(logFactors)
    // The inside of a plateau may lie further from factors of 1 than its edge.
    let isBest = value >= trials[best].value || old[1] >= old[0] && value >= trials[best].value - 1e-4
    guard point != bestPoint, isBest else { return }
    record(point, logFactors, space.temperature(point), value)
    best = trials.count - 1
  }

  private mutating func record(_ point: [Double], _ logFactors: [Double], _ temperature: Double, _ value: Double) {
    let trial = BiasTrial(
      number: trials.count, factors: logFactors.map { exp($0) }, temperature: temperature, value: value)
    let penalty = logFactors.reduce(0) { $0 + $1 * $1 }
    if trials.isEmpty || value > trials[best].value || (value == trials[best].value && penalty < bestPenalty) {
      best = trials.count
      bestPenalty = penalty
    }
    points.append(point)
    trials.append(trial)
    onTrial(trial)
  }
}
