import Foundation
import Testing

@testable import Training

struct BiasMethodTests {
  // MARK: Parzen

  @Test func weighsOldTrialsOfTheLargerSampleLess() {
    #expect(ParzenEstimator.weights([true, false, false]) == [0, 1, 1])
    let weights = ParzenEstimator.weights([true] + [Bool](repeating: false, count: 30))
    #expect(weights.first == 0)
    // Five of thirty are old: a ramp from 1/30 to 1.
    #expect(weights[1] == 1.0 / 30)
    #expect(abs(weights[3] - (1.0 / 30 + 29.0 / 60)) < 1e-12)
    #expect(weights[5...].allSatisfy { $0 == 1 })
    #expect(ParzenEstimator.weights([Bool](repeating: false, count: 26)).prefix(2) == [1.0 / 26, 1])
  }

  @Test(arguments: [1, 2, 5, 60])
  func densitySumsToOneWithinTheLimits(count: Int) {
    var random = RandomGenerator(seed: UInt64(count))
    var mixture = ParzenMixture(lower: [-2], upper: [3])
    let points = (0..<count).map { _ in -2 + 5 * random.uniformDouble() }
    for point in points { mixture.append([point]) }
    let order = points.indices.sorted { points[$0] < points[$1] }
    mixture.update(orders: [order], weights: points.indices.map { _ in 1 })
    let steps = 20_000
    let grid = (0..<steps).map { [-2 + 5 * (Double($0) + 0.5) / Double(steps)] }
    let mass = mixture.logDensities(grid).reduce(0) { $0 + exp(Double($1)) } * 5 / Double(steps)
    #expect(abs(mass / (2 * Double.pi).squareRoot() - 1) < 1e-3)

    let drawn = (0..<4000).map { _ in mixture.draw(&random)[0] }
    #expect(drawn.allSatisfy { (-2...3).contains($0) })
    // As much is drawn below 0 as the density says.
    let below =
      mixture.logDensities(grid.filter { $0[0] < 0 }).reduce(0) { $0 + exp(Double($1)) } * 5 / Double(steps)
    let share = below / (2 * Double.pi).squareRoot()
    #expect(abs(Double(drawn.count { $0 < 0 }) / 4000 - share) < 0.035)
  }

  @Test func parzenEstimatorClosesInOnTheOptimum() {
    var random = RandomGenerator(seed: 1)
    var estimator = ParzenEstimator(lower: [-2, -2, -2], upper: [2, 2, 2])
    func value(_ x: [Double]) -> Double {
      -zip(x, [0.7, -1.1, 0.2]).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    }
    var best = -Double.infinity
    var atRandom = -Double.infinity
    for trial in 0..<200 {
      let uniform = (0..<3).map { _ in -2 + 4 * random.uniformDouble() }
      let point = trial < 10 ? uniform : estimator.propose(&random)
      estimator.add(point, value: value(point))
      best = max(best, value(point))
      atRandom = max(atRandom, value(uniform))
    }
    #expect(best > -0.02)
    #expect(best > atRandom)
  }

  // MARK: Evolution

  @Test func evolutionFollowsANarrowRidge() {
    var random = RandomGenerator(seed: 2)
    var state = EvolutionState(mean: [0.2, 0.8, 0.3, 0.6], stepSize: 0.2, populationSize: 8)
    // An ellipsoid with axes of 1 to 1,000, turned against the coordinates, whose lowest point is in the middle.
    func cost(_ x: [Double]) -> Double {
      let y = x.map { $0 - 0.5 }
      let turned = [y[0] + y[1], y[0] - y[1], y[2] + y[3] + y[0], y[2] - y[3]]
      return turned.enumerated().reduce(0) { $0 + pow(1000, 2 * Double($1.offset) / 3) * $1.element * $1.element }
    }
    var best = Double.infinity
    for _ in 0..<250 {
      state.updateAxes()
      let steps = (0..<8).map { _ in state.draw(&random) }
      let costs = steps.map { step in cost(zip(state.mean, step).map { $0 + state.stepSize * $1 }) }
      best = min(best, costs.min()!)
      state.update((0..<8).sorted { costs[$0] < costs[$1] }.map { steps[$0] })
    }
    #expect(best < 1e-8)
    #expect(state.largestDeviation < 1e-3)
  }

