package import Foundation

/// A look at JSON from outside before Foundation sees it.
///
/// Foundation's parsers (of Swift 6.3 on Linux) end the program where the text breaks off right inside its 513th nested
/// array or object. Nothing that ferd reads is nested a tenth as deep.
package enum ForeignJSON {
  package static let depthLimit = 128

  /// - Throws: `DecodingError.dataCorrupted` where it is nested deeper than `depthLimit` or not in UTF-8.
  package static func check(_ bytes: some Sequence<UInt8>) throws {
    func fail(_ problem: String) -> DecodingError {
      .dataCorrupted(.init(codingPath: [], debugDescription: problem))
    }
    var depth = 0
    var isInString = false
    var isEscaped = false
    for byte in bytes {
      // Foundation reads UTF-16 and UTF-32 too, of which brackets cannot be told from parts of letters here. Each bracket
      // has a zero byte there.
      guard byte != 0 else { throw fail("Expected JSON in UTF-8, found a zero byte.") }
      if isEscaped {
        isEscaped = false
      } else if isInString {
        isEscaped = byte == UInt8(ascii: "\\")
        isInString = byte != UInt8(ascii: "\"")
      } else {
        switch byte {
        case UInt8(ascii: "\""): isInString = true
        case UInt8(ascii: "["), UInt8(ascii: "{"):
          depth += 1
          guard depth <= depthLimit else { throw fail("Nested deeper than \(depthLimit).") }
        case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
        default: break
        }
      }
    }
  }
}

extension JSONDecoder {
  /// The same for text that others may have written or damaged.
  package func decode<Value: Decodable>(_ type: Value.Type, fromForeign data: Data) throws -> Value {
    try ForeignJSON.check(data)
    return try decode(type, from: data)
  }
}
