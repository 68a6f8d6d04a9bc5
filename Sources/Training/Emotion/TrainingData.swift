public import Foundation

/// The pictures of a run.
public struct TrainingData: Sendable {
  public var training: PictureSet
  public var validation: PictureSet
  /// Relative paths of validation pictures that a second, stricter figure leaves out: those that the training part
  /// holds too.
  public var duplicates: Set<String>

  public init(training: PictureSet, validation: PictureSet, duplicates: Set<String> = []) {
    precondition(training.imageSize == validation.imageSize && training.labels == validation.labels)
    self.training = training
    self.validation = validation
    self.duplicates = duplicates.intersection(validation.files.map(\.path))
  }

  /// - Parameter probabilities: `[validation pictures, classes]`.
  func metrics(_ probabilities: [Float], withoutDuplicates: Bool) -> ClassificationMetrics {
    let classes = validation.labels.count
    let kept = validation.files.indices.filter {
      !withoutDuplicates || !duplicates.contains(validation.files[$0].path)
    }
    return ClassificationMetrics(
      probabilities: kept.flatMap { probabilities[$0 * classes..<($0 + 1) * classes] },
      truth: kept.map { validation.files[$0].label }, classes: classes)
  }
}

extension PictureSet {
  /// The same for the same pictures, classes and soft targets in the same order.
  var fingerprint: String {
    var check = DamageCheck()
    pixels.withUnsafeBytes { check.update($0) }
    check.completeWord()
    files.map { Int32($0.label) }.withUnsafeBytes { check.update($0) }
    check.completeWord()
    softTargets?.withUnsafeBytes { check.update($0) }
    return String(check.value, radix: 16)
  }
}

extension TrainingRecipe {
  func makeLoss(classCounts: [Int]) -> SoftmaxCrossEntropy {
    let total = Double(classCounts.reduce(0, +))
    var loss = SoftmaxCrossEntropy(labelSmoothing: labelSmoothing)
    switch self.loss {
    case .crossEntropy: break
    case .classWeighted:
      // Σ count · weight = total: the mean weight of a picture is 1.
      loss.classWeights = classCounts.map { Float(total / Double(classCounts.count) / Double(max(1, $0))) }
    case .balancedSoftmax:
      loss.logPrior = classCounts.map { Float(log(Double(max(1, $0)) / total)) }
    }
    return loss
  }
}

/// Speeds of the present process, newer steps counting more.
struct SpeedMeter {
  private(set) var secondsPerStep = 1.0
  private(set) var secondsPerEvaluation = 0.0
  private var steps = 0

  mutating func addStep(_ seconds: Double) {
    steps += 1
    // The first steps warm caches up: the average forgets them soon.
    let share = max(0.02, 1 / Double(steps))
    secondsPerStep += share * (seconds - secondsPerStep)
  }

  mutating func addEvaluation(_ seconds: Double) { secondsPerEvaluation = seconds }
}

extension TrainingData {
  /// Decodes the `train` and `validation` parts of a listing that has both.
  ///
  /// - Parameters:
  ///   - cacheFolder: Where decoded pictures are kept.
  ///   - softLabels: CSV of votes, see `SoftLabels`; used as far as the recipe's `softLabelShare` says.
  public static func read(
    _ listing: FolderListing, recipe: TrainingRecipe, labels: ClassLabels = .emotions, cacheFolder: URL,
    softLabels: String?, duplicates: Set<String>
  ) throws(TrainingError) -> TrainingData {
    do {
      try FileManager.default.createDirectory(at: cacheFolder, withIntermediateDirectories: true)
    } catch {
      throw .inputOutput(path: cacheFolder.path, "cannot be made: \(error)")
    }
    var sets: [PictureSet] = []
    for split in [DataSplit.train, .validation] {
      guard let files = listing.splits[split] else {
        throw .invalidData(path: listing.folder.path, "has no part \(split.rawValue)")
      }
      sets.append(
        try PictureSet.read(
          files, folder: listing.folder, labels: labels, imageSize: recipe.imageSize, cacheFolder: cacheFolder,
          cacheName: split.rawValue))
    }
    if recipe.softLabelShare > 0 {
      guard let softLabels else {
        throw .invalidSettings(
          "the recipe takes \(recipe.softLabelShare) of the targets from votes; none were given")
      }
      sets[0].softTargets = try SoftLabels.read(softLabels, labels: labels).targets(
        for: sets[0].files, classes: labels.count, share: recipe.softLabelShare)
    }
    return TrainingData(training: sets[0], validation: sets[1], duplicates: duplicates)
  }
}
