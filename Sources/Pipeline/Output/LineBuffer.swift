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

  /// A time of day in UTC down to milliseconds, such as `2026-11-22T15:00:00.123Z` (RFC 3339).
  ///
  /// - Parameter time: nanoseconds since 1970.
  public mutating func append(utcNanoseconds time: Int64) {
    let milliseconds = Int(time).dividedDown(by: 1_000_000)
    let seconds = milliseconds.dividedDown(by: 1000)
    let days = seconds.dividedDown(by: 86_400)
    let (year, month, day) = Self.civilDate(daysSince1970: days)
    let second = seconds - days * 86_400
    append(magnitude: UInt64(clamping: year), minimumDigits: 4)
    append("-")
    append(magnitude: UInt64(month), minimumDigits: 2)
    append("-")
    append(magnitude: UInt64(day), minimumDigits: 2)
    append("T")
    append(magnitude: UInt64(second / 3600), minimumDigits: 2)
    append(":")
    append(magnitude: UInt64(second / 60 % 60), minimumDigits: 2)
    append(":")
    append(magnitude: UInt64(second % 60), minimumDigits: 2)
    append(".")
    append(magnitude: UInt64(milliseconds - seconds * 1000), minimumDigits: 3)
    append("Z")
  }

  /// The Gregorian date of a day. Years are counted from March, so that the leap day comes last, in eras of 400 years
  /// (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
  private static func civilDate(daysSince1970 days: Int) -> (year: Int, month: Int, day: Int) {
    let shifted = days + 719_468
    let era = shifted.dividedDown(by: 146_097)
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    return (era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, day)
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

extension Int {
  /// Rounded towards minus infinity.
  fileprivate func dividedDown(by divisor: Int) -> Int {
    self >= 0 ? self / divisor : -((divisor - 1 - self) / divisor)
  }
}

extension Comparable {
  func clamped(to range: ClosedRange<Self>) -> Self { min(max(self, range.lowerBound), range.upperBound) }
}
