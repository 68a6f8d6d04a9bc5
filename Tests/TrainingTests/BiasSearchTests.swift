import Foundation
import Testing
import Threads

@testable import Training

struct BiasSearchTests {
  private let skewed = SyntheticScores(prior: [0.7, 0.2, 0.1], shares: [0.7, 0.2, 0.1])

  private func settings(
    _ method: BiasMethod = .gridSearch, _ weights: [BiasObjective.Term: Double] = [.macroRecall: 1],
    classes: [Int] = [0, 1, 2], trials: Int = 300, _ change: (inout BiasSearchSettings) -> Void = { _ in }
  ) -> BiasSearchSettings {
    var settings = BiasSearchSettings(
      method: method, objective: BiasObjective(weights: weights), searchedClasses: classes, trials: trials, seed: 5)
    change(&settings)
    return settings
  }

  private func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }

  @Test(arguments: BiasMethod.allCases, [true, false])
  func comesNearTheKnownBestRecallOnPicturesNotSeen(method: BiasMethod, isRefined: Bool) throws {
    let scores = skewed.draw(3000, seed: 1)
    let result = try BiasSearch.run(scores, settings: settings(method) { $0.isRefined = isRefined })
    let ideal = mean(skewed.recalls(factors: skewed.prior.map { 1 / $0 }))
    let without = mean(skewed.recalls(factors: [1, 1, 1]))
    let found = mean(skewed.recalls(factors: result.candidate))
    #expect(ideal - without > 0.06)
    #expect(found > ideal - 0.01)
    #expect(result.recommended)
    #expect(result.factors == result.candidate)
    let estimate = try #require(result.crossValidated)
    #expect(estimate.interval.low > 0)
    // The truth lies in the interval, and the optimum on the pictures themselves is no worse than that of theory.
    #expect(estimate.interval.low < found - without && found - without < estimate.interval.high)
    #expect(result.trials.count >= 290 && result.trials.count <= 301)
    let theory = BiasEvaluator(scores, settings: settings()).objectives(
      logFactors: [skewed.prior.map { -log($0) }], temperatures: [1])[0]
    #expect(result.value > theory - 0.002)
  }

  @Test func startsAtTheClosedFormWhereItIsTheOptimum() throws {
    let result = try BiasSearch.run(
      skewed.draw(4000, seed: 2), settings: settings(trials: 2) { $0.isRefined = false })
    let product = skewed.prior.reduce(1, *)
    for (factor, prior) in zip(result.closedForm, skewed.prior) {
      #expect(abs(factor / (pow(product, 1.0 / 3) / prior) - 1) < 0.1)
    }
    #expect(result.candidate == result.closedForm)
    #expect(result.trials.map(\.factors) == [[1, 1, 1], result.closedForm])
    // With right posteriors the likeliest factors are the same.
    let alternative = try #require(result.alternative)
    for (factor, closed) in zip(alternative.factors, result.closedForm) { #expect(abs(factor / closed - 1) < 0.1) }
    for (found, prior) in zip(result.effectivePrior, skewed.prior) { #expect(abs(found - prior) < 0.02) }
  }

  @Test(arguments: BiasMethod.allCases)
  func findsTheFactorsThatMakeProbabilitiesRight(method: BiasMethod) throws {
    let model = SyntheticScores(prior: [0.6, 0.3, 0.1], shares: [0.2, 0.3, 0.5])
    let scores = model.draw(4000, seed: 3)
    let result = try BiasSearch.run(scores, settings: settings(method, [.nll: 1]))
    let ideal = zip(model.shares, model.prior).map { log($0 / $1) }
    let centre = mean(ideal)
    for (factor, ideal) in zip(result.candidate, ideal) { #expect(abs(log(factor) - (ideal - centre)) < 0.12) }
    #expect(result.recommended)
  }

  @Test(arguments: BiasMethod.allCases)
  func recommendsNothingWhereNothingIsToGain(method: BiasMethod) throws {
    let balanced = SyntheticScores(prior: [1 / 3, 1 / 3, 1 / 3], shares: [1 / 3, 1 / 3, 1 / 3])
    let result = try BiasSearch.run(balanced.draw(1500, seed: 4), settings: settings(method))
    #expect(!result.recommended)
    #expect(result.factors == [1, 1, 1])
    #expect(result.temperature == 1)
    // On the pictures that it was chosen on the candidate does seem to gain.
    #expect(result.value > result.valueBefore)
    let forced = try BiasSearch.run(balanced.draw(1500, seed: 4), settings: settings(method) { $0.force = true })
    #expect(!forced.recommended)
    #expect(forced.factors == result.candidate)
  }

  @Test func likeliestFactorsUndoAWrongPrior() throws {
    let model = SyntheticScores(prior: [0.6, 0.3, 0.1], shares: [0.2, 0.3, 0.5])
    let scores = model.draw(4000, seed: 3)
    for (weights, wanted) in [
      ([BiasObjective.Term.nll: 1.0], model.shares), ([.macroRecall: 1], [1, 1, 1]), ([.accuracy: 3], model.shares),
    ] {
      let result = try BiasSearch.run(scores, settings: settings(.gridSearch, weights, trials: 3))
      let ideal = zip(wanted, model.prior).map { log($0 / $1) }
      let centre = mean(ideal)
      let alternative = try #require(result.alternative)
      for (factor, ideal) in zip(alternative.factors, ideal) { #expect(abs(log(factor) - (ideal - centre)) < 0.12) }
      #expect(result.trials[2].factors == alternative.factors)
      #expect(try #require(alternative.crossValidated).interval.low > 0)
    }
    // One factor alone, the others held: the derivative of the likelihood by it is 0 there.
    let one = try BiasSearch.run(scores, settings: settings(.gridSearch, [.nll: 1], classes: [2], trials: 3))
    let factors = try #require(one.alternative).factors
    #expect(factors[0] == 1 && factors[1] == 1)
    let called = (0..<scores.count).reduce(0.0) { sum, picture in
      let row = (0..<3).map { Double(scores.probabilities[3 * picture + $0]) * factors[$0] }
      return sum + row[2] / row.reduce(0, +)
    }
    #expect(abs(called / 4000 - 0.5) < 1e-4)
  }

  @Test(arguments: [BiasObjective.Term.macroRecall, .macroF1, .accuracy, .distribution])
  func meetsBruteForceForTwoClasses(term: BiasObjective.Term) throws {
    let model = SyntheticScores(prior: [0.8, 0.2], shares: [0.55, 0.45])
    let scores = model.draw(400, seed: 6)
    let settings = settings(.gridSearch, [term: 1], classes: [0, 1], trials: 60) { $0.objective.regularisation = 0 }
    let result = try BiasSearch.run(scores, settings: settings)
    // Between two neighbouring ratios of the probabilities nothing changes, so these are all answers there are.
    let ratios = (0..<scores.count).map {
      log(Double(scores.probabilities[2 * $0 + 1])) - log(Double(scores.probabilities[2 * $0]))
    }
    .sorted()
    var best = -Double.infinity
    for (low, high) in zip(ratios, ratios.dropFirst()) where high - low > 1e-4 && abs(low + high) / 2 < log(10) {
      let factors = [exp((low + high) / 4), exp(-(low + high) / 4)]
      let called = scores.called(factors: factors)
      best = max(best, reference(term, scores, called))
    }
    #expect(abs(reference(term, scores, scores.called(factors: result.candidate)) - result.value) < 1e-12)
    #expect(result.value >= best - 1e-12)
  }

  /// An objective by its definition.
  private func reference(_ term: BiasObjective.Term, _ scores: BiasScores, _ called: [Int]) -> Double {
    let classes = scores.labels.count
    let metrics = ClassificationMetrics(
      probabilities: called.flatMap { label in (0..<classes).map { $0 == label ? 1 : 0 } },
      truth: scores.truth.map { $0! }, classes: classes)
    switch term {
    case .macroRecall: return metrics.macroRecall
    case .macroF1: return metrics.macroF1
    case .accuracy: return metrics.accuracy
    case .nll: return -metrics.nll
    case .distribution:
      let distances = (0..<classes).map { label in
        abs(Double(called.count { $0 == label }) / Double(called.count) - 1 / Double(classes))
      }
      return 1 - distances.reduce(0, +) / 2
    }
  }

  @Test(arguments: BiasObjective.Term.allCases)
  func judgesAsTheMetricsDo(term: BiasObjective.Term) throws {
    let model = SyntheticScores(prior: [0.1, 0.2, 0.3, 0.4], shares: [0.4, 0.3, 0.2, 0.1])
    let scores = model.draw(333, seed: 8)
    let evaluator = BiasEvaluator(scores, settings: settings(.gridSearch, [term: 2], classes: [0, 1, 2, 3]))
    let factors = [2, 0.5, 1, 1.7]
    let found = evaluator.objectives(logFactors: [factors.map { log($0) }], temperatures: [1])[0]
    let corrected = (0..<scores.count).flatMap { picture in
      let row = (0..<4).map { scores.probabilities[4 * picture + $0] * Float(factors[$0]) }
      return row.map { $0 / row.reduce(0, +) }
    }
    let metrics = ClassificationMetrics(probabilities: corrected, truth: scores.truth.map { $0! }, classes: 4)
    let expected = term == .nll ? -metrics.nll : reference(term, scores, scores.called(factors: factors))
    #expect(abs(found - expected) < 1e-5)
  }

  @Test(arguments: BiasMethod.allCases)
  func meetsATargetDistributionWithoutAnyTruth(method: BiasMethod) throws {
    let drawn = skewed.draw(900, seed: 9)
    let scores = try BiasScores(
      labels: drawn.labels, probabilities: drawn.probabilities, truth: [Int?](repeating: nil, count: drawn.count))
    let target = try BiasObjective.distribution([0: 0.5], labels: scores.labels)
    #expect(target == [0.5, 0.25, 0.25])
    let result = try BiasSearch.run(
      scores, settings: settings(method, [.distribution: 1]) { $0.objective.targetDistribution = target })
    #expect(result.value > 0.98)
    #expect(result.recommended)
    let called = scores.called(factors: result.factors)
    for label in 0..<3 { #expect(abs(Double(called.count { $0 == label }) / 900 - target[label]) < 0.03) }
  }

  @Test(arguments: BiasMethod.allCases)
  func leavesClassesAloneThatAreNotSearched(method: BiasMethod) throws {
    let result = try BiasSearch.run(skewed.draw(800, seed: 10), settings: settings(method, classes: [2]))
    #expect(result.trials.allSatisfy { $0.factors[0] == 1 && $0.factors[1] == 1 })
    #expect(result.candidate[2] > 1.2)
    #expect(result.importance == [1])
  }

  @Test(arguments: BiasMethod.allCases, [[BiasObjective.Term.macroF1: 1], [.macroRecall: 0.5, .nll: 0.5]])
  func givesTheSameForOneSeedWhateverRunsAtTheSameTime(
    method: BiasMethod, weights: [BiasObjective.Term: Double]
  ) throws {
    let scores = skewed.draw(300, seed: 11)
    let settings = settings(method, weights, trials: 80) { $0.searchesTemperature = true }
    let alone = try BiasSearch.run(scores, settings: settings)
    for jobs in [2, 5, 16] {
      var parallel = settings
      parallel.jobs = jobs
      #expect(try BiasSearch.run(scores, settings: parallel) == alone)
    }
    var other = settings
    other.seed = 6
    #expect(try BiasSearch.run(scores, settings: other) != alone)
  }

  @Test(arguments: BiasMethod.allCases)
  func keepsWhatItFoundWhenInterrupted(method: BiasMethod) throws {
    let seen = Guarded(0)
    let result = try BiasSearch.run(
      skewed.draw(300, seed: 12), settings: settings(method, trials: 5000),
      isStopped: { seen.withLock { $0 } >= 40 }, onTrial: { _ in seen.withLock { $0 += 1 } })
    #expect(result.isInterrupted)
    #expect(result.trials.count >= 40 && result.trials.count < 5000)
    #expect(result.crossValidated == nil)
    #expect(!result.recommended)
    #expect(result.factors == [1, 1, 1])
    let best = result.trials.max { $0.value < $1.value }
    #expect(best?.value == result.trials.first { $0.factors == result.candidate }?.value)
  }

  @Test func tellsTrialsInOrder() throws {
    var numbers: [Int] = []
    let result = try BiasSearch.run(
      skewed.draw(300, seed: 13), settings: settings(.evolutionary, trials: 50) { $0.jobs = 3 },
      onTrial: { numbers.append($0.number) })
    #expect(numbers == Array(0..<numbers.count))
    #expect(result.trials.map(\.number) == numbers)
  }
}
