/// Bytes of one output line, filled again for line after line without new memory.
public struct LineBuffer: Sendable {
  public private(set) var bytes: [UInt8] = []

  public init() { bytes.reserveCapacity(4096) }

  public mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

  public mutating func append(_ text: StaticString) {
    text.withUTF8Buffer { bytes.append(contentsOf: $0) }
  }

  public mutating func append(bytes other: [UInt8]) { bytes.append(contentsOf: other) }

  public mutating func append(byte: UInt8) { bytes.append(byte) }

  public mutating func append(integer value: Int) {
    if value < 0 { bytes.append(UInt8(ascii: "-")) }
    append(magnitude: UInt64(value.magnitude), minimumDigits: 1)
  }

  /// A number with exactly four decimals; what is not finite becomes 0, what is beyond ±1e12 is cut there.
  public mutating func append(decimal value: Float) {
    let scaled = value.isFinite ? (Double(value).clamped(to: -1e12...1e12) * 10_000).rounded() : 0
    // "-0.0000" is valid JSON but helps nobody.
    if scaled < 0 { bytes.append(UInt8(ascii: "-")) }
    let magnitude = UInt64(abs(scaled))
    append(magnitude: magnitude / 10_000, minimumDigits: 1)
    bytes.append(UInt8(ascii: "."))
    append(magnitude: magnitude % 10_000, minimumDigits: 4)
  }

  /// The shortest number that reads back as this one; what is not finite becomes 0.
  public mutating func append(shortest value: Float) {
    bytes.append(contentsOf: (value.isFinite ? value : 0).description.utf8)
  }

  /// A JSON string with its quotes (RFC 8259 section 7): quotes, backslashes and control characters are escaped.
  public mutating func append(jsonString text: String) {
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""): append("\\\"")
      case UInt8(ascii: "\\"): append("\\\\")
      case 0x0A: append("\\n")
      case 0x0D: append("\\r")
      case 0x09: append("\\t")
      case 0..<0x20, 0x7F:
        append("\\u00")
        bytes.append(Self.hexDigit(byte >> 4))
        bytes.append(Self.hexDigit(byte & 15))
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  /// A CSV field (RFC 4180): in quotes, inner quotes doubled, where it holds a comma, a quote or a line break.
  public mutating func append(csvField text: String) {
    let needsQuotes = text.utf8.contains { [0x2C, 0x22, 0x0A, 0x0D].contains($0) }
    guard needsQuotes else {
      bytes.append(contentsOf: text.utf8)
      return
    }
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      if byte == UInt8(ascii: "\"") { bytes.append(byte) }
      bytes.append(byte)
    }
    bytes.append(UInt8(ascii: "\""))
  }

  private mutating func append(magnitude: UInt64, minimumDigits: Int) {
    let start = bytes.count
    var rest = magnitude
    while rest > 0 || bytes.count - start < minimumDigits {
      bytes.append(UInt8(ascii: "0") + UInt8(rest % 10))
      rest /= 10
    }
    bytes[start...].reverse()
  }

  private static func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }
}

extension Comparable {
  func clamped(to range: ClosedRange<Self>) -> Self { min(max(self, range.lowerBound), range.upperBound) }
}
