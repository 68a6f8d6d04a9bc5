/// Tensors by name with a table of strings: the content of one safetensors file.
public struct Safetensors: Equatable, Sendable {
  /// The floating-point tensors, as f32 whatever the file stores.
  public var tensors: [String: Tensor]
  /// Names of integer tensors with their types; their values are not read. PyTorch's batch norms have one each.
  public private(set) var integers: [String: String] = [:]
  public var metadata: [String: String]

  /// How a file stores tensors of two or more dimensions. Those of one (biases, statistics) are few and stay f32.
  public enum Storage: String, Codable, CaseIterable, Sendable {
    case f32
    case bf16
  }

  public init(tensors: [String: Tensor], metadata: [String: String] = [:]) {
    self.tensors = tensors
    self.metadata = metadata
  }

  /// - Throws: `unreadableFile`, or `parameter` with the name of the tensor that is wrong.
  public init(contentsOf path: String) throws(InferenceError) {
    try self.init(bytes: try FileAccess.read(path), path: path)
  }

  /// The same from a file's bytes; `path` is for messages.
  public init(bytes: [UInt8], path: String) throws(InferenceError) {
    tensors = [:]
    metadata = [:]
    // A closure cannot throw our type through this call, hence the result.
    let result = bytes.withUnsafeBytes { file -> Result<Safetensors, InferenceError> in
      Result { () throws(InferenceError) in try Safetensors(file, path: path) }
    }
    self = try result.get()
  }

  private init(_ file: UnsafeRawBufferPointer, path: String) throws(InferenceError) {
    let header = try SafetensorsHeader(file, path: path)
    metadata = header.metadata
    tensors = [:]
    for (name, entry) in header.entries {
      guard entry.type.isFloatingPoint else {
        integers[name] = entry.type.rawValue
        continue
      }
      let start = header.dataStart + entry.range.lowerBound
      let bytes = UnsafeRawBufferPointer(rebasing: file[start..<start + entry.range.count])
      tensors[name] = Tensor(shape: entry.shape, values: Self.values(bytes, entry.type))
    }
  }

  /// The elements as f32; `type` must be a floating-point one.
  static func values(_ bytes: UnsafeRawBufferPointer, _ type: SafetensorsType) -> [Float] {
    switch type {
    case .f32:
      return [Float](unsafeUninitializedCapacity: bytes.count / 4) { buffer, initialised in
        UnsafeMutableRawBufferPointer(buffer).copyMemory(from: bytes)
        initialised = bytes.count / 4
      }
    case .bf16: return FileBytes.widenBF16(bytes)
    case .f16: return FileBytes.widenF16(bytes)
    case .f64:
      return (0..<bytes.count / 8).map { Float(bytes.loadUnaligned(fromByteOffset: $0 * 8, as: Double.self)) }
    case .i64, .i32, .i16, .i8, .u64, .u32, .u16, .u8, .bool:
      preconditionFailure("integers are not converted")
    }
  }

  /// Writes the tensors and the metadata; integer tensors are left out. The file appears complete or not at all.
  public func write(to path: String, storage: Storage = .f32) throws(InferenceError) {
    try FileAccess.replace(path, with: encoded(storage: storage))
  }

  /// The file in pieces. The same content always gives the same bytes.
  func encoded(storage: Storage) -> [[UInt8]] {
    func isNarrow(_ tensor: Tensor) -> Bool { storage == .bf16 && tensor.shape.count > 1 }
    // Wide elements first, so that each tensor is aligned to its elements.
    let sorted = tensors.sorted {
      isNarrow($0.value) == isNarrow($1.value) ? $0.key < $1.key : isNarrow($1.value)
    }
    var header = "{"
    if !metadata.isEmpty {
      let pairs = metadata.sorted { $0.key < $1.key }.map { "\(Self.quoted($0.key)):\(Self.quoted($0.value))" }
      header += "\"__metadata__\":{\(pairs.joined(separator: ","))}"
    }
    var chunks: [[UInt8]] = []
    var offset = 0
    for (name, tensor) in sorted {
      let chunk =
        isNarrow(tensor)
        ? FileBytes.narrowToBF16(tensor.values) : tensor.values.withUnsafeBytes { [UInt8]($0) }
      let type: SafetensorsType = isNarrow(tensor) ? .bf16 : .f32
      if header.utf8.count > 1 { header += "," }
      header += """
        \(Self.quoted(name)):{"dtype":"\(type.rawValue)","shape":\(Self.list(tensor.shape)),\
        "data_offsets":\(Self.list([offset, offset + chunk.count]))}
        """
      chunks.append(chunk)
      offset += chunk.count
    }
    header += "}"
    header += String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
    let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { [UInt8]($0) }
    return [length + Array(header.utf8)] + chunks
  }

  private static func list(_ numbers: [Int]) -> String {
    "[\(numbers.map(String.init).joined(separator: ","))]"
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
