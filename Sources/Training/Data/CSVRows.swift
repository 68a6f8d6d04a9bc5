/// The rows of a table in CSV (RFC 4180), one after the other; rows of empty fields are passed over.
///
/// Lines end with LF, CR or both. Fields may have spaces and tabs around them, which do not count, and stand in quotation
/// marks, within which two marks are one and all else is itself. A mark within a field that does not begin with one is a
/// character like any other.
struct CSVRows {
  /// Of the row that was read last, counted from 1 with those passed over.
  private(set) var number = 0
  /// True where the text ended within quotation marks.
  private(set) var isUnclosed = false

  private var rest: Substring.UTF8View

  init(_ text: String) {
    rest = Substring(text).utf8
    // A byte order mark, as spreadsheets write it.
    if rest.starts(with: [0xEF, 0xBB, 0xBF]) { rest.removeFirst(3) }
  }

  mutating func next() -> [String]? {
    while !rest.isEmpty {
      number += 1
      let fields = row()
      if !fields.allSatisfy(\.isEmpty) { return fields }
    }
    return nil
  }

  private mutating func row() -> [String] {
    var fields: [String] = []
    while true {
      fields.append(rest.first(where: { !Self.isSpace($0) }) == Self.mark ? quotedField() : plainField())
      guard let end = rest.popFirst(), end != UInt8(ascii: "\n") else { return fields }
      if end == UInt8(ascii: "\r") {
        if rest.first == UInt8(ascii: "\n") { rest.removeFirst() }
        return fields
      }
    }
  }

  /// Up to the comma or line end behind it.
  private mutating func plainField() -> String {
    let field = rest.prefix { !Self.isEnd($0) }
    rest.removeFirst(field.count)
    let first = field.firstIndex { !Self.isSpace($0) } ?? field.endIndex
    let behind = field.lastIndex { !Self.isSpace($0) }.map { field.index(after: $0) } ?? first
    return String(Substring(field[first..<behind]))
  }

  private mutating func quotedField() -> String {
    while rest.removeFirst() != Self.mark {}
    var field: [UInt8] = []
    while let byte = rest.popFirst() {
      if byte == Self.mark {
        guard rest.first == Self.mark else {
          // Whatever stands between the mark and the field's end belongs to it, too.
          return String(decoding: field, as: UTF8.self) + plainField()
        }
        rest.removeFirst()
      }
      field.append(byte)
    }
    isUnclosed = true
    return String(decoding: field, as: UTF8.self)
  }

  private static let mark = UInt8(ascii: "\"")

  private static func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

  private static func isEnd(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: ",") || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
  }
}
