public import ArgumentParser
import Inference
public import Training

extension BiasMethod: ExpressibleByArgument {
  /// Takes the spellings of the original scripts, too.
  public init?(argument: String) {
    switch argument.replacing("_", with: "-") {
    case "grid-search", "grid": self = .gridSearch
    case "bayesian", "optuna", "tpe": self = .bayesian
    case "evolutionary", "cma-es": self = .evolutionary
    default: return nil
    }
  }
}

/// What `--objective` says: terms with their weights.
struct ObjectiveArgument: Equatable, ExpressibleByArgument {
  var weights: [BiasObjective.Term: Double]

  /// A name, or a mix such as `macro-recall=0.7,nll=0.3`.
  init?(argument: String) {
    weights = [:]
    let parts = NameList.parse(argument)
    for part in parts {
      let pair = part.split(separator: "=", omittingEmptySubsequences: false)
      guard let term = BiasObjective.Term(rawValue: String(pair[0]).replacing("_", with: "-")) else { return nil }
      switch pair.count {
      // A mix says how much of each.
      case 1 where parts.count == 1: weights[term] = 1
      case 2:
        guard let weight = Double(pair[1]), weight > 0, weight <= 1e6, weights[term] == nil else { return nil }
        weights[term] = weight
      default: return nil
      }
    }
  }

  static let names = BiasObjective.Term.allCases.map(\.rawValue).joined(separator: ", ")
}

/// What `--target-distribution` says.
enum DistributionArgument: Equatable, ExpressibleByArgument {
  case uniform
  /// That of the pictures' true classes.
  case data
  /// Shares by class, checked against the model's classes later.
  case shares([String: Double])

  init?(argument: String) {
    switch argument {
    case "uniform": self = .uniform
    case "data": self = .data
    default:
      var shares: [String: Double] = [:]
      for part in NameList.parse(argument) {
        let pair = part.split(separator: "=", omittingEmptySubsequences: false)
        guard pair.count == 2, let share = Double(pair[1]), !pair[0].isEmpty,
          shares.updateValue(share, forKey: String(pair[0])) == nil
        else { return nil }
      }
      self = .shares(shares)
    }
  }

  /// Shares of all classes; classes not named share the rest.
  ///
  /// - Parameters:
  ///   - truth: shares of the pictures' true classes; nil where they are unknown.
  /// - Throws: `CommandFailure` (64) for unknown classes and shares that are none.
  func shares(labels: [String], truth: [Double]?) throws -> [Double]? {
    switch self {
    case .uniform: return nil
    case .data:
      guard let truth else {
        throw CommandFailure(
          .wrongUsage,
          "--target-distribution data needs pictures whose emotion is known: folders of classes or --ground-truth-file"
        )
      }
      return truth
    case .shares(let named):
      var shares: [Int: Double] = [:]
      for (name, share) in named.sorted(by: { $0.key < $1.key }) {
        let label = try ClassArgument.position(of: name, labels: labels, option: "--target-distribution")
        guard shares.updateValue(share, forKey: label) == nil else {
          throw CommandFailure(.wrongUsage, "--target-distribution names \"\(labels[label])\" twice")
        }
      }
      return try BiasObjective.distribution(shares, labels: labels)
    }
  }
}

/// Classes named on the command line.
enum ClassArgument {
  /// - Throws: `CommandFailure` (64) for a class that the model does not know.
  static func position(of name: String, labels: [String], option: String) throws -> Int {
    guard let position = EmotionLabel.index(of: name, in: labels) else {
      throw CommandFailure(
        .wrongUsage, "\(option) names \"\(name)\", which is none of \(labels.joined(separator: ", "))")
    }
    return position
  }

  /// Positions in the order of the labels; nil = all.
  static func positions(_ list: String?, labels: [String]) throws -> [Int] {
    guard let list else { return Array(labels.indices) }
    var found: Set<Int> = []
    for name in NameList.parse(list) {
      let label = try position(of: name, labels: labels, option: "--classes")
      guard found.insert(label).inserted else {
        throw CommandFailure(.wrongUsage, "--classes names \"\(labels[label])\" twice")
      }
    }
    return found.sorted()
  }
}
