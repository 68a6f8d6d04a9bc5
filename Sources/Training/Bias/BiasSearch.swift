import Foundation
import Threads

/// Searches bias factors on cached scores, and finds out whether they would help on pictures not seen.
public enum BiasSearch {
  /// - Parameters:
  ///   - isStopped: Asked between batches of trials, from several threads; true ends the search with what there is.
  ///   - onTrial: Called on the calling thread for each trial on all pictures, in order.
  /// - Throws: `TrainingError.invalidSettings` where settings contradict themselves or the scores.
  public static func run(
    _ scores: BiasScores, settings: BiasSearchSettings, isStopped: @escaping @Sendable () -> Bool = { false },
    onTrial: (BiasTrial) -> Void = { _ in }
  ) throws(TrainingError) -> BiasResult {
    try settings.validate(scores)
    let evaluator = BiasEvaluator(scores, settings: settings)
    let folds = FoldSearches(scores, settings: settings, isStopped: isStopped)
    let workers = (0..<min(settings.jobs - 1, settings.folds, 63)).map { index in
      NamedThread.start(name: "bias-\(index)") { folds.work() }
    }
    let found = withoutActuallyEscaping(onTrial) { onTrial in
      find(scores, evaluator, settings: settings, stream: 0, isStopped: isStopped, onTrial: onTrial)
    }
    folds.work()
    for worker in workers { worker.join() }
    let none = [Double](repeating: 0, count: scores.labels.count)
    let before = BiasCrossValidation.answers(scores, logFactors: none, temperature: 1)
    func estimate(_ answers: [BiasAnswer]?) -> BiasEstimate? {
      answers.map {
        BiasCrossValidation.estimate(
          truth: scores.truth, before: before, after: $0, evaluator: evaluator, seed: settings.seed)
      }
    }
    func isSure(_ estimate: BiasEstimate?) -> Bool { (estimate?.interval.low ?? 0) > 0 }

    let best = found.best.logFactors
    let values = evaluator.objectives(
      logFactors: [none, best, found.likely?.logFactors ?? none],
      temperatures: [1, found.best.temperature, found.likely?.temperature ?? 1])
    let crossValidated = estimate(folds.answers { $0.best })
    let alternative = found.likely.map {
      BiasAlternative(
        factors: $0.factors, temperature: $0.temperature, value: values[2],
        crossValidated: estimate(folds.answers { $0.likely }))
    }
    let isCandidateSure = isSure(crossValidated)
    let isAlternativeSure = isSure(alternative?.crossValidated)
    let chosen =
      if isCandidateSure { found.best } else if isAlternativeSure { found.likely! } else if settings.force {
        found.best
      } else { Correction(logFactors: none, temperature: 1) }
    return BiasResult(
      factors: chosen.factors, temperature: chosen.temperature, candidate: found.best.factors,
      candidateTemperature: found.best.temperature, recommended: isCandidateSure || isAlternativeSure,
      valueBefore: values[0], value: values[1], crossValidated: crossValidated, alternative: alternative,
      closedForm: found.closedForm.map { exp($0) }, effectivePrior: scores.effectivePrior, trials: found.trials,
      importance: BiasImportance.around(
        best, temperature: found.best.temperature, searched: settings.searchedClasses, evaluator: evaluator,
        seed: settings.seed),
      isInterrupted: found.wasStopped || crossValidated == nil)
  }

  /// The objective, without regularisation, over the factors of two classes, for a heat map. The other factors stay.
  ///
  /// - Parameters:
  ///   - around: Factors in the order of the labels.
  ///   - classes: Positions of the two classes.
  ///   - steps: Points along each factor, at least 2, evenly spaced in ln b from the smallest to the largest.
  /// - Returns: `[steps, steps]`: rows are the factor of the first class.
  /// - Throws: `TrainingError.invalidSettings` where settings contradict themselves or the scores.
  public static func landscape(
    _ scores: BiasScores, settings: BiasSearchSettings, around factors: [Double], temperature: Double = 1,
    classes: (Int, Int), steps: Int
  ) throws(TrainingError) -> [[Double]] {
    try settings.validate(scores)
    precondition(factors.count == scores.labels.count && steps >= 2 && classes.0 != classes.1)
    let evaluator = BiasEvaluator(scores, settings: settings)
    let ticks = landscapeTicks(settings, steps: steps).map { log($0) }
    let base = factors.map { log($0) }
    let points = ticks.flatMap { first in
      ticks.map { second in
        var point = base
        point[classes.0] = first
        point[classes.1] = second
        return point
      }
    }
    let values = evaluator.objectives(
      logFactors: points, temperatures: [Double](repeating: temperature, count: points.count))
    return (0..<steps).map { Array(values[$0 * steps..<($0 + 1) * steps]) }
  }

  /// The factors at the points of a landscape.
  public static func landscapeTicks(_ settings: BiasSearchSettings, steps: Int) -> [Double] {
    let low = log(settings.smallestFactor)
    let high = log(settings.largestFactor)
    return (0..<steps).map { exp(low + (high - low) * Double($0) / Double(steps - 1)) }
  }

