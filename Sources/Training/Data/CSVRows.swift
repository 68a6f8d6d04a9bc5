/// The rows of a table in CSV (RFC 4180), one after the other; rows without any text are passed over.
///
/// Lines end with LF, CR or both. Fields may have spaces and tabs around them, which do not count, and stand in quotation
/// marks, within which two marks are one and all else is itself.
struct CSVRows: Sequence, IteratorProtocol {
  private var rest: Substring.UTF8View
  private var field: [UInt8] = []
  /// Bytes of the field that must stay, because they were within quotation marks.
  private var kept = 0
  private var hasQuotes = false

  init(_ text: String) {
    rest = Substring(text).utf8
    // A byte order mark, as spreadsheets write it.
    if rest.starts(with: [0xEF, 0xBB, 0xBF]) { rest.removeFirst(3) }
  }

  mutating func next() -> [String]? {
    while !rest.isEmpty {
      var hasText = false
      let row = row(&hasText)
      if hasText { return row }
    }
    return nil
  }

  private mutating func row(_ hasText: inout Bool) -> [String] {
    var fields: [String] = []
    var isQuoted = false
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "\"") where isQuoted && rest.first == byte:
        field.append(byte)
        rest.removeFirst()
      case UInt8(ascii: "\""):
        if isQuoted { kept = field.count }
        // What stood before the mark was room around the field.
        if !isQuoted, !hasQuotes, field.allSatisfy(Self.isSpace) { field = [] }
        isQuoted.toggle()
        hasQuotes = true
      case _ where isQuoted: field.append(byte)
      case UInt8(ascii: ","):
        fields.append(takeField())
        hasText = true
      case UInt8(ascii: "\n"), UInt8(ascii: "\r"):
        if byte == UInt8(ascii: "\r"), rest.first == UInt8(ascii: "\n") { rest.removeFirst() }
        return end(fields, &hasText)
      default: field.append(byte)
      }
    }
    return end(fields, &hasText)
  }

  private mutating func end(_ fields: [String], _ hasText: inout Bool) -> [String] {
    let last = hasQuotes
    let field = takeField()
    hasText = hasText || last || !field.isEmpty
    return fields + [field]
  }

  private mutating func takeField() -> String {
    while field.count > kept, Self.isSpace(field.last!) { field.removeLast() }
    let text = hasQuotes ? field[...] : field.drop(while: Self.isSpace)
    defer {
      field = []
      kept = 0
      hasQuotes = false
    }
    return String(decoding: text, as: UTF8.self)
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
}
