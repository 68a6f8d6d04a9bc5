import Foundation

/// Networks that classify faces together: their probabilities are averaged.
///
/// For each batch of faces the caller fills every member's inputs, because members may want other sizes and crops, and
/// then runs them all. Owned and used by one thread at a time. After the first run with a count nothing is allocated.
public final class EmotionEnsemble {
  /// For the reader of results.
  public let name: String
  /// SHA-256 of the `ensemble.json`, which holds those of the members, or of the single model file.
  public let checksum: String
  /// The classes, in the order of all results.
  public let labels: [String]
  /// The ensemble's own correction; `run` does not apply it.
  public let bias: BiasCorrection
  public let members: [EnsembleMember]
  /// How many faces one run can take.
  public let maximumCount: Int
  private var results: [Float]

  /// Name and start of the checksum: `default@1f3c90ab12cd`.
  public var identity: String { "\(name)@\(checksum.prefix(12))" }

  /// - Parameters:
  ///   - path: A folder with an `ensemble.json`, or one model file.
  ///   - declaration: What is to be said about a single file that holds parameters alone.
  ///   - precision: For all members; nil = the fastest that the processor supports and each member's record allows.
  ///   - threads: OpenMP threads inside each primitive.
  ///   - maximumCount: How many faces one run shall be able to take.
  ///   - firstMemberOnly: Leaves the other members out, for speed.
  /// - Throws: `unreadableFile`, `invalidModel` or `parameter` where a file is damaged, does not have its checksum or
  ///   does not know the ensemble's labels; `backend` where the processor does not support the precision.
  public init(
    path: String, as declaration: ModelDeclaration = ModelDeclaration(), precision: Precision? = nil,
    threads: Int = 1, maximumCount: Int = 8, firstMemberOnly: Bool = false
  ) throws(InferenceError) {
    precondition(threads > 0 && maximumCount > 0, "\(maximumCount) faces on \(threads) threads")
    var parts = try Self.load(path, as: declaration)
    if firstMemberOnly { parts.members.removeSubrange(1...) }
    name = parts.name
    checksum = parts.checksum
    labels = parts.labels
    bias = parts.bias
    self.maximumCount = maximumCount
    let total = parts.members.reduce(0) { $0 + $1.weight }
    var members: [EnsembleMember] = []
    for member in parts.members {
      members.append(
        try EnsembleMember(
          member.model, file: member.file, share: member.weight / total, labels: parts.labels, precision: precision,
          threads: threads, maximumCount: maximumCount))
    }
    self.members = members
    results = [Float](repeating: 0, count: maximumCount * parts.labels.count)
  }

  /// The same networks with inputs and plans of their own, for another thread; files are not read again.
  public init(replicating other: EmotionEnsemble) throws(InferenceError) {
    name = other.name
    checksum = other.checksum
    labels = other.labels
    bias = other.bias
    maximumCount = other.maximumCount
    var members: [EnsembleMember] = []
    for member in other.members {
      members.append(try EnsembleMember(replicating: member, maximumCount: other.maximumCount))
    }
    self.members = members
    results = [Float](repeating: 0, count: other.maximumCount * other.labels.count)
  }

  /// Makes the plans for all counts, which are otherwise made when a run first needs them.
  public func prepare() throws(InferenceError) {
    for member in members { try member.prepare() }
  }

  /// Classifies the first `count` faces of what the members' inputs hold.
  ///
  /// - Parameters:
  ///   - averagingFlips: True = the mean of each face and its mirror image, at twice the time.
  ///   - probabilities: Gets `[count, labels]` appended, not corrected by `bias`; each row sums to 1.
  public func run(
    count: Int, averagingFlips: Bool = false, appendingTo probabilities: inout [Float]
  ) throws(InferenceError) {
    precondition(0...maximumCount ~= count, "\(count) faces for at most \(maximumCount)")
    let length = count * labels.count
    for index in 0..<length { results[index] = 0 }
    for member in members {
      try member.add(count: count, flipped: false, share: averagingFlips ? 0.5 : 1, to: &results)
      if averagingFlips { try member.add(count: count, flipped: true, share: 0.5, to: &results) }
    }
    probabilities.append(contentsOf: results[..<length])
  }

  /// The same for the faces alone and for the mean of each and its mirror image at once, in the time of the latter.
  public func run(
    count: Int, appendingSingleTo single: inout [Float], averagedTo averaged: inout [Float]
  ) throws(InferenceError) {
    try run(count: count, appendingTo: &single)
    let length = count * labels.count
    for member in members { try member.add(count: count, flipped: true, share: 1, to: &results) }
    for index in 0..<length { results[index] /= 2 }
    averaged.append(contentsOf: results[..<length])
  }

  private struct Parts {
    var name: String
    var checksum: String
    var labels: [String]
    var bias: BiasCorrection
    var members: [(file: String, weight: Float, model: ModelFile)]
  }

  private static func load(
    _ path: String, as declaration: ModelDeclaration
  ) throws(InferenceError) -> Parts {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw .unreadableFile(path: path, "no such model")
    }
    guard isFolder.boolValue else {
      let model = try ModelFile.read(from: path, as: declaration)
      guard !model.record.labels.isEmpty else {
        throw .unreadableFile(path: path, "a network without labels: it does not classify")
      }
      let file = URL(fileURLWithPath: path)
      return Parts(
        name: file.deletingPathExtension().lastPathComponent, checksum: model.checksum!,
        labels: model.record.labels,
        bias: BiasCorrection(neutral: model.record.labels), members: [(file.lastPathComponent, 1, model)])
    }
    let description = try EnsembleDescription.read(fromFolder: path)
    guard declaration == ModelDeclaration() else {
      throw .unreadableFile(path: path, "an ensemble, which says itself what its networks are")
    }
    var members: [(file: String, weight: Float, model: ModelFile)] = []
    for member in description.members {
      let file = "\(path)/\(member.file)"
      let model = try ModelFile.read(from: file)
      guard model.checksum == member.sha256.lowercased() else {
        throw .unreadableFile(
          path: file,
          "expected the SHA-256 \(member.sha256) of \(EnsembleDescription.fileName), found \(model.checksum!)")
      }
      guard Set(model.record.labels) == Set(description.labels) else {
        throw .unreadableFile(
          path: file, "expected the labels \(description.labels), found \(model.record.labels)")
      }
      members.append((member.file, member.weight, model))
    }
    let text = try FileAccess.read("\(path)/\(EnsembleDescription.fileName)")
    return Parts(
      name: description.name, checksum: text.withUnsafeBytes(FileBytes.sha256), labels: description.labels,
      bias: try description.correction(path: path), members: members)
  }
}