  @Test(arguments: [1, 2, 3, 7])
  func decomposesSymmetricMatrices(size: Int) {
    var random = RandomGenerator(seed: UInt64(size))
    var matrix = (0..<size).map { _ in (0..<size).map { _ in random.standardNormal() } }
    for row in 0..<size { for column in 0..<row { matrix[row][column] = matrix[column][row] } }
    let (values, vectors) = symmetricEigen(matrix)
    for row in 0..<size {
      for column in 0..<size {
        let rebuilt = (0..<size).reduce(0) { $0 + vectors[row][$1] * values[$1] * vectors[column][$1] }
        #expect(abs(rebuilt - matrix[row][column]) < 1e-10)
        let product = (0..<size).reduce(0) { $0 + vectors[$1][row] * vectors[$1][column] }
        #expect(abs(product - (row == column ? 1 : 0)) < 1e-10)
      }
    }
  }

  // MARK: Grid

  @Test(arguments: [2, 3, 6, 7])
  func pairsMeetOnceAndTheFirstOnesVisitAllAxes(count: Int) {
    let pairs = BiasGridSearch.pairs(count)
    #expect(pairs.count == count * (count - 1) / 2)
    #expect(Set(pairs).count == pairs.count)
    #expect(pairs.allSatisfy { $0[0] < $0[1] && $0[1] < count })
    #expect(Set(pairs.prefix(count / 2).flatMap { $0 }).count == 2 * (count / 2))
  }

