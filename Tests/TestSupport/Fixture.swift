public import Foundation
public import Inference

/// Tensors computed by PyTorch, written by `scripts/make-fixtures`. A reader of its own, so that the tests of the
/// program's safetensors reader and the fixtures don't depend on each other.
public struct Fixture: Sendable {
  public let name: String
  public let metadata: [String: String]
  public let tensors: [String: Tensor]

  public init(contentsOf url: URL) throws {
    let data = try Data(contentsOf: url)
    let headerLength = Int(
      data.prefix(8).enumerated().reduce(UInt64(0)) { $0 | UInt64($1.element) << (8 * $1.offset) })
    let body = data.dropFirst(8 + headerLength)
    let header =
      try JSONSerialization.jsonObject(with: data.dropFirst(8).prefix(headerLength)) as? [String: [String: Any]]
      ?? [:]
    var tensors: [String: Tensor] = [:]
    for (key, entry) in header where key != "__metadata__" {
      guard let shape = entry["shape"] as? [Int], let range = entry["data_offsets"] as? [Int],
        entry["dtype"] as? String == "F32"
      else { throw CocoaError(.fileReadCorruptFile) }
      let bytes = body.dropFirst(range[0]).prefix(range[1] - range[0])
      var values = [Float](repeating: 0, count: bytes.count / 4)
      _ = values.withUnsafeMutableBytes { bytes.copyBytes(to: $0) }
      tensors[key] = Tensor(shape: shape, values: values)
    }
    name = url.deletingPathExtension().lastPathComponent
    metadata = header["__metadata__"] as? [String: String] ?? [:]
    self.tensors = tensors
  }

  /// All fixtures of a folder below `Tests/Fixtures`, in the order of their names.
  public static func all(in folder: String) -> [Fixture] {
    let directory = TestData.repository.appending(path: "Tests/Fixtures/\(folder)")
    let files = (try? FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)) ?? []
    return files.filter { $0.pathExtension == "safetensors" }.sorted { $0.path < $1.path }.map { file in
      do { return try Fixture(contentsOf: file) } catch { fatalError("\(file.path): \(error)") }
    }
  }

  /// The network that the fixture is about.
  public func model() throws -> ModelSpec {
    try JSONDecoder().decode(ModelSpec.self, from: Data((metadata["model"] ?? "").utf8))
  }

  /// Tensors whose names start with `prefix`, by the rest of their names.
  public func group(_ prefix: String) -> [String: Tensor] {
    Dictionary(
      uniqueKeysWithValues: tensors.filter { $0.key.hasPrefix(prefix) }.map {
        (String($0.key.dropFirst(prefix.count)), $0.value)
      })
  }
}

/// The largest difference between two tensors, relative to the largest expected value; infinite where one is not a number.
public func relativeError(_ actual: some Sequence<Float>, _ expected: [Float]) -> Float {
  let values = Array(actual)
  guard values.count == expected.count, values.allSatisfy(\.isFinite) else { return .infinity }
  let scale = expected.reduce(Float.leastNormalMagnitude) { max($0, abs($1)) }
  return zip(values, expected).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) } / scale
}
