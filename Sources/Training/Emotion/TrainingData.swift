public import Foundation

/// The pictures of a run.
public struct TrainingData: Sendable {
  public var training: PictureSet
  public var validation: PictureSet
  /// What the finished model is measured on, once, or nil. Nothing is chosen by it.
  public var test: PictureSet?
  /// Relative paths of validation pictures that a second, stricter figure leaves out: those that the training part
  /// holds too.
  public var duplicates: Set<String>
  /// How many of the training pictures have votes, those included that were then left out for them; nil where no votes
  /// were given.
  public private(set) var votes: (voted: Int, pictures: Int)?

  public init(
    training: PictureSet, validation: PictureSet, test: PictureSet? = nil, duplicates: Set<String> = []
  ) {
    precondition(training.labels == validation.labels && training.labels == test?.labels ?? training.labels)
    self.training = training
    self.validation = validation
    self.test = test
    self.duplicates = duplicates.intersection(validation.files.map(\.path))
  }

  /// Of what the best epoch is chosen by: the validation pictures and which of them do not count.
  var validationFingerprint: String {
    var text = validation.fingerprint
    for path in duplicates.sorted() { text += "\n\(path)" }
    return text.withUTF8 { String(DamageCheck.checksum(UnsafeRawBufferPointer($0)), radix: 16) }
  }

  /// - Throws: `invalidData` where no validation picture would count, so that no epoch could be chosen.
  private func checkDuplicates(path: String) throws(TrainingError) {
    guard !duplicates.isEmpty, validation.files.allSatisfy({ duplicates.contains($0.path) }) else { return }
    throw .invalidData(path: path, "every validation picture is excluded; the best epoch is chosen by the others")
  }

  /// Classes of which every validation picture is excluded, so that the choice of the best epoch knows nothing of them.
  public var excludedClasses: [String] {
    guard !duplicates.isEmpty else { return [] }
    let counted = Set(validation.files.filter { !duplicates.contains($0.path) }.map(\.label))
    return Set(validation.files.map(\.label)).subtracting(counted).sorted().map { validation.labels.names[$0] }
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
  /// Decodes the parts of a listing, and makes those that it lacks of `train`; see `FolderListing.splitForTraining`.
  /// Pictures that cannot be read are in none of the parts made so.
  ///
  /// - Parameters:
  ///   - takesTest: False leaves the test part out.
  ///   - cacheFolder: Where decoded pictures are kept.
  ///   - softLabels: CSV of votes, see `SoftLabels`; used as the recipe's `softLabelShare`, `softLabelDrop`,
  ///     `softLabelKeep` and `softLabelCalibration` say.
  public static func read(
    _ listing: FolderListing, recipe: TrainingRecipe, labels: ClassLabels = .emotions, cacheFolder: URL,
    takesTest: Bool = true, softLabels: String?, duplicates: Set<String>
  ) throws(TrainingError) -> TrainingData {
    do {
      try FileManager.default.createDirectory(at: cacheFolder, withIntermediateDirectories: true)
    } catch {
      throw .inputOutput(path: cacheFolder.path, "cannot be made: \(error.localizedDescription)")
    }
    func pictures(of split: DataSplit, cacheName: String) throws(TrainingError) -> PictureSet? {
      guard let files = listing.splits[split], !files.isEmpty else { return nil }
      return try PictureSet.read(
        files, folder: listing.folder, labels: labels, imageSize: recipe.imageSize, cacheFolder: cacheFolder,
        cacheName: cacheName)
    }
    guard let given = try pictures(of: .train, cacheName: listing.hasSplits ? "train" : "pictures") else {
      throw .invalidData(path: listing.folder.path, "has no pictures in a train folder")
    }
    var parts: [DataSplit: PictureSet] = [.train: given]
    if let validation = try pictures(of: .validation, cacheName: "validation") {
      parts[.validation] = validation
    } else {
      parts = try split(given, as: listing, seed: recipe.seed)
    }
    if !takesTest {
      parts[.test] = nil
    } else if listing.hasSplits {
      parts[.test] = try pictures(of: .test, cacheName: "test")
    }
    var data = TrainingData(
      training: parts[.train]!, validation: parts[.validation]!, test: parts[.test], duplicates: duplicates)
    try data.checkDuplicates(path: listing.folder.path)
    let training = data.training
    let kept = try TrainingRecipe.positions(of: recipe.softLabelKeep, in: labels, setting: "softLabelKeep")
    if recipe.softLabelShare > 0 || recipe.softLabelDrop > 0 {
      guard let softLabels else {
        throw .invalidSettings("the recipe uses votes (softLabelShare, softLabelDrop); none were given")
      }
      let votes = try SoftLabels.read(softLabels, labels: labels)
      let voted = try votes.count(in: training, path: softLabels)
      data.training = try votes.apply(
        to: training, share: recipe.softLabelShare, drop: recipe.softLabelDrop, keeping: kept,
        isCalibrated: recipe.softLabelCalibration)
      data.votes = (voted, training.count)
    } else if softLabels != nil {
      throw .invalidSettings("votes were given, but the recipe uses none (softLabelShare and softLabelDrop are 0)")
    }
    return data
  }

  /// Gives some of the pictures to the parts that the listing lacks. They share their samples.
  private static func split(
    _ pictures: PictureSet, as listing: FolderListing, seed: UInt64
  ) throws(TrainingError) -> [DataSplit: PictureSet] {
    var readable = listing
    readable.splits = [.train: pictures.files]
    // Bytes, because two names that differ in how they write an accent are equal as strings.
    let positions = Dictionary(uniqueKeysWithValues: pictures.files.enumerated().map { (Array($1.path.utf8), $0) })
    let parts: [DataSplit: [PictureFile]]
    do {
      parts = try readable.splitForTraining(seed: seed).splits
    } catch {
      guard case .invalidData(let path, let problem) = error, let first = pictures.unreadable.first else {
        throw error
      }
      throw .invalidData(
        path: path,
        "\(problem), without \(ReportText.count(pictures.unreadable.count, "file")) that cannot be read "
          + "(\(first.path): \(first.problem))")
    }
    var result: [DataSplit: PictureSet] = [:]
    for (split, files) in parts {
      result[split] = pictures.subset(files.map { positions[Array($0.path.utf8)]! })
      // Told once.
      if split != .train { result[split]!.unreadable = [] }
    }
    return result
  }
}