  @Test(arguments: [([0, 1], 400), ([0, 1, 2, 3], 500), ([2], 50), ([1, 3], 30), ([0, 1, 2, 3], 7)])
  func gridUsesItsTrialsWithinTheLimits(classes: [Int], trials: Int) throws {
    let model = SyntheticScores(prior: [0.4, 0.3, 0.2, 0.1], shares: [0.25, 0.25, 0.25, 0.25])
    let settings = BiasSearchSettings(
      searchedClasses: classes, trials: trials, smallestFactor: 0.2, largestFactor: 4, isRefined: false)
    let result = try BiasSearch.run(model.draw(400, seed: 1), settings: settings)
    #expect(result.trials.count <= trials && result.trials.count > trials * 4 / 5)
    #expect(result.trials.allSatisfy { $0.factors.allSatisfy { (0.1999...4.0001).contains($0) } })
    if classes.count < 4 {
      // The coarsest grid reaches the limits.
      for label in classes {
        #expect(result.trials.contains { abs($0.factors[label] - 0.2) < 1e-9 })
        #expect(result.trials.contains { abs($0.factors[label] - 4) < 1e-9 })
      }
    } else {
      // All are searched: only ratios matter, and the factors are centred unless a limit is in the way.
      #expect(
        result.trials.allSatisfy { trial in
          abs(log(trial.factors.reduce(1, *))) < 1e-9 || trial.factors.contains { $0 < 0.2001 || $0 > 3.9999 }
        })
      #expect(result.trials.contains { abs(log($0.factors.reduce(1, *))) < 1e-9 && $0.factors[0] != 1 })
    }
  }

  // MARK: Around the search

  private let model = SyntheticScores(prior: [0.5, 0.3, 0.2], shares: [0.3, 0.3, 0.4])

  @Test(arguments: [BiasObjective.Term.macroRecall, .macroF1, .accuracy, .distribution])
  func plateausAreWhereTheObjectiveDoesNotChange(term: BiasObjective.Term) {
    let settings = BiasSearchSettings(objective: BiasObjective(weights: [term: 1]), searchedClasses: [0, 1, 2])
    let evaluator = BiasEvaluator(model.draw(120, seed: 3), settings: settings)
    let logFactors = [0.2, -0.3, 0.1]
    let plateaus = evaluator.plateaus(along: 1, logFactors: logFactors, range: -2...2)
    #expect(plateaus.first?.low == -2 && plateaus.last?.high == 2)
    #expect(plateaus.count > 20)
    for (plateau, next) in zip(plateaus, plateaus.dropFirst()) { #expect(plateau.high == next.low) }
    for plateau in plateaus where plateau.high - plateau.low > 1e-5 {
      for part in [0.01, 0.5, 0.99] {
        var moved = logFactors
        moved[1] = plateau.low + part * (plateau.high - plateau.low)
        let value = evaluator.objectives(logFactors: [moved], temperatures: [1])[0]
        #expect(abs(value - plateau.value) < 1e-12)
      }
    }
  }

  @Test func refinementEndsInsideAPlateauThatNoSingleFactorBetters() throws {
    let settings = BiasSearchSettings(
      objective: BiasObjective(regularisation: 0), searchedClasses: [0, 1], trials: 20)
    let scores = model.draw(200, seed: 4)
    let result = try BiasSearch.run(scores, settings: settings)
    let evaluator = BiasEvaluator(scores, settings: settings)
    let logFactors = result.candidate.map { log($0) }
    for label in 0..<2 {
      let plateaus = evaluator.plateaus(along: label, logFactors: logFactors, range: log(0.1)...log(10))
      let own = try #require(plateaus.first { $0.low <= logFactors[label] && logFactors[label] <= $0.high })
      #expect(abs(own.value - result.value) < 1e-12)
      #expect(plateaus.allSatisfy { $0.value <= own.value + 1e-12 || $0.high - $0.low < 1e-5 })
    }
    let last = evaluator.plateaus(along: 1, logFactors: logFactors, range: log(0.1)...log(10))
      .first { $0.low <= logFactors[1] && logFactors[1] <= $0.high }!
    #expect(logFactors[1] - last.low > 0.2 * min(0.1, last.high - last.low))
    #expect(last.high - logFactors[1] > 0.2 * min(0.1, last.high - last.low))
  }

  @Test(arguments: [[BiasObjective.Term.macroRecall: 1.0], [.nll: 1], [.macroRecall: 0.5, .nll: 0.5]])
  func findsTheTemperatureOfAnOverconfidentNetwork(weights: [BiasObjective.Term: Double]) throws {
    let sharp = model.draw(3000, seed: 5)
    // Logits twice as large as they should be.
    let rows = (0..<sharp.count).flatMap { picture in
      let row = (0..<3).map { sharp.probabilities[3 * picture + $0] * sharp.probabilities[3 * picture + $0] }
      return row.map { $0 / row.reduce(0, +) }
    }
    let scores = try BiasScores(labels: sharp.labels, probabilities: rows, truth: sharp.truth)
    let settings = BiasSearchSettings(
      method: .evolutionary, objective: BiasObjective(weights: weights), searchedClasses: [0, 1, 2], trials: 300,
      searchesTemperature: true)
    let result = try BiasSearch.run(scores, settings: settings)
    #expect(abs(result.candidateTemperature - 2) < 0.25)
    if weights[.nll] == nil {
      // It changes no answer: factors of b^T without temperature call the same.
      var without = settings
      without.searchesTemperature = false
      let plain = try BiasSearch.run(scores, settings: without)
      #expect(abs(plain.value - result.value) < 1e-12)
      for (plain, factor) in zip(plain.candidate, result.candidate) {
        #expect(abs(log(factor) * result.candidateTemperature - log(plain)) < 1e-9)
      }
    }
  }

  @Test func importanceIsThatOfTheFactorsThatMoveTheObjective() throws {
    // Class 3 is never near to being called, so its factor hardly matters.
    var random = RandomGenerator(seed: 6)
    let base = model.draw(600, seed: 6)
    var rows: [Float] = []
    for picture in 0..<base.count {
      rows += base.probabilities[3 * picture..<3 * picture + 3].map { $0 * 0.9999 }
      rows.append(0.0001)
    }
    var truth = base.truth
    for _ in 0..<5 { truth[Int(random.next() % 600)] = 3 }
    let scores = try BiasScores(labels: base.labels + ["never"], probabilities: rows, truth: truth)
    let settings = BiasSearchSettings(searchedClasses: [0, 2, 3], trials: 100)
    let result = try BiasSearch.run(scores, settings: settings)
    #expect(result.importance.count == 3)
    #expect(abs(result.importance.reduce(0, +) - 1) < 1e-9)
    #expect(result.importance[2] < 0.05)
    #expect(result.importance[0] > 0.2 && result.importance[1] > 0.2)
  }

  @Test func landscapeIsTheObjectiveOverTwoFactors() throws {
    let scores = model.draw(150, seed: 7)
    let settings = BiasSearchSettings(searchedClasses: [0, 1, 2], smallestFactor: 0.5, largestFactor: 2)
    let map = try BiasSearch.landscape(scores, settings: settings, around: [1, 1.5, 1], classes: (2, 0), steps: 3)
    let ticks = BiasSearch.landscapeTicks(settings, steps: 3)
    for (found, expected) in zip(ticks, [0.5, 1, 2]) { #expect(abs(found - expected) < 1e-12) }
    for row in 0..<3 {
      for column in 0..<3 {
        let called = scores.called(factors: [ticks[column], 1.5, ticks[row]])
        let recall = (0..<3).map { label in
          let own = called.indices.filter { scores.truth[$0] == label }
          return Double(own.count { called[$0] == label }) / Double(own.count)
        }
        #expect(abs(map[row][column] - recall.reduce(0, +) / 3) < 1e-12)
      }
    }
  }
}
