import Foundation

/// What a set of factors makes of one picture.
struct BiasAnswer: Equatable, Sendable {
  /// Position of the class that it is called.
  var called: Int
  /// -ln of the true class's probability, at most that of 1e-12; 0 where it is not known.
  var loss: Double
}

/// Parts of the pictures for cross-validation, and what comes of it.
enum BiasCrossValidation {
  /// Positions of the pictures of each fold. Each class is spread evenly over the folds, and which of its pictures fall
  /// into which one the seed decides.
  static func folds(_ truth: [Int?], count: Int, seed: UInt64) -> [[Int]] {
    var random = RandomGenerator(seed: seed, stream: 0xF01D)
    let labels = Set(truth.map { $0 ?? -1 }).sorted()
    var folds = [[Int]](repeating: [], count: count)
    var next = 0
    for label in labels {
      var positions = truth.indices.filter { (truth[$0] ?? -1) == label }
      positions.shuffle(using: &random)
      for position in positions {
        folds[next % count].append(position)
        next += 1
      }
    }
    return folds.map { $0.sorted() }
  }

  static func answers(_ scores: BiasScores, logFactors: [Double], temperature: Double) -> [BiasAnswer] {
    // As the kernels do: p^(1/T) * b has the order of p * b^T.
    let called = scores.called(factors: logFactors.map { exp($0 * temperature) })
    let classes = scores.labels.count
    return (0..<scores.count).map { picture in
      guard let label = scores.truth[picture] else { return BiasAnswer(called: called[picture], loss: 0) }
      var sum = 0.0
      var own = 0.0
      for column in 0..<classes {
        let logarithm = log(max(1e-12, Double(scores.probabilities[picture * classes + column])))
        let weight = exp(logarithm / temperature + logFactors[column])
        sum += weight
        if column == label { own = weight }
      }
      return BiasAnswer(called: called[picture], loss: -log(max(1e-12, own / sum)))
    }
  }

  static let resamples = 2000
  /// What the bootstrap's interval is stretched by about the gain. The answers come from factors that were found on
  /// overlapping sets of pictures, which leaves them less independent than resampling takes them: without, 80 to 90 % of
  /// the intervals held the true gain where there is none to find, with it 92 to 97 % (and more where there is).
  static let widening = 1.35

  /// Objective before and after, and the widened percentile interval of the gain over resampled pictures; each picture
  /// brings both its answers along.
  static func estimate(
    truth: [Int?], before: [BiasAnswer], after: [BiasAnswer], evaluator: BiasEvaluator, seed: UInt64
  ) -> BiasEstimate {
    let count = truth.count
    precondition(before.count == count && after.count == count)
    let classes = evaluator.classes
    // Pictures with the same truth and the same answers are of one kind; only how many of each are drawn matters.
    var kinds: [Kind] = []
    var positions: [Kind: Int32] = [:]
    let kindOfPicture = (0..<count).map { picture in
      let row = (truth[picture] ?? classes) * classes
      let kind = Kind(before: row + before[picture].called, after: row + after[picture].called)
      if let known = positions[kind] { return known }
      let position = Int32(kinds.count)
      positions[kind] = position
      kinds.append(kind)
      return position
    }
    let needsLoss = evaluator.objective.weights[.nll, default: 0] > 0
    // Both losses enter the gain by their difference alone.
    let (counts, sums) = BiasKernels.bootstrap(
      kinds: kindOfPicture, values: needsLoss ? zip(after, before).map { $0.loss - $1.loss } : [],
      kindCount: kinds.count, resamples: resamples, seed: RandomGenerator(seed: seed, stream: 0xB007).first)

    func objectives(
      _ counts: ArraySlice<Int32>, losses: (before: Double, after: Double)
    ) -> (before: Double, after: Double) {
      var confusions = (
        before: [Int32](repeating: 0, count: evaluator.groupCount * classes),
        after: [Int32](repeating: 0, count: evaluator.groupCount * classes)
      )
      for (kind, number) in zip(kinds, counts) {
        confusions.before[kind.before] += number
        confusions.after[kind.after] += number
      }
      return (
        confusions.before.withUnsafeBufferPointer {
          evaluator.value(confusion: $0, negativeLogLikelihood: losses.before / Double(count))
        },
        confusions.after.withUnsafeBufferPointer {
          evaluator.value(confusion: $0, negativeLogLikelihood: losses.after / Double(count))
        }
      )
    }
    var own = [Int32](repeating: 0, count: kinds.count)
    for kind in kindOfPicture { own[Int(kind)] += 1 }
    let found = objectives(
      own[...], losses: (before.reduce(0) { $0 + $1.loss }, after.reduce(0) { $0 + $1.loss }))
    let gains = (0..<resamples).map { resample in
      let drawn = objectives(
        counts[resample * kinds.count..<(resample + 1) * kinds.count], losses: (0, sums[resample]))
      return drawn.after - drawn.before
    }
    .sorted()
    let gain = found.after - found.before
    func stretched(_ part: Double) -> Double { gain + widening * (quantile(part, of: gains) - gain) }
    return BiasEstimate(
      before: found.before, after: found.after, interval: (stretched(0.025), stretched(0.975)))
  }

  /// Cells of the confusion matrix without and with factors.
  private struct Kind: Hashable {
    var before: Int
    var after: Int
  }

  /// With straight lines between the values.
  static func quantile(_ part: Double, of sorted: [Double]) -> Double {
    let position = part * Double(sorted.count - 1)
    let below = Int(position)
    guard below + 1 < sorted.count else { return sorted[sorted.count - 1] }
    return sorted[below] + (position - Double(below)) * (sorted[below + 1] - sorted[below])
  }
}

extension RandomGenerator {
  /// The first number, to seed another generator with.
  fileprivate var first: UInt64 {
    var copy = self
    return copy.next()
  }
}
