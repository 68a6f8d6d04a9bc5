/// Which fields of frame lines a reader wants. `v`, `type` and `seq` always come.
struct FieldSubset: Hashable, Sendable {
  /// Fields of a frame that can be chosen, in their order.
  static let frameFields = ["v", "type", "seq", "pts_ns", "wall", "status", "scan", "faces"]
  /// Fields of a face, likewise.
  static let faceFields = ["track", "box", "det", "landmarks", "emotion", "confidence", "scores", "raw", "raw_seq"]

  private let frame: Set<[UInt8]>
  /// nil = whole faces.
  private let face: Set<[UInt8]>?

  /// - Parameter names: fields of frames and of faces. A field of a face brings `faces` with it, reduced to what is
  ///   named; `faces` alone means whole faces.
  /// - Returns: nil where a name is none.
  init?(_ names: [String]) {
    guard names.allSatisfy({ Self.frameFields.contains($0) || Self.faceFields.contains($0) }) else { return nil }
    var frame = Set(names.filter(Self.frameFields.contains)).union(["v", "type", "seq"])
    let face = Set(names.filter(Self.faceFields.contains))
    if !face.isEmpty { frame.insert("faces") }
    self.frame = Set(frame.map { Array($0.utf8) })
    self.face = face.isEmpty ? nil : Set(face.map { Array($0.utf8) })
  }

  /// The frame line without the fields that nobody wants; fields keep their order and their very bytes.
  ///
  /// - Parameter line: as `JSONLinesEncoder` writes it: valid JSON without spaces, one line break at the end.
  func applied(to line: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(line.count)
    var scanner = CompactJSONScanner(line)
    appendObject(from: &scanner, fields: frame, faceFields: face, to: &result)
    result.append(UInt8(ascii: "\n"))
    return result
  }

  /// - Parameter faceFields: of the objects in `faces`; nil = all.
  private func appendObject(
    from scanner: inout CompactJSONScanner, fields: Set<[UInt8]>, faceFields: Set<[UInt8]>?,
    to result: inout [UInt8]
  ) {
    result.append(UInt8(ascii: "{"))
    scanner.skip(UInt8(ascii: "{"))
    var isFirst = true
    while !scanner.isAt(UInt8(ascii: "}")) {
      scanner.skipIfPresent(UInt8(ascii: ","))
      let start = scanner.position
      let key = scanner.skipValue()
      scanner.skip(UInt8(ascii: ":"))
      // Keys come with their quotes.
      let name = Array(scanner.bytes[key].dropFirst().dropLast())
      guard fields.contains(name) else {
        _ = scanner.skipValue()
        continue
      }
      if !isFirst { result.append(UInt8(ascii: ",")) }
      isFirst = false
      if let faceFields, name.elementsEqual("faces".utf8) {
        result += scanner.bytes[start..<scanner.position]
        appendFaces(from: &scanner, fields: faceFields, to: &result)
      } else {
        _ = scanner.skipValue()
        result += scanner.bytes[start..<scanner.position]
      }
    }
    scanner.skip(UInt8(ascii: "}"))
    result.append(UInt8(ascii: "}"))
  }

  private func appendFaces(
    from scanner: inout CompactJSONScanner, fields: Set<[UInt8]>, to result: inout [UInt8]
  ) {
    scanner.skip(UInt8(ascii: "["))
    result.append(UInt8(ascii: "["))
    while !scanner.isAt(UInt8(ascii: "]")) {
      if scanner.skipIfPresent(UInt8(ascii: ",")) { result.append(UInt8(ascii: ",")) }
      appendObject(from: &scanner, fields: fields, faceFields: nil, to: &result)
    }
    scanner.skip(UInt8(ascii: "]"))
    result.append(UInt8(ascii: "]"))
  }
}

/// Walks over JSON that this program wrote: valid, without spaces.
struct CompactJSONScanner {
  let bytes: [UInt8]
  private(set) var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  func isAt(_ byte: UInt8) -> Bool { bytes[position] == byte }

  mutating func skip(_ byte: UInt8) {
    precondition(isAt(byte), "byte \(bytes[position]) at \(position) of a line of ours, expected \(byte)")
    position += 1
  }

  @discardableResult
  mutating func skipIfPresent(_ byte: UInt8) -> Bool {
    guard isAt(byte) else { return false }
    position += 1
    return true
  }

  /// Moves behind the value that begins here.
  ///
  /// - Returns: where it stands.
  mutating func skipValue() -> Range<Int> {
    let start = position
    var depth = 0
    repeat {
      switch bytes[position] {
      case UInt8(ascii: "\""): skipString()
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        depth += 1
        position += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        depth -= 1
        position += 1
      case UInt8(ascii: ","), UInt8(ascii: ":"): position += 1
      default: skipWord()
      }
    } while depth > 0
    return start..<position
  }

  private mutating func skipString() {
    position += 1
    while bytes[position] != UInt8(ascii: "\"") { position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1 }
    position += 1
  }

  /// A number, `true`, `false` or `null`.
  private mutating func skipWord() {
    while position < bytes.count, !Self.ends.contains(bytes[position]) { position += 1 }
  }

  private static let ends = Array(",:]}\n".utf8)
}
