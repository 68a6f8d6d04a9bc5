import ArgumentParser
import Foundation
import Training

/// What a search makes as large as possible, and how.
struct BiasSearchOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "How factors are proposed: grid-search, bayesian (tree-structured Parzen estimator) or evolutionary (CMA-ES).",
      valueName: "name"))
  var method = BiasMethod.bayesian

  @Option(
    help: ArgumentHelp(
      "What to make as large as possible: \(ObjectiveArgument.names), or a mix (macro-recall=0.7,nll=0.3).",
      discussion: """
        Default: macro-recall where it is known what the pictures show, else distribution, which also --target-distribution \
        chooses.
        """, valueName: "name-or-mix"))
  var objective: ObjectiveArgument?

  @Option(
    help: ArgumentHelp(
      "How often each class shall be called: uniform, data (as often as the pictures show it) or a list.",
      discussion: "In a list (angry=0.15,sad=0.2) classes not named share the rest. Default: uniform.",
      valueName: "list"))
  var targetDistribution: DistributionArgument?

  @Option(
    help: ArgumentHelp(
      "Classes whose factors are searched; the others stay at 1. Default: all.", valueName: "a,b,c"))
  var classes: String?

  @Option(help: ArgumentHelp("Sets of factors to try on all pictures, and again for each fold.", valueName: "n"))
  var trials = 2000

  @Option(
    help: ArgumentHelp(
      "Parts of the search that run at the same time; no influence on the result. Default: all processors.",
      valueName: "n"))
  var jobs: Int?

  @Option(
    help: ArgumentHelp(
      "Parts of the pictures for cross-validation. Default: 5, or fewer where there are fewer pictures.",
      valueName: "n"))
  var folds: Int?

  @Option(help: ArgumentHelp("Governs everything random.", valueName: "n"))
  var seed: UInt64 = 0

  @Option(help: ArgumentHelp("Smallest factor to try.", valueName: "x"))
  var smallestFactor = 0.1

  @Option(help: ArgumentHelp("Largest factor to try.", valueName: "x"))
  var largestFactor = 10.0

  @Option(
    help: ArgumentHelp(
      "How strongly factors near 1 are preferred: this times the mean square of their logarithms is subtracted.",
      valueName: "x"))
  var regularisation = BiasObjective.defaultRegularisation

  @Flag(help: "Search a temperature, too, which makes confidences honest.")
  var temperature = false

  func validate() throws {
    func check(_ holds: Bool, _ option: String, _ expected: String, _ value: Any) throws {
      guard holds else { throw ValidationError("--\(option) takes \(expected), not \(value).") }
    }
    try check(1...10_000_000 ~= trials, "trials", "a number from 1 to 10000000", trials)
    if let jobs { try check(1...1024 ~= jobs, "jobs", "a number from 1 to 1024", jobs) }
    if let folds { try check(2...100 ~= folds, "folds", "a number from 2 to 100", folds) }
    // So that it is the same number in any JSON reader.
    try check(seed <= 1 << 53, "seed", "a number up to 2^53", seed)
    try check(smallestFactor >= 1e-6 && smallestFactor <= 1, "smallest-factor", "a number up to 1", smallestFactor)
    try check(largestFactor >= 1 && largestFactor <= 1e6, "largest-factor", "a number from 1", largestFactor)
    try check(smallestFactor < largestFactor, "largest-factor", "more than --smallest-factor", largestFactor)
    try check(regularisation >= 0 && regularisation <= 1e6, "regularisation", "a number from 0", regularisation)
  }

  /// - Parameters:
  ///   - truth: position of the class of each picture; nil = unknown.
  ///   - usesTruth: whether the user asked for it.
  /// - Throws: `CommandFailure` (64) for what contradicts itself or the model.
  func settings(labels: [String], truth: [Int?], usesTruth: Bool, isForced: Bool) throws -> BiasSearchSettings {
    let shares = Self.shares(truth, classes: labels.count)
    var objective = BiasObjective(regularisation: regularisation)
    if let given = self.objective {
      objective.weights = given.weights
    } else if shares == nil || (targetDistribution != nil && !usesTruth) {
      objective.weights = [.distribution: 1]
    }
    guard shares != nil || !objective.needsTruth else {
      throw CommandFailure(
        .wrongUsage,
        "the objective \(objective.text) needs pictures whose emotion is known: folders of classes or "
          + "--ground-truth-file")
    }
    guard shares != nil || !temperature else {
      throw CommandFailure(.wrongUsage, "--temperature needs pictures whose emotion is known")
    }
    if let targetDistribution {
      guard objective.weights[.distribution] != nil else {
        throw CommandFailure(
          .wrongUsage, "--target-distribution belongs to the objective distribution, not to \(objective.text)")
      }
      objective.targetDistribution = try targetDistribution.shares(labels: labels, truth: shares)
    }
    return BiasSearchSettings(
      method: method, objective: objective, searchedClasses: try ClassArgument.positions(classes, labels: labels),
      trials: trials, jobs: jobs ?? ProcessInfo.processInfo.activeProcessorCount, seed: seed,
      folds: folds ?? max(2, min(5, truth.count)), smallestFactor: smallestFactor, largestFactor: largestFactor,
      searchesTemperature: temperature, force: isForced)
  }

  /// nil where one is unknown.
  private static func shares(_ truth: [Int?], classes: Int) -> [Double]? {
    var counts = [Double](repeating: 0, count: classes)
    for label in truth {
      guard let label else { return nil }
      counts[label] += 1
    }
    return counts.map { $0 / Double(max(1, truth.count)) }
  }
}
