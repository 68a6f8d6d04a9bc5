import Foundation

/// Factors by maximum likelihood: those with which the true classes are most probable, where each class's pictures count
/// together as much as the objective wants of it (for recall averaged over classes: all alike).
///
/// Few numbers from all pictures by a smooth, convex criterion: where a search follows the chance of single pictures, this
/// one hardly does, so it often serves pictures not seen better though it is not the optimum on those that it was fitted
/// on. With true posteriors both agree with `LogitAdjustment`. (Cf. bias-corrected temperature scaling, Alexandari et al.,
/// ICML 2020.)
enum LikelihoodFit {
  /// ln b of all classes, within the limits; 0 for those that are not searched. nil where true classes are not known, or
  /// the objective does not ask for them.
  static func logFactors(_ scores: BiasScores, settings: BiasSearchSettings, space: BiasSpace) -> [Double]? {
    guard settings.objective.needsTruth, let shares = scores.classShares else { return nil }
    let classes = scores.labels.count
    var wanted = [Double](repeating: 0, count: classes)
    for (term, weight) in settings.objective.weights {
      switch term {
      case .macroRecall, .macroF1: for label in 0..<classes where shares[label] > 0 { wanted[label] += weight }
      case .accuracy, .nll: for label in 0..<classes { wanted[label] += weight * shares[label] * Double(classes) }
      case .distribution: break
      }
    }
    let total = wanted.reduce(0, +)
    // Of one picture of the class.
    let weights = (0..<classes).map { label in
      shares[label] > 0 ? wanted[label] / total / (shares[label] * Double(scores.count)) : 0
    }
    var logFactors = [Double](repeating: 0, count: classes)
    for _ in 0..<50 {
      let step = newtonStep(scores, logFactors: logFactors, weights: weights, searched: settings.searchedClasses)
      for (label, move) in zip(settings.searchedClasses, step) {
        // The first steps from far away may overshoot.
        logFactors[label] = min(20, max(-20, logFactors[label] + min(2, max(-2, move))))
      }
      if step.allSatisfy({ abs($0) < 1e-6 }) { break }
    }
    return space.logFactors(space.point(logFactors: logFactors, temperature: 1))
  }

  /// Where the quadratic about these factors is largest, as seen from there.
  private static func newtonStep(
    _ scores: BiasScores, logFactors: [Double], weights: [Double], searched: [Int]
  ) -> [Double] {
    let classes = scores.labels.count
    let factors = logFactors.map { exp($0) }
    var gradient = [Double](repeating: 0, count: classes)
    var curvature = [Double](repeating: 0, count: classes * classes)
    var row = gradient
    for picture in 0..<scores.count {
      let label = scores.truth[picture]!
      let weight = weights[label]
      var sum = 0.0
      for column in 0..<classes {
        row[column] = max(1e-12, Double(scores.probabilities[picture * classes + column])) * factors[column]
        sum += row[column]
      }
      for column in 0..<classes { row[column] /= sum }
      gradient[label] += weight
      for column in 0..<classes {
        let share = weight * row[column]
        gradient[column] -= share
        curvature[column * classes + column] += share
        for other in 0..<classes { curvature[column * classes + other] -= share * row[other] }
      }
    }
    // A trace on the diagonal: a common factor of all classes changes nothing, so that direction has no curvature.
    let matrix = searched.flatMap { row in searched.map { curvature[row * classes + $0] + (row == $0 ? 1e-6 : 0) } }
    return CholeskyFactor(matrix, size: searched.count).solve(searched.map { gradient[$0] })
  }
}
