import Foundation

@testable import Training

/// Scores of a network that is right about faces but has learnt a prior of its own, so that the best factors are known.
///
/// A picture of class y is a point x with normal noise about a corner: x_c = separation * [c = y] + noise. The posterior of
/// one who saw classes as often as `prior` says is p_c = prior_c * exp(separation * x_c) / sum. So for pictures whose
/// classes come as often as `shares` says, factors of shares / prior give the right posteriors (least nll, highest
/// accuracy), and 1 / prior the highest mean recall.
struct SyntheticScores {
  var prior: [Double]
  var shares: [Double]
  var separation = 1.5

  var labels: [String] { prior.indices.map { "class\($0)" } }

  func draw(_ count: Int, seed: UInt64) -> BiasScores {
    var random = RandomGenerator(seed: seed)
    var rows: [Float] = []
    var truth: [Int?] = []
    // Each class as often as its share says, to the nearest picture: in order, as folds and evaluation sort anyway.
    for index in 0..<count {
      let part = (Double(index) + 0.5) / Double(count)
      var label = 0
      var sum = shares[0]
      while part > sum, label + 1 < shares.count {
        label += 1
        sum += shares[label]
      }
      truth.append(label)
      let logits = prior.indices.map { column in
        log(prior[column]) + separation * ((column == label ? separation : 0) + random.standardNormal())
      }
      let highest = logits.max()!
      let weights = logits.map { exp($0 - highest) }
      let total = weights.reduce(0, +)
      rows += weights.map { Float($0 / total) }
    }
    return try! BiasScores(labels: labels, probabilities: rows, truth: truth)
  }

  /// Share of right answers for each class with these factors, on pictures enough to take it as the truth.
  func recalls(factors: [Double], count: Int = 30_000, seed: UInt64 = 999) -> [Double] {
    let scores = SyntheticScores(
      prior: prior, shares: prior.map { _ in 1 / Double(prior.count) }, separation: separation
    ).draw(count, seed: seed)
    let called = scores.called(factors: factors)
    return prior.indices.map { label in
      let own = called.indices.filter { scores.truth[$0] == label }
      return Double(own.count { called[$0] == label }) / Double(own.count)
    }
  }
}
