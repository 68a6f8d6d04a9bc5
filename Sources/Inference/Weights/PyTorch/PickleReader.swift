/// Takes numbers and strings out of a pickle; never reads beyond its end.
struct PickleReader {
  private let bytes: [UInt8]
  private let path: String
  private(set) var position = 0

  init(_ bytes: [UInt8], path: String) {
    self.bytes = bytes
    self.path = path
  }

  func fail(_ problem: String) -> InferenceError {
    .unreadableFile(path: path, "its pickle, at byte \(position): \(problem)")
  }

  mutating func byte() throws(InferenceError) -> UInt8 {
    guard position < bytes.count else { throw fail("it ends too early") }
    defer { position += 1 }
    return bytes[position]
  }

  /// Little-endian.
  mutating func number<Number: FixedWidthInteger>(_: Number.Type) throws(InferenceError) -> Int {
    let size = MemoryLayout<Number>.size
    guard bytes.count - position >= size else { throw fail("it ends too early") }
    let value = bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: position, as: Number.self) }
    position += size
    guard let result = Int(exactly: Number(littleEndian: value)) else { throw fail("a number that is too large") }
    return result
  }

  /// Big-endian, unlike everything else.
  mutating func double() throws(InferenceError) -> Double {
    guard bytes.count - position >= 8 else { throw fail("it ends too early") }
    let value = bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: position, as: UInt64.self) }
    position += 8
    return Double(bitPattern: UInt64(bigEndian: value))
  }

  /// Two's complement, little-endian, `count` bytes.
  ///
  /// - Returns: nil where these are more than 8: of no use in a state dict, but a seed beside it may be so large.
  mutating func integer(byteCount count: Int) throws(InferenceError) -> Int? {
    guard count <= 8 else {
      try skip(count)
      return nil
    }
    var result = 0
    for index in 0..<count { result |= Int(try byte()) << (8 * index) }
    let unused = 64 - 8 * count
    return (result << unused) >> unused
  }

  mutating func skip(_ count: Int) throws(InferenceError) {
    guard bytes.count - position >= count else { throw fail("it ends too early") }
    position += count
  }

  mutating func string(byteCount count: Int) throws(InferenceError) -> String {
    guard bytes.count - position >= count else { throw fail("it ends too early") }
    guard let text = String(validating: bytes[position..<position + count], as: UTF8.self) else {
      throw fail("a string that is no UTF-8")
    }
    position += count
    return text
  }

  /// Up to the end of the line, which is taken too.
  mutating func line() throws(InferenceError) -> String {
    guard let end = bytes[position...].prefix(1000).firstIndex(of: 0x0A) else {
      throw fail("a line without an end")
    }
    let text = try string(byteCount: end - position)
    position += 1
    return text
  }
}
