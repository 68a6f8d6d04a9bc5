import Foundation

/// What a recipe does for classes that need more than others.
extension TrainingRecipe {
  /// Positions of the classes that `focus` names.
  ///
  /// - Throws: `invalidSettings` for a name that is no class, or a class named twice.
  public func focusPositions(in labels: ClassLabels) throws(TrainingError) -> [Int] {
    try Self.positions(of: focus, in: labels, setting: "focus")
  }

  static func positions(
    of names: [String], in labels: ClassLabels, setting: String
  ) throws(TrainingError) -> [Int] {
    var positions: [Int] = []
    for name in names {
      guard let position = labels.position(of: name) else {
        throw .invalidSettings(
          "\(setting): \"\(name)\" is no class; the classes are \(labels.names.joined(separator: ", "))")
      }
      guard !positions.contains(position) else {
        throw .invalidSettings("\(setting) names the class \(labels.names[position]) twice")
      }
      positions.append(position)
    }
    return positions
  }

  /// `focusFactor` for the classes in focus, 1 for the others.
  func importance(in labels: ClassLabels) throws(TrainingError) -> [Double] {
    var importance = [Double](repeating: 1, count: labels.count)
    for position in try focusPositions(in: labels) { importance[position] = Double(focusFactor) }
    return importance
  }

  func makeSampler(for pictures: PictureSet) throws(TrainingError) -> ClassSampler {
    ClassSampler(
      indicesByClass: pictures.indicesByClass, power: samplerPower, importance: try importance(in: pictures.labels),
      seed: seed)
  }

  /// How many pictures of each class an epoch shows, in the order of the labels.
  ///
  /// - Parameter weights: Those that dynamic sampling has reached; nil = its start.
  public func shownCounts(of pictures: PictureSet, weights: [Double]? = nil) throws(TrainingError) -> [Int] {
    try makeSampler(for: pictures).quotas(weights: weights)
  }

  /// Both losses that know of the classes' shares go by what the sampler's power makes of them: what it evens out is not
  /// evened out again. They leave the importance of classes in focus, and dynamic sampling, as they are.
  func makeLoss(classCounts: [Int]) -> SoftmaxCrossEntropy {
    let shown = ClassSampler.quotas(counts: classCounts, power: samplerPower)
    let total = Double(shown.reduce(0, +))
    var loss = SoftmaxCrossEntropy(labelSmoothing: labelSmoothing)
    switch self.loss {
    case .crossEntropy: break
    case .classWeighted:
      // Σ count · weight = total: the mean weight of a picture is 1.
      loss.classWeights = shown.map { Float(total / Double(shown.count) / Double(max(1, $0))) }
    case .balancedSoftmax:
      loss.logPrior = shown.map { Float(log(Double(max(1, $0)) / total)) }
    }
    return loss
  }

  /// True where the recipe asks for a loss that knows of the classes' shares, and the sampler leaves it nothing to do.
  public func hasIdleLoss(classCounts: [Int]) -> Bool {
    let made = makeLoss(classCounts: classCounts)
    guard let values = made.classWeights ?? made.logPrior, let low = values.min(), let high = values.max() else {
      return false
    }
    // The sampler deals in whole pictures.
    return high - low < 0.02
  }

  /// What selects the best epoch: `accuracyWeight` × accuracy + the rest × macro recall, in which classes in focus count
  /// `focusFactor`-fold.
  func score(_ metrics: ClassificationMetrics, labels: ClassLabels) throws(TrainingError) -> Double {
    let weight = Double(accuracyWeight)
    return weight * metrics.accuracy
      + (1 - weight) * (focus.isEmpty ? metrics.macroRecall : try weightedRecall(metrics, labels: labels))
  }

  /// Over the classes that have pictures.
  private func weightedRecall(
    _ metrics: ClassificationMetrics, labels: ClassLabels
  ) throws(TrainingError) -> Double {
    var sum = 0.0
    var total = 0.0
    for (scores, importance) in zip(metrics.perClass, try importance(in: labels)) where scores.support > 0 {
      sum += importance * scores.recall
      total += importance
    }
    return total > 0 ? sum / total : 0
  }
}

/// How the pictures of each class are varied.
public struct ClassAugmentation: Equatable, Sendable {
  /// In the order of the labels.
  public let policies: [AugmentationPolicy]
  /// Positions of the classes that are varied more strongly than the recipe says for all.
  public let strengthened: [Int]
}

extension TrainingRecipe {
  /// With `targetedAugmentation`, classes with less than half of the mean number of pictures, and those in focus, are
  /// varied by the strengthened policy (see `AugmentationPolicy.strengthened`), all others by the recipe's own.
  public func augmentation(for pictures: PictureSet) throws(TrainingError) -> ClassAugmentation {
    try augmentation(labels: pictures.labels, classCounts: pictures.classCounts)
  }

  func augmentation(labels: ClassLabels, classCounts: [Int]) throws(TrainingError) -> ClassAugmentation {
    let focused = try focusPositions(in: labels)
    let mean = Double(classCounts.reduce(0, +)) / Double(classCounts.count)
    let strengthened = labels.names.indices.filter {
      targetedAugmentation && (focused.contains($0) || Double(classCounts[$0]) < mean / 2)
    }
    return ClassAugmentation(
      policies: labels.names.indices.map { strengthened.contains($0) ? augmentation.strengthened : augmentation },
      strengthened: strengthened)
  }
}
