/// A network with its parameters and its record: one safetensors file with JSON in the metadata.
///
/// The metadata holds `format` = `ferd-model-1`, the network under `ferd.spec` and the record under `ferd.record`.
/// Parameters have PyTorch's names, so other readers of safetensors can use them.
public struct ModelFile: Equatable, Sendable {
  public var spec: ModelSpec
  /// All parameters of `spec`, and nothing else.
  public var tensors: [String: Tensor]
  public var record: ModelRecord
  /// SHA-256 of the file that was read, in hexadecimal; nil for a model made in memory.
  public internal(set) var checksum: String?

  private static let format = "ferd-model-1"
  private static let formatKey = "format"
  private static let specKey = "ferd.spec"
  private static let recordKey = "ferd.record"

  /// - Throws: `invalidModel` or `parameter`, where the parameters are not exactly those of the network.
  public init(spec: ModelSpec, tensors: [String: Tensor], record: ModelRecord) throws(InferenceError) {
    self.spec = spec
    self.tensors = tensors
    self.record = record
    let shapes = try spec.inferShapes()
    if let problem = record.problem { throw .invalidModel(node: spec.name, "its record has \(problem)") }
    if let means = record.channelMeans, means.count != spec.inputChannels {
      throw .invalidModel(
        node: spec.name, "its record has \(means.count) input means for \(spec.inputChannels) channels")
    }
    if !record.labels.isEmpty {
      let expected = FeatureShape(channels: record.labels.count, height: 1, width: 1)
      for output in spec.outputs where shapes[output]! != expected {
        throw .invalidModel(node: output, "gives \(shapes[output]!) for \(record.labels.count) labels")
      }
    }
    try spec.check(tensors)
  }

  /// - Throws: `unreadableFile` where it is no model file, `invalidModel` where the network contradicts itself,
  ///   `parameter` where a parameter is missing, unexpected, misshapen or not finite.
  public static func read(from path: String) throws(InferenceError) -> ModelFile {
    let bytes = try FileAccess.read(path)
    guard !PyTorchFile.isPyTorch(bytes) else {
      throw .unreadableFile(path: path, "a file of PyTorch, which does not say what network it is for")
    }
    return try read(try Safetensors(bytes: bytes, path: path), bytes: bytes, path: path)
  }

  /// True where a safetensors file says that it holds a network of ours.
  static func isModel(_ content: Safetensors) -> Bool { content.metadata[specKey] != nil }

  /// The classes that the record names; nil where there is no record, or none that can be read.
  static func labels(of content: Safetensors) -> [String]? {
    guard isModel(content), let text = content.metadata[recordKey],
      let record = try? JSONText.decode(ModelRecord.self, from: Array(text.utf8), path: "", part: recordKey),
      !record.labels.isEmpty
    else { return nil }
    return record.labels
  }

  /// - Parameter bytes: Those that `content` was read from.
  static func read(_ content: Safetensors, bytes: [UInt8], path: String) throws(InferenceError) -> ModelFile {
    guard let specText = content.metadata[specKey] else {
      throw .unreadableFile(
        path: path, "no \"\(specKey)\" in its metadata: a safetensors file, but no model of ferd")
    }
    guard content.metadata[formatKey] == format else {
      let found = content.metadata[formatKey] ?? "nothing"
      throw .unreadableFile(path: path, "expected the format \(format), found \(found)")
    }
    let spec = try JSONText.decode(ModelSpec.self, from: Array(specText.utf8), path: path, part: specKey)
    let record =
      try content.metadata[recordKey].map { text throws(InferenceError) in
        try JSONText.decode(ModelRecord.self, from: Array(text.utf8), path: path, part: recordKey)
      } ?? ModelRecord()
    // Before anything is computed from the network's sizes.
    _ = try spec.inferShapes()
    for parameter in spec.parameters {
      if let type = content.integers[parameter.name] {
        throw .parameter(name: parameter.name, "expected floating-point values, found \(type)")
      }
    }
    for name in content.integers.keys.sorted() where !StateDict.isCounter(name) {
      throw .parameter(name: name, "unexpected: the network \(spec.name) has no such parameter")
    }
    // As floats they come from other writers of safetensors.
    let tensors = content.tensors.filter { !StateDict.isCounter($0.key) }
    var result = try ModelFile(spec: spec, tensors: tensors, record: record)
    result.checksum = bytes.withUnsafeBytes(FileBytes.sha256)
    return result
  }

  /// Writes the file as a whole or not at all.
  /// - Parameter storage: How weights are stored; biases and running statistics stay f32.
  public func write(to path: String, storage: Safetensors.Storage = .f32) throws(InferenceError) {
    let metadata = [
      Self.formatKey: Self.format,
      Self.specKey: String(decoding: try JSONText.encode(spec, path: path), as: UTF8.self),
      Self.recordKey: String(decoding: try JSONText.encode(record, path: path), as: UTF8.self),
    ]
    try Safetensors(tensors: tensors, metadata: metadata).write(to: path, storage: storage)
  }
}

extension ModelSpec {
  /// - Throws: `parameter` for the first one that is missing, misshapen, not finite or not the network's.
  public func check(_ tensors: [String: Tensor]) throws(InferenceError) {
    var expected: Set<String> = []
    for parameter in parameters {
      expected.insert(parameter.name)
      guard let tensor = tensors[parameter.name] else { throw .parameter(name: parameter.name, "missing") }
      guard tensor.shape == parameter.shape else {
        throw .parameter(name: parameter.name, "expected shape \(parameter.shape), found \(tensor.shape)")
      }
      guard FileBytes.areFinite(tensor.values) else {
        throw .parameter(name: parameter.name, "holds values that are not finite")
      }
    }
    if let name = tensors.keys.filter({ !expected.contains($0) }).min() {
      throw .parameter(name: name, "unexpected: the network \(self.name) has no such parameter")
    }
  }
}
