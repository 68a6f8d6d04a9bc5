/// What a search for bias factors makes as large as possible: a weighted mean of terms.
public struct BiasObjective: Equatable, Sendable {
  public enum Term: String, CaseIterable, Codable, Sendable {
    /// Mean over the classes of the part of their pictures that is called so.
    case macroRecall = "macro-recall"
    /// Mean over the classes of the harmonic mean of precision and recall.
    case macroF1 = "macro-f1"
    /// Part of the pictures that is called right.
    case accuracy
    /// Mean logarithm of the true class's probability (so larger is better), which counts as 1e-12 where it is smaller.
    case nll
    /// 1 minus the total variation distance (half the sum of the differences) between what the pictures are called and
    /// the target distribution: 1 = met exactly. The only one that needs no true classes.
    case distribution
  }

  /// Positive; only their ratios matter.
  public var weights: [Term: Double]
  /// What part of the pictures is to be called each class, in the order of the labels, sums to 1; nil = all alike.
  public var targetDistribution: [Double]?
  /// The search subtracts this times the mean square of ln b over the searched classes: of factors that serve equally
  /// it prefers those nearer to 1. At 0.001 factors of 2 or 1/2 cost as much as 0.05 points of recall.
  public var regularisation: Double

  public static let defaultRegularisation = 1e-3

  public init(
    weights: [Term: Double] = [.macroRecall: 1], targetDistribution: [Double]? = nil,
    regularisation: Double = BiasObjective.defaultRegularisation
  ) {
    self.weights = weights
    self.targetDistribution = targetDistribution
    self.regularisation = regularisation
  }

  /// Whether the pictures' true classes must be known.
  public var needsTruth: Bool { weights.contains { $0.key != .distribution && $0.value > 0 } }

  /// A distribution over all classes from one that names some of them: the others share the rest equally.
  ///
  /// - Throws: `TrainingError.invalidSettings` for shares that are negative, no numbers, or sum to more than 1, and for
  ///   a sum below 1 that leaves no class to take the rest.
  public static func distribution(
    _ named: [Int: Double], labels: [String]
  ) throws(TrainingError) -> [Double] {
    var sum = 0.0
    for (label, share) in named.sorted(by: { $0.key < $1.key }) {
      precondition(labels.indices.contains(label))
      guard share >= 0, share.isFinite else {
        throw .invalidSettings(
          "target distribution: expected a share of 0 to 1 for \"\(labels[label])\", found \(share)")
      }
      sum += share
    }
    guard sum <= 1 + 1e-6 else {
      throw .invalidSettings("target distribution: expected shares that sum to at most 1, they sum to \(sum)")
    }
    let others = labels.count - named.count
    guard others > 0 || sum >= 1 - 1e-6 else {
      throw .invalidSettings("target distribution: expected shares of all classes to sum to 1, they sum to \(sum)")
    }
    let rest = others > 0 ? max(0, 1 - sum) / Double(others) : 0
    return labels.indices.map { named[$0] ?? rest }
  }

  /// - Throws: `TrainingError.invalidSettings`
  func validate(classes: Int) throws(TrainingError) {
    guard weights.values.allSatisfy({ $0 >= 0 && $0.isFinite }), weights.values.contains(where: { $0 > 0 }) else {
      throw .invalidSettings("objective: expected weights of 0 or more, at least one above 0")
    }
    guard regularisation >= 0, regularisation.isFinite else {
      throw .invalidSettings("regularisation: expected 0 or more, found \(regularisation)")
    }
    guard let targetDistribution else { return }
    guard targetDistribution.count == classes else {
      throw .invalidSettings(
        "target distribution: expected \(classes) shares, found \(targetDistribution.count)")
    }
    let sum = targetDistribution.reduce(0, +)
    guard targetDistribution.allSatisfy({ $0 >= 0 && $0.isFinite }), abs(sum - 1) <= 1e-6 else {
      throw .invalidSettings("target distribution: expected shares that sum to 1, they sum to \(sum)")
    }
  }
}
