import Foundation
import Testing

@testable import Inference

struct ForeignJSONTests {
  private func decode(_ text: some Sequence<UInt8>) throws -> JSONValue {
    try JSONDecoder().decode(JSONValue.self, fromForeign: Data(text))
  }

  /// Foundation's parser ends the program at 513 of them.
  @Test(arguments: [1, 128, 129, 512, 513, 514, 100_000], ["[", "{", "{\"a\":", "[1,"])
  func unfinishedNestingIsAnError(count: Int, opening: String) {
    #expect(throws: DecodingError.self) { try decode(String(repeating: opening, count: count).utf8) }
  }

  @Test func isNoObstacleToWhatIsNormal() throws {
    let deep = String(repeating: "[", count: 128) + String(repeating: "]", count: 128)
    #expect(throws: Never.self) { try decode(deep.utf8) }
    // Brackets in strings do not count, whatever is escaped there.
    let brackets = #"["\#(String(repeating: #"[{\"\\"#, count: 200))", "[", "\\"]"#
    #expect(
      try decode(brackets.utf8)
        == .array([.string(String(repeating: #"[{"\"#, count: 200)), .string("["), .string("\\")]))
    // Nor do those that are closed again.
    let wide = "[" + Array(repeating: "[]", count: 1000).joined(separator: ",") + "]"
    #expect(throws: Never.self) { try decode(wide.utf8) }
  }

  @Test func otherEncodingsAreRefused() {
    for encoding in [String.Encoding.utf16, .utf16LittleEndian, .utf32BigEndian] {
      #expect(throws: DecodingError.self) { try decode("[1]".data(using: encoding)!) }
    }
  }
}