  /// p' = p^(1/T) * b / sum
  struct Correction: Equatable, Sendable {
    var logFactors: [Double]
    var temperature: Double

    var factors: [Double] { logFactors.map { exp($0) } }
  }

  /// What one search found on one set of pictures.
  struct Found: Sendable {
    var best: Correction
    /// By maximum likelihood.
    var likely: Correction?
    /// ln b
    var closedForm: [Double]
    var trials: [BiasTrial]
    var wasStopped: Bool
  }

  /// - Parameter stream: Which of the seed's random numbers are drawn; another one for each fold.
  static func find(
    _ scores: BiasScores, _ evaluator: BiasEvaluator, settings: BiasSearchSettings, stream: UInt64,
    isStopped: @escaping @Sendable () -> Bool, onTrial: @escaping (BiasTrial) -> Void
  ) -> Found {
    let start = LogitAdjustment.logFactors(scores, settings: settings)
    let space = BiasSpace(settings: settings, classes: scores.labels.count, start: start)
    let likely = LikelihoodFit.logFactors(scores, settings: settings, space: space)
    var recorder = BiasTrialRecorder(
      space: space, evaluator: evaluator, limit: settings.trials, isStopped: isStopped, onTrial: onTrial)
    let none = [Double](repeating: 0, count: scores.labels.count)
    for first in [none, start, likely] {
      if let first { recorder.evaluate([space.point(logFactors: first, temperature: 1)]) }
    }
    var random = RandomGenerator(seed: settings.seed, stream: stream)
    switch settings.method {
    case .gridSearch: BiasGridSearch.run(&recorder)
    case .bayesian: BiasParzenSearch.run(&recorder, random: &random)
    case .evolutionary: BiasEvolution.run(&recorder, random: &random)
    }
    if settings.isRefined, !recorder.wasStopped { recorder.appendRefined() }

    func fitted(_ logFactors: [Double], _ temperature: Double) -> Correction {
      guard settings.searchesTemperature, !space.hasTemperature else {
        return Correction(logFactors: logFactors, temperature: temperature)
      }
      return BiasTemperature.fit(logFactors, settings: settings, evaluator: evaluator)
    }
    let point = recorder.bestPoint
    return Found(
      best: fitted(space.logFactors(point), space.temperature(point)), likely: likely.map { fitted($0, 1) },
      closedForm: space.logFactors(space.point(logFactors: start, temperature: 1)), trials: recorder.trials,
      wasStopped: recorder.wasStopped)
  }
}

/// The searches without each fold, shared by some threads.
private final class FoldSearches: Sendable {
  /// What becomes of the pictures of one fold.
  struct Answers {
    var best: [BiasAnswer]
    var likely: [BiasAnswer]?
  }

  private let scores: BiasScores
  private let settings: BiasSearchSettings
  private let isStopped: @Sendable () -> Bool
  private let folds: [[Int]]
  private let next = Guarded(0)
  private let results: Guarded<[Answers?]>

  init(_ scores: BiasScores, settings: BiasSearchSettings, isStopped: @escaping @Sendable () -> Bool) {
    self.scores = scores
    self.settings = settings
    self.isStopped = isStopped
    folds = BiasCrossValidation.folds(scores.truth, count: settings.folds, seed: settings.seed)
    results = Guarded([Answers?](repeating: nil, count: settings.folds))
  }

  /// Each picture's answer with the factors found without its fold; nil where the search was stopped before all were
  /// done.
  func answers(_ part: (Answers) -> [BiasAnswer]?) -> [BiasAnswer]? {
    let results = results.withLock { $0 }
    var answers = [BiasAnswer?](repeating: nil, count: scores.count)
    for (fold, result) in zip(folds, results) {
      guard let result = result.flatMap(part) else { return nil }
      for (position, answer) in zip(fold, result) { answers[position] = answer }
    }
    return answers.map { $0! }
  }

  /// Does folds until none is left.
  func work() {
    while !isStopped() {
      let index = next.withLock { next in
        defer { next += 1 }
        return next
      }
      guard index < folds.count else { return }
      let held = Set(folds[index])
      let training = scores.subset((0..<scores.count).filter { !held.contains($0) })
      let test = scores.subset(folds[index])
      let evaluator = BiasEvaluator(training, settings: settings)
      let found = BiasSearch.find(
        training, evaluator, settings: settings, stream: UInt64(index) + 1, isStopped: isStopped, onTrial: { _ in })
      if found.wasStopped { return }
      func answers(_ correction: BiasSearch.Correction) -> [BiasAnswer] {
        BiasCrossValidation.answers(test, logFactors: correction.logFactors, temperature: correction.temperature)
      }
      let result = Answers(best: answers(found.best), likely: found.likely.map { answers($0) })
      results.withLock { $0[index] = result }
    }
  }
}
