import ArgumentParser
import Foundation
import Training

/// Searches bias factors on a table of scores, once for each seed: how good, and how long a trial takes.
struct BiasCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bias", abstract: "Time the search of bias factors on scores that `scores` has printed.")

  @Argument(help: "Table of scores.")
  var table: String

  @Option(help: "grid-search, bayesian, evolutionary")
  var methods: [String] = BiasMethod.allCases.map(\.rawValue)

  @Option(parsing: .upToNextOption) var trials: [Int] = [200, 1000]

  @Option(help: "Searches with seeds from 0.")
  var seeds = 20

  @Option(parsing: .upToNextOption, help: "Classes whose factors are searched; default: all.")
  var classes: [String] = []

  @Option(help: "macro-recall, macro-f1, accuracy, nll, distribution")
  var objective = "macro-recall"

  @Option var regularisation = BiasObjective.defaultRegularisation

  @Option(help: "Name of the case in the printed figures.")
  var name = "all"

  @Flag(help: "Cross-validate too.")
  var crossValidate = false

  struct Line: Encodable {
    var what = "bias"
    var engine: String
    var name: String
    var trials: Int
    var seed: Int
    var value: Double
    var refined: Double
    var before: Double
    var microsecondsPerTrial: Double
    var microsecondsOfRefinement: Double
    var factors: [Double]
    var gain: Double?
    var interval: [Double]?

    enum CodingKeys: String, CodingKey {
      case what, engine, name, trials, seed, value, refined, before, factors, gain, interval
      case microsecondsPerTrial = "us_per_trial"
      case microsecondsOfRefinement = "us_of_refinement"
    }
  }

  func run() throws {
    let scores = try BiasScores(table: table)
    guard let term = BiasObjective.Term(rawValue: objective) else {
      throw ValidationError("\(objective): no objective")
    }
    let searched = try classes.map { name in
      guard let label = scores.labels.firstIndex(of: name) else { throw ValidationError("\(name): no class") }
      return label
    }
    for method in methods {
      guard let method = BiasMethod(rawValue: method) else { throw ValidationError("\(method): no method") }
      for trials in trials {
        for seed in 0..<seeds {
          let settings = BiasSearchSettings(
            method: method, objective: BiasObjective(weights: [term: 1], regularisation: regularisation),
            searchedClasses: searched.isEmpty ? Array(scores.labels.indices) : searched, trials: trials,
            seed: UInt64(seed))
          try search(scores, settings: settings)
        }
      }
    }
  }

  private func search(_ scores: BiasScores, settings: BiasSearchSettings) throws {
    let watch = TrialWatch(count: settings.trials)
    let start = TrialWatch.processorSeconds()
    let result = try BiasSearch.run(
      scores, settings: settings, isStopped: { [crossValidate] in !crossValidate && watch.isDone },
      onTrial: { watch.note($0) })
    // The objective without its charge for factors that are not 1, as the peers know none.
    let bestTrial = result.trials.prefix(settings.trials).max { $0.value < $1.value }!
    let searched = Double(settings.searchedClasses.count)
    let charge = bestTrial.factors.reduce(0) { $0 + log($1) * log($1) } / searched
    try printLine(
      Line(
        engine: "ferd \(settings.method.rawValue)", name: name, trials: settings.trials, seed: Int(settings.seed),
        value: bestTrial.value + settings.objective.regularisation * charge, refined: result.value,
        before: result.valueBefore,
        microsecondsPerTrial: (watch.end - start) / Double(min(settings.trials, result.trials.count)) * 1e6,
        microsecondsOfRefinement: (watch.refined - watch.end) * 1e6, factors: result.candidate,
        gain: result.crossValidated.map { $0.after - $0.before },
        interval: result.crossValidated.map { [$0.interval.low, $0.interval.high] }))
  }

  private func printLine(_ line: Line) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    FileHandle.standardOutput.write(try encoder.encode(line) + Data("\n".utf8))
  }
}

/// Processor time of the calling thread at the last trial, and at the refined one behind it. One thread writes; others
/// only ask whether it is done, when that is no longer so.
private final class TrialWatch: @unchecked Sendable {
  private let count: Int
  private(set) var end = 0.0
  private(set) var refined = 0.0
  private(set) var isDone = false

  init(count: Int) { self.count = count }

  func note(_ trial: BiasTrial) {
    if trial.number < count {
      end = Self.processorSeconds()
    }
    refined = Self.processorSeconds()
    isDone = trial.number + 1 >= count
  }

  static func processorSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}
