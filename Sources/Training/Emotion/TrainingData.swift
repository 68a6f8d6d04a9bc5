public import Foundation

/// The pictures of a run.
public struct TrainingData: Sendable {
  public var training: PictureSet
  public var validation: PictureSet
  /// Relative paths of validation pictures that a second, stricter figure leaves out: those that the training part
  /// holds too.
  public var duplicates: Set<String>

  public init(training: PictureSet, validation: PictureSet, duplicates: Set<String> = []) {
    precondition(training.labels == validation.labels)
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
  ///   - softLabels: CSV of votes, see `SoftLabels`; used as the recipe's `softLabelShare`, `softLabelDrop` and
  ///     `softLabelKeep` say.
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
    if recipe.softLabelShare > 0 || recipe.softLabelDrop > 0 {
      guard let softLabels else {
        throw .invalidSettings("the recipe uses votes (softLabelShare, softLabelDrop); none were given")
      }
      let votes = try SoftLabels.read(softLabels, labels: labels)
      let kept = try TrainingRecipe.positions(of: recipe.softLabelKeep, in: labels, setting: "softLabelKeep")
      sets[0] = try votes.apply(
        to: sets[0], share: recipe.softLabelShare, drop: recipe.softLabelDrop, keeping: kept)
    } else if softLabels != nil {
      throw .invalidSettings("votes were given, but the recipe uses none (softLabelShare, softLabelDrop are 0)")
    }
    return TrainingData(training: sets[0], validation: sets[1], duplicates: duplicates)
  }
}
