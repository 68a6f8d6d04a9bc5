import Foundation

/// The `ensemble.json` of an ensemble folder: which model files belong together, and how their results are joined.
public struct EnsembleDescription: Codable, Equatable, Sendable {
  public struct Member: Codable, Equatable, Sendable {
    /// Name of a model file in the same folder.
    public var file: String
    /// Its share in the average, relative to the others'.
    public var weight: Float
    /// Of the file, in hexadecimal.
    public var sha256: String
  }

  public static let fileName = "ensemble.json"

  /// Version of this format: 1.
  public var v = 1
  public var name: String
  /// How members are joined: `average`, the weighted mean of their probabilities.
  public var fusion = "average"
  public var labels: [String]
  public var members: [Member]
  /// Factors by label; absent = 1.
  public var bias: [String: Double]?
  /// Of the correction; absent = 1.
  public var temperature: Double?

  /// What is applied to the average.
  public func correction(path: String) throws(InferenceError) -> BiasCorrection {
    try BiasCorrection(bias ?? [:], labels: labels, temperature: temperature ?? 1, source: path)
  }

  /// Describes model files that lie in `folder`, with checksums of what is there.
  public init(
    name: String, folder: String, members: [(file: String, weight: Float)], labels: [String],
    bias: [String: Double]? = nil
  ) throws(InferenceError) {
    self.name = name
    self.labels = labels
    self.bias = bias
    self.members = []
    for (file, weight) in members {
      let checksum = try FileAccess.read("\(folder)/\(file)").withUnsafeBytes(FileBytes.sha256)
      self.members.append(Member(file: file, weight: weight, sha256: checksum))
    }
    try check(path: "\(folder)/\(Self.fileName)")
  }

  /// Reads the description in `folder`; the members themselves are not looked at.
  public static func read(fromFolder folder: String) throws(InferenceError) -> EnsembleDescription {
    let path = "\(folder)/\(fileName)"
    let bytes = try FileAccess.read(path, limit: 1 << 24)
    let result = try JSONText.decode(EnsembleDescription.self, from: bytes, path: path)
    try result.check(path: path)
    return result
  }

  /// Writes it into `folder`, as a whole or not at all.
  public func write(toFolder folder: String) throws(InferenceError) {
    let path = "\(folder)/\(Self.fileName)"
    try check(path: path)
    try FileAccess.replace(path, with: [try JSONText.encode(self, path: path, isPretty: true) + [0x0A]])
  }

  private func check(path: String) throws(InferenceError) {
    func fail(_ problem: String) -> InferenceError { .unreadableFile(path: path, problem) }
    guard v == 1 else { throw fail("expected version 1, found \(v)") }
    guard fusion == "average" else { throw fail("expected the fusion \"average\", found \"\(fusion)\"") }
    guard !members.isEmpty else { throw fail("an ensemble without members") }
    guard !labels.isEmpty, Set(labels).count == labels.count, !labels.contains("") else {
      throw fail("expected different labels, found \(labels)")
    }
    for member in members {
      guard !member.file.isEmpty, !member.file.contains("/"), !member.file.hasPrefix(".") else {
        throw fail("expected the name of a file in the same folder, found \"\(member.file)\"")
      }
      guard member.weight.isFinite, member.weight > 0 else {
        throw fail("expected a positive weight for \(member.file), found \(member.weight)")
      }
    }
    guard members.reduce(0, { $0 + $1.weight }).isFinite else { throw fail("weights whose sum is not finite") }
    _ = try correction(path: path)
  }
}
