import ArgumentParser
import Foundation
import Inference

/// Factors on the classes' probabilities, from the command line or a file; the same in every subcommand.
///
/// Any of these options replaces the ensemble's own factors as a whole; classes not named are 1.
struct BiasOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Bias factors: a list (angry=4.5,neutral=2.8) or a bias.json.",
      discussion: """
        Each class's probability is multiplied by its factor, then all are scaled to sum to 1. Any bias option \
        replaces the ensemble's own factors; classes not named are 1. --bias none switches the correction off.
        """, valueName: "list-or-file"))
  var bias: String?

  @Option(help: ArgumentHelp("Bias factor of this one class (likewise the options below).", valueName: "x"))
  var angryBias: Double?
  @Option(help: ArgumentHelp(visibility: .default))
  var disgustBias: Double?
  @Option(help: ArgumentHelp(visibility: .default))
  var fearBias: Double?
  @Option(help: ArgumentHelp(visibility: .default))
  var happyBias: Double?
  @Option(help: ArgumentHelp(visibility: .default))
  var sadBias: Double?
  @Option(help: ArgumentHelp(visibility: .default))
  var surpriseBias: Double?
  @Option(help: ArgumentHelp(visibility: .default))
  var neutralBias: Double?

  /// The options of one class each, those that were given.
  private var single: [String: Double] {
    let all = [
      "angry": angryBias, "disgust": disgustBias, "fear": fearBias, "happy": happyBias, "sad": sadBias,
      "surprise": surpriseBias, "neutral": neutralBias,
    ]
    return all.compactMapValues { $0 }
  }

  /// Whether there is any of these options.
  var isGiven: Bool { bias != nil || !single.isEmpty }

  func validate() throws {
    for (name, factor) in single { try Self.check(factor, of: name) }
    if let bias, bias.contains("=") { _ = try Self.parse(list: bias) }
  }

  /// The correction that the user asked for; nil where no bias option was given, so that the ensemble's own holds.
  /// An option of one class wins over `--bias`.
  ///
  /// - Parameter labels: the ensemble's classes.
  /// - Throws: `CommandFailure` for a class that the ensemble does not know (64) and for a `bias.json` that is
  ///   missing (66) or damaged (65).
  func correction(labels: [String]) throws -> BiasCorrection? {
    guard isGiven else { return nil }
    var base = BiasCorrection(neutral: labels)
    if let bias, bias != "none" {
      base = bias.contains("=") ? try resolve(Self.parse(list: bias), labels) : try Self.read(bias, labels)
    }
    var named = Dictionary(uniqueKeysWithValues: zip(labels, base.factors.map { Double($0) }))
    for (name, factor) in single {
      // The ensemble may spell the class otherwise ("anger"); an unknown one fails below.
      named[EmotionLabel.index(of: name, in: labels).map { labels[$0] } ?? name] = factor
    }
    return try resolve(named, labels, temperature: Double(base.temperature))
  }

  private func resolve(
    _ named: [String: Double], _ labels: [String], temperature: Double = 1
  ) throws -> BiasCorrection {
    do {
      return try BiasCorrection(named, labels: labels, temperature: temperature)
    } catch {
      throw CommandFailure(.wrongUsage, "\(error)")
    }
  }

  private static func read(_ file: String, _ labels: [String]) throws -> BiasCorrection {
    guard FileManager.default.fileExists(atPath: file) else {
      throw CommandFailure(.noSuchInput, "\(file): no such bias file (a list needs a \"=\": angry=4.5,neutral=2.8)")
    }
    return try BiasCorrection(contentsOf: file, labels: labels)
  }

  private static func check(_ factor: Double, of name: String) throws {
    guard factor.isFinite, factor > 0, factor <= 1e6 else {
      throw ValidationError("The bias of \"\(name)\" must be a positive number up to 1000000, not \(factor).")
    }
  }

  /// - Throws: `ValidationError` where it is no list such as `angry=4.5,neutral=2.8`.
  static func parse(list: String) throws -> [String: Double] {
    var factors: [String: Double] = [:]
    for part in list.split(separator: ",", omittingEmptySubsequences: false) {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = pair[0].trimming()
      guard pair.count == 2, let factor = Double(pair[1].trimming()), !name.isEmpty else {
        throw ValidationError("--bias takes a list such as angry=4.5,neutral=2.8; \"\(part)\" is no part of one.")
      }
      guard factors.updateValue(factor, forKey: name) == nil else {
        throw ValidationError("--bias names \"\(name)\" twice.")
      }
      try check(factor, of: name)
    }
    return factors
  }
}

extension Substring {
  /// Without spaces and tabs at both ends.
  fileprivate func trimming() -> String {
    String(drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
  }
}
