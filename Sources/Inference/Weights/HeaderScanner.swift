/// Reads the JSON that a safetensors header may consist of: objects, strings and lists of non-negative integers.
///
/// Foundation's parser would let duplicate keys pass, and it reads numbers as doubles.
struct HeaderScanner {
  private let bytes: UnsafeRawBufferPointer
  private let path: String
  private var position = 0

  init(_ bytes: UnsafeRawBufferPointer, path: String) {
    self.bytes = bytes
    self.path = path
  }

  private func fail(_ expected: String) -> InferenceError {
    let found =
      position < bytes.count
      ? "\"\(String(decoding: bytes[position..<min(position + 12, bytes.count)], as: UTF8.self))\"" : "its end"
    return .unreadableFile(path: path, "header: expected \(expected) at byte \(position), found \(found)")
  }

  private mutating func skipSpace() {
    while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
  }

  /// Takes the character if it comes next, after white space.
  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard position < bytes.count, UInt32(bytes[position]) == character.value else { return false }
    position += 1
    return true
  }

  private mutating func expect(_ character: Unicode.Scalar) throws(InferenceError) {
    guard take(character) else { throw fail("'\(character)'") }
  }

  /// Only white space may follow.
  mutating func expectEnd() throws(InferenceError) {
    skipSpace()
    guard position == bytes.count else { throw fail("nothing more") }
  }

  /// Calls `value` for each key with the scanner at its value.
  mutating func scanObject(
    _ value: (inout HeaderScanner, String) throws(InferenceError) -> Void
  ) throws(InferenceError) {
    try expect("{")
    guard !take("}") else { return }
    var keys: Set<String> = []
    repeat {
      let key = try scanString()
      guard keys.insert(key).inserted else { throw .parameter(name: key, "named twice in the header") }
      try expect(":")
      try value(&self, key)
    } while take(",")
    try expect("}")
  }

  mutating func scanNumbers() throws(InferenceError) -> [Int] {
    try expect("[")
    guard !take("]") else { return [] }
    var result: [Int] = []
    repeat { result.append(try scanNumber()) } while take(",")
    try expect("]")
    return result
  }

  private mutating func scanNumber() throws(InferenceError) -> Int {
    skipSpace()
    let start = position
    var value = 0
    while position < bytes.count, (0x30...0x39).contains(bytes[position]) {
      let (product, first) = value.multipliedReportingOverflow(by: 10)
      let (sum, second) = product.addingReportingOverflow(Int(bytes[position]) - 0x30)
      guard !first, !second else { throw fail("a number below 2^63") }
      value = sum
      position += 1
    }
    guard position > start else { throw fail("a non-negative integer") }
    guard position == start + 1 || bytes[start] != 0x30 else { throw fail("a number without leading zeros") }
    return value
  }

  mutating func scanString() throws(InferenceError) -> String {
    try expect("\"")
    var result: [UInt8] = []
    while position < bytes.count {
      let byte = bytes[position]
      if byte < 0x20 { throw fail("no control character in a string") }
      position += 1
      if byte == 0x22 {
        guard let text = String(validating: result, as: UTF8.self) else { throw fail("a string in UTF-8") }
        return text
      }
      if byte == 0x5C {
        result.append(contentsOf: Array(String(try scanEscape()).utf8))
      } else {
        result.append(byte)
      }
    }
    throw fail("the end of a string")
  }

  private mutating func scanEscape() throws(InferenceError) -> Unicode.Scalar {
    guard position < bytes.count else { throw fail("an escape") }
    let byte = bytes[position]
    position += 1
    switch byte {
    case 0x22, 0x5C, 0x2F: return Unicode.Scalar(byte)
    case 0x62: return "\u{8}"
    case 0x66: return "\u{C}"
    case 0x6E: return "\n"
    case 0x72: return "\r"
    case 0x74: return "\t"
    case 0x75:
      let first = try scanHexadecimal()
      if let scalar = Unicode.Scalar(first) { return scalar }
      // The first half of a surrogate pair: the second has to follow.
      guard first < 0xDC00, position + 1 < bytes.count, bytes[position] == 0x5C, bytes[position + 1] == 0x75
      else { throw fail("the second half of a surrogate pair") }
      position += 2
      let second = try scanHexadecimal()
      guard (0xDC00...0xDFFF).contains(second),
        let scalar = Unicode.Scalar(0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00))
      else { throw fail("the second half of a surrogate pair") }
      return scalar
    default: throw fail("an escape that JSON knows")
    }
  }

  private mutating func scanHexadecimal() throws(InferenceError) -> UInt16 {
    var value: UInt16 = 0
    for _ in 0..<4 {
      guard position < bytes.count, bytes[position] < 0x80,
        let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue
      else { throw fail("four hexadecimal digits") }
      value = value << 4 | UInt16(digit)
      position += 1
    }
    return value
  }
}
