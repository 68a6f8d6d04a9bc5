import Foundation

/// Factors in closed form: what is wanted of each class divided by what the network gives it.
///
/// Dividing posteriors by the prior maximises the mean recall of the classes where the posteriors are right (Menon et al.,
/// "Long-tail learning via logit adjustment", ICLR 2021). The prior is the *effective* one, the mean of the posteriors
/// over the pictures, instead of the class counts of the training data, which the network need not have taken over
/// (Prior2Posterior, arXiv 2412.16540).
enum LogitAdjustment {
  /// ln b of all classes, within the limits; 0 for those that are not searched.
  static func logFactors(_ scores: BiasScores, settings: BiasSearchSettings) -> [Double] {
    let classes = scores.labels.count
    let prior = scores.effectivePrior
    let uniform = [Double](repeating: 1 / Double(classes), count: classes)
    var wanted = [Double](repeating: 0, count: classes)
    let total = settings.objective.weights.values.reduce(0, +)
    for term in BiasObjective.Term.allCases {
      guard let weight = settings.objective.weights[term], weight > 0 else { continue }
      let shares: [Double] =
        switch term {
        case .macroRecall, .macroF1: uniform
        case .accuracy, .nll: scores.classShares ?? uniform
        case .distribution: settings.objective.targetDistribution ?? uniform
        }
      for label in 0..<classes { wanted[label] += weight / total * shares[label] }
    }
    var logFactors = (0..<classes).map { log(max(1e-6, wanted[$0]) / max(1e-6, prior[$0])) }
    // Only the ratios matter. Classes that are not searched keep a factor of 1; where there are none, the mean is 1.
    let searched = Set(settings.searchedClasses)
    let fixed = (0..<classes).filter { !searched.contains($0) && wanted[$0] > 0 }
    let reference = fixed.isEmpty ? Array(0..<classes) : fixed
    let offset = reference.reduce(0) { $0 + logFactors[$1] } / Double(reference.count)
    let low = log(settings.smallestFactor)
    let high = log(settings.largestFactor)
    for label in 0..<classes {
      logFactors[label] = searched.contains(label) ? min(high, max(low, logFactors[label] - offset)) : 0
    }
    return logFactors
  }
}
