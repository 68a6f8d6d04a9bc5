/// The table of contents of a safetensors file, checked as a whole before any value is touched.
///
/// Format: <https://github.com/huggingface/safetensors>. Eight bytes of length, that much JSON, then the values.
struct SafetensorsHeader {
  struct Entry: Equatable {
    var type: SafetensorsType
    var shape: [Int]
    /// Bytes within the data part.
    var range: Range<Int>
  }

  /// What the format itself allows.
  static let lengthLimit = 100_000_000

  var entries: [String: Entry] = [:]
  var metadata: [String: String] = [:]
  /// Where the data part starts in the file.
  var dataStart = 0

  /// - Throws: `unreadableFile` where the file is no safetensors file, `parameter` where one of its tensors is not
  ///   described properly.
  init(_ file: UnsafeRawBufferPointer, path: String) throws(InferenceError) {
    func fail(_ problem: String) -> InferenceError { .unreadableFile(path: path, problem) }
    guard file.count >= 8 else { throw fail("expected a safetensors file, found \(file.count) bytes") }
    let length = UInt64(littleEndian: file.loadUnaligned(as: UInt64.self))
    guard length >= 2, length <= Self.lengthLimit else {
      throw fail(
        "is neither safetensors nor a file of PyTorch: expected a header of 2 to \(Self.lengthLimit) bytes, found a length "
          + "of \(length)")
    }
    guard Int(length) <= file.count - 8 else {
      throw fail("expected a header of \(length) bytes, found \(file.count - 8): truncated, or no safetensors file")
    }
    dataStart = 8 + Int(length)
    var scanner = HeaderScanner(UnsafeRawBufferPointer(rebasing: file[8..<dataStart]), path: path)
    try scanner.scanObject { (scanner, name) throws(InferenceError) in
      if name == "__metadata__" {
        try scanner.scanObject { (scanner, key) throws(InferenceError) in
          metadata[key] = try scanner.scanString()
        }
      } else {
        entries[name] = try Self.scanEntry(&scanner, name)
      }
    }
    try scanner.expectEnd()
    try checkLayout(dataCount: file.count - dataStart, path: path)
  }

  private static func scanEntry(_ scanner: inout HeaderScanner, _ name: String) throws(InferenceError) -> Entry {
    var type: String?
    var shape: [Int]?
    var offsets: [Int]?
    try scanner.scanObject { (scanner, key) throws(InferenceError) in
      switch key {
      case "dtype": type = try scanner.scanString()
      case "shape": shape = try scanner.scanNumbers()
      case "data_offsets": offsets = try scanner.scanNumbers()
      default: throw .parameter(name: name, "unknown field \"\(key)\" in the header")
      }
    }
    guard let type, let shape, let offsets else {
      throw .parameter(name: name, "expected dtype, shape and data_offsets in the header")
    }
    guard let known = SafetensorsType(rawValue: type) else {
      throw .parameter(name: name, "unknown type \"\(type)\"")
    }
    guard offsets.count == 2, offsets[0] <= offsets[1] else {
      throw .parameter(name: name, "expected two ascending offsets, found \(offsets)")
    }
    var byteCount = known.byteCount
    for extent in shape {
      let (product, overflow) = byteCount.multipliedReportingOverflow(by: extent)
      guard !overflow else { throw .parameter(name: name, "a shape of \(shape) is too large") }
      byteCount = product
    }
    guard byteCount == offsets[1] - offsets[0] else {
      throw .parameter(
        name: name, "expected \(byteCount) bytes for \(type) \(shape), found \(offsets[1] - offsets[0])")
    }
    return Entry(type: known, shape: shape, range: offsets[0]..<offsets[1])
  }

  /// The tensors must cover the data part without gap or overlap.
  private func checkLayout(dataCount: Int, path: String) throws(InferenceError) {
    var end = 0
    let sorted = entries.sorted {
      ($0.value.range.lowerBound, $0.value.range.upperBound, $0.key)
        < ($1.value.range.lowerBound, $1.value.range.upperBound, $1.key)
    }
    for (name, entry) in sorted {
      guard entry.range.upperBound <= dataCount else {
        throw .parameter(
          name: name, "ends at byte \(entry.range.upperBound) of \(dataCount): the file is truncated")
      }
      guard entry.range.lowerBound >= end else {
        throw .parameter(name: name, "starts at byte \(entry.range.lowerBound), inside another that ends at \(end)")
      }
      guard entry.range.lowerBound == end else {
        throw .parameter(name: name, "starts at byte \(entry.range.lowerBound), leaving a gap from \(end)")
      }
      end = entry.range.upperBound
    }
    guard end == dataCount else {
      throw .unreadableFile(path: path, "expected \(end) bytes of values, found \(dataCount)")
    }
  }
}

/// Types of elements in a safetensors file.
enum SafetensorsType: String {
  case f64 = "F64"
  case f32 = "F32"
  case f16 = "F16"
  case bf16 = "BF16"
  case i64 = "I64"
  case i32 = "I32"
  case i16 = "I16"
  case i8 = "I8"
  case u64 = "U64"
  case u32 = "U32"
  case u16 = "U16"
  case u8 = "U8"
  case bool = "BOOL"

  var byteCount: Int {
    switch self {
    case .f64, .i64, .u64: 8
    case .f32, .i32, .u32: 4
    case .f16, .bf16, .i16, .u16: 2
    case .i8, .u8, .bool: 1
    }
  }

  var isFloatingPoint: Bool {
    switch self {
    case .f64, .f32, .f16, .bf16: true
    case .i64, .i32, .i16, .i8, .u64, .u32, .u16, .u8, .bool: false
    }
  }
}
