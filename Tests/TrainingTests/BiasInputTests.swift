import Testing

@testable import Training

struct BiasInputTests {
  private func scores(_ rows: [[Float]], _ truth: [Int?]) throws(TrainingError) -> BiasScores {
    try BiasScores(labels: ["angry", "sad", "happy"], probabilities: rows.flatMap { $0 }, truth: truth)
  }

  private let good: [[Float]] = [[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.25, 0.25, 0.5], [0.6, 0.2, 0.2]]

  /// What the error says when the second picture's row is another one.
  private func refusal(row: [Float]) -> String? {
    var rows = good
    rows[1] = row
    do {
      _ = try scores(rows, [0, 1, 2, 0])
      return nil
    } catch {
      return error.description
    }
  }

  @Test func refusesRowsThatAreNoProbabilities() {
    #expect(refusal(row: [0.2, .nan, 0.8]) == "scores: picture 1: expected a probability for \"sad\", found nan")
    #expect(
      refusal(row: [0.2, 1.2, -0.4]) == "scores: picture 1: expected a probability for \"happy\", found -0.4")
    #expect(
      refusal(row: [.infinity, 0, 0]) == "scores: picture 1: expected a probability for \"angry\", found inf")
    #expect(refusal(row: [0.25, 0.25, 0.25])?.contains("sum to 1, they sum to 0.75") == true)
    #expect(refusal(row: [0.2505, 0.25, 0.5]) == nil)
  }

  @Test func refusesTooLittleOrMismatchedData() {
    #expect(throws: TrainingError.invalidData(path: "scores", "expected at least 2 pictures, found 1")) {
      try scores([good[0]], [0])
    }
    #expect(throws: TrainingError.invalidData(path: "scores", "expected at least 2 pictures, found 0")) {
      try scores([], [])
    }
    #expect(throws: TrainingError.invalidData(path: "scores", "expected 3 x 3 probabilities, found 12")) {
      try scores(good, [0, 1, 2])
    }
    #expect(throws: TrainingError.invalidData(path: "scores", "expected at least 2 classes, found 1")) {
      try BiasScores(labels: ["one"], probabilities: [1, 1], truth: [0, 0])
    }
    #expect(throws: TrainingError.invalidData(path: "scores", "picture 2: expected a class of 0 to 2, found 3")) {
      try scores(good, [0, 1, 3, 0])
    }
  }

  private func problem(
    truth: [Int?] = [0, 1, 2, 0], _ change: (inout BiasSearchSettings) -> Void
  ) throws -> String {
    var settings = BiasSearchSettings(searchedClasses: [0, 1, 2], trials: 10, folds: 2)
    change(&settings)
    let scores = try scores(good, truth)
    do {
      _ = try BiasSearch.run(scores, settings: settings)
      return ""
    } catch TrainingError.invalidSettings(let problem) {
      return problem
    }
  }

  @Test func refusesSettingsThatCannotBe() throws {
    #expect(try problem { _ in } == "")
    #expect(try problem { $0.trials = 0 }.hasPrefix("trials: expected at least 1"))
    #expect(try problem { $0.jobs = 0 }.hasPrefix("jobs: expected at least 1"))
    #expect(try problem { $0.folds = 1 }.contains("found 1"))
    #expect(try problem { $0.folds = 5 }.contains("number of pictures (4), found 5"))
    #expect(try problem { $0.smallestFactor = 0 }.hasPrefix("limits of the factors"))
    #expect(try problem { $0.largestFactor = .nan }.hasPrefix("limits of the factors"))
    #expect(try problem { $0.smallestFactor = 2 }.hasPrefix("limits of the factors"))
    #expect(try problem { $0.searchedClasses = [] }.hasPrefix("searched classes"))
    #expect(try problem { $0.searchedClasses = [0, 3] }.hasPrefix("searched classes"))
    #expect(try problem { $0.searchedClasses = [1, 1] }.hasPrefix("searched classes"))
    #expect(try problem { $0.objective.weights = [:] }.hasPrefix("objective: expected weights"))
    #expect(try problem { $0.objective.weights = [.nll: -1] }.hasPrefix("objective: expected weights"))
    #expect(try problem { $0.objective.regularisation = -1 }.hasPrefix("regularisation"))
    #expect(try problem { $0.objective.targetDistribution = [1, 0] }.contains("expected 3 shares"))
    #expect(try problem { $0.objective.targetDistribution = [0.5, 0.5, 0.5] }.contains("they sum to 1.5"))
  }

  @Test func refusesTruthThatTheObjectiveCannotDoWithout() throws {
    #expect(
      try problem(truth: [0, nil, 2, nil]) { _ in }
        == "the objective needs every picture's true class, which 2 of 4 pictures lack")
    #expect(try problem(truth: [0, nil, 2, nil]) { $0.objective.weights = [.distribution: 1] } == "")
    #expect(
      try problem(truth: [nil, nil, nil, nil]) {
        $0.objective.weights = [.distribution: 1]
        $0.searchesTemperature = true
      } != "")
    #expect(
      try problem(truth: [0, 0, 2, 0]) { _ in }
        == "no picture of \"sad\": its factor cannot be judged; add pictures or leave the class out")
    #expect(try problem(truth: [0, 0, 2, 0]) { $0.searchedClasses = [0, 2] } == "")
    #expect(try problem(truth: [0, 0, 2, 0]) { $0.objective.weights = [.distribution: 1] } == "")
  }

  @Test func sharesTheRestOfADistributionAmongTheClassesNotNamed() throws {
    let labels = ["angry", "sad", "happy"]
    #expect(try BiasObjective.distribution([1: 0.5], labels: labels) == [0.25, 0.5, 0.25])
    #expect(try BiasObjective.distribution([:], labels: labels) == [1 / 3.0, 1 / 3.0, 1 / 3.0])
    #expect(try BiasObjective.distribution([0: 0.5, 1: 0.25, 2: 0.25], labels: labels) == [0.5, 0.25, 0.25])
    for bad in [[0: 0.7, 1: 0.4], [0: -0.1], [0: .nan], [0: 0.5, 1: 0.2, 2: 0.2]] {
      #expect(throws: TrainingError.self) { try BiasObjective.distribution(bad, labels: labels) }
    }
  }
}
