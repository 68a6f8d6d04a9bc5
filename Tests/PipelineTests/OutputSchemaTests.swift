import Foundation
import TestSupport
import Testing

@testable import Pipeline

/// Holds the encoder and the schema against each other, in both directions.
struct OutputSchemaTests {
  private let schema: JSONSchema

  init() throws {
    schema = try JSONSchema(contentsOf: TestData.repository.appending(path: "docs/output.schema.json"))
  }

  private var lines: [String] {
    var encoder = JSONLinesEncoder()
    var line = LineBuffer()
    encoder.hello(exampleHeader, into: &line)
    encoder.frame(exampleAnnotation(), into: &line)
    encoder.frame(FrameAnnotation(), into: &line)
    encoder.gap(StreamGap(firstSequence: 1, lastSequence: 2, reason: "slow-reader"), into: &line)
    encoder.end(StreamSummary(), into: &line)
    var live = exampleHeader
    live.policy = StreamPolicy(frames: .newest, detectEvery: 4)
    encoder.hello(live, into: &line)
    var annotation = exampleAnnotation()
    annotation.wallNanoseconds = 1_795_418_400_123_456_789
    annotation.scan = .regions
    encoder.frame(annotation, into: &line)
    line.append(bytes: encodedError("expected \"this\"\n"))
    return String(decoding: line.bytes, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  @Test func everyKindOfLineIsValid() throws {
    #expect(lines.count == 8)
    for line in lines {
      #expect(schema.problems(with: try ParsedJSON.parse(line)).isEmpty, "\(line)")
    }
  }

  @Test(arguments: StreamEndReason.allCases) func everyEndIsValid(reason: StreamEndReason) throws {
    var encoder = JSONLinesEncoder()
    var line = LineBuffer()
    var summary = StreamSummary()
    summary.reason = reason
    encoder.end(summary, into: &line)
    let text = String(decoding: line.bytes, as: UTF8.self)
    #expect(schema.problems(with: try ParsedJSON.parse(text)).isEmpty, "\(text)")
  }

  /// A schema that lets everything pass would be of no use.
  @Test(arguments: [
    (0, #""v":1"#, #""v":2"#), (0, #""width":640"#, #""width":0"#), (0, #""width":640"#, #""width":1.5"#),
    (0, #""ferd":"0.1.0","#, ""), (1, #""seq":12"#, #""seq":-1"#), (1, #""seq":12"#, #""seq":"12""#),
    (1, #""status":"ok""#, #""status":"fine""#), (1, #""track":1"#, #""track":0"#), (1, #""w":92"#, #""w":0"#),
    (1, #""x":211"#, #""x":-1"#), (1, "[240,126],", ""), (1, "[240,126]", "[240]"),
    (1, #""confidence":0.7000"#, #""confidence":1.1"#), (1, #""angry":0.1000"#, #""angry":null"#),
    (1, #""det":0.9700,"#, ""), (1, #""seq":12"#, #""seq":12,"more":1"#), (3, #""seq_to":2"#, #""seq_to":-2"#),
    (4, #""reason":"eof""#, #""reason":"bored""#), (4, #""dropped":0,"#, ""),
    (5, #""detect_every":4"#, #""detect_every":0"#), (5, #""auto""#, #""often""#), (5, #""newest""#, #""oldest""#),
    (6, #""scan":"regions""#, #""scan":"all""#), (6, #""raw_seq":0"#, #""raw_seq":-1"#),
    (6, #""wall":"2026-11-23T07:20:00.123Z""#, #""wall":1"#),
    (7, #""message":"#, #""text":"#), (7, "}", #","more":1}"#),
  ])
  func refusesWhatIsNot(line: Int, part: String, replacement: String) throws {
    let damaged = lines[line].replacing(part, with: replacement, maxReplacements: 1)
    #expect(damaged != lines[line])
    #expect(!schema.problems(with: try ParsedJSON.parse(damaged)).isEmpty)
  }
}
