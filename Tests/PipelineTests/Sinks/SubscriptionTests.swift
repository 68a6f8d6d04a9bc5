import Foundation
import TestSupport
import Testing

@testable import Pipeline

struct SubscriptionTests {
  private func subscription(_ request: String) throws -> Subscription {
    try Subscription(request: Array(request.utf8))
  }

  @Test func understandsItsThreeKeys() throws {
    var expected = Subscription.everything
    #expect(try subscription("{}") == expected)
    #expect(try subscription(#" {"faces":"all"} "#) == expected)
    expected.isFacesOnly = true
    #expect(try subscription(#"{"faces":"only"}"#) == expected)
    expected.every = 7
    expected.fields = FieldSubset(["emotion", "seq"])
    #expect(try subscription(#"{"every":7,"fields":["seq","emotion"],"faces":"only"}"#) == expected)
    let parameters = [("faces", "only"), ("fields", "seq,emotion"), ("every", "7")].map { (key: $0, value: $1) }
    #expect(try Subscription(parameters: parameters) == expected)
  }

  @Test(arguments: [
    ("", "one line of JSON"), ("GET / HTTP/1.1", "one line of JSON"), ("{", "one line of JSON"),
    ("\u{0}\u{1}\u{2}", "one line of JSON"), ("[]", "a JSON object"), ("3", "a JSON object"),
    ("null", "a JSON object"), (#""faces""#, "a JSON object"),
    (#"{"face":"only"}"#, "found \"face\""), (#"{"faces":"none"}"#, "faces: expected"),
    (#"{"faces":true}"#, "faces: expected"), (#"{"fields":"seq"}"#, "a list of names"),
    (#"{"fields":[1]}"#, "expected names"), (#"{"fields":["sequence"]}"#, "found \"sequence\""),
    (#"{"every":0}"#, "every: expected"), (#"{"every":-1}"#, "every: expected"),
    (#"{"every":1.5}"#, "every: expected"), (#"{"every":"2"}"#, "every: expected"),
    (#"{"every":1e300}"#, "every: expected"), (#"{"every":1000001}"#, "every: expected"),
    (#"{"every":true}"#, "every: expected"),
    ("{\"" + String(repeating: "x", count: 3000) + "\":1}", "x…\""),
    (String(repeating: "[", count: 4000), "one line of JSON"),
    (String(repeating: "{\"faces\":", count: 100) + "1" + String(repeating: "}", count: 100), "faces: expected"),
  ])
  func refusesWhatIsNone(request: String, problem: String) {
    let error = #expect(throws: Subscription.Problem.self) { try subscription(request) }
    #expect(error?.message.contains(problem) == true, "\(error?.message ?? "")")
    #expect((error?.message.utf8.count ?? 0) < 250)
  }

  @Test func refusesBytesThatAreNoText() {
    #expect(throws: Subscription.Problem.self) { try Subscription(request: [0xFF, 0xFE, 0x80]) }
    // Foundation's parser would end the program here.
    #expect(throws: Subscription.Problem.self) {
      try Subscription(request: Array(repeating: UInt8(ascii: "["), count: 513))
    }
  }

  /// The schema that is published says the same as the program.
  @Test func theSchemaAgrees() throws {
    let schema = try JSONSchema(contentsOf: TestData.repository.appending(path: "docs/subscription.schema.json"))
    let requests = [
      "{}", #"{"faces":"only"}"#, #"{"faces":"all"}"#, #"{"every":1}"#, #"{"every":1000000}"#, #"{"every":0}"#,
      #"{"every":1000001}"#, #"{"every":2.5}"#, #"{"every":"1"}"#, #"{"faces":"no"}"#, #"{"faces":1}"#,
      #"{"more":1}"#,
      #"{"fields":[]}"#, #"{"fields":["seq","raw","box"]}"#, #"{"fields":["x"]}"#, #"{"fields":"seq"}"#, "[]", "1",
    ]
    for request in requests {
      let isValid = (try? subscription(request)) != nil
      #expect(schema.problems(with: try ParsedJSON.parse(request)).isEmpty == isValid, "\(request)")
    }
    for field in FieldSubset.frameFields + FieldSubset.faceFields {
      #expect(schema.problems(with: try ParsedJSON.parse("{\"fields\":[\"\(field)\"]}")).isEmpty)
    }
  }

  @Test func aFilterLeavesOutWhatIsNotWanted() {
    var stream = TestStream()
    var facesOnly = Subscription.everything
    facesOnly.isFacesOnly = true
    var everyOther = facesOnly
    everyOther.every = 2
    var filters = [SubscriptionFilter(), SubscriptionFilter(facesOnly), SubscriptionFilter(everyOther)]
    var passed = Array(repeating: [Int](), count: 3)
    for _ in 0..<12 {
      let frame = stream.frame()
      for index in filters.indices where filters[index].wants(frame) { passed[index].append(frame.sequence) }
    }
    #expect(passed == [Array(0..<12), [0, 3, 6, 9], [0, 6]])
    for line in [stream.hello, stream.gap(2), stream.end()] {
      #expect(filters.indices.allSatisfy { filters[$0].wants(line) })
    }
  }
}

struct FieldSubsetTests {
  private func applied(_ fields: [String], to line: BroadcastLine) throws -> String {
    String(decoding: try #require(FieldSubset(fields)).applied(to: line.bytes), as: UTF8.self)
  }

  /// A line with every field there is.
  private var liveFrame: BroadcastLine {
    var header = exampleHeader
    header.policy = StreamPolicy(frames: .newest, detectEvery: 4)
    var encoder = BroadcastLineEncoder()
    _ = encoder.hello(header)
    var annotation = exampleAnnotation()
    annotation.wallNanoseconds = 1_795_418_400_123_456_789
    annotation.scan = .regions
    return encoder.frame(annotation)
  }

  @Test func knowsEveryFieldThereIs() throws {
    let frame = try ParsedJSON.parse(liveFrame.text)
    #expect(Set(try #require(frame.object).keys) == Set(FieldSubset.frameFields))
    #expect(Set(try #require(frame["faces"]?[0]?.object).keys) == Set(FieldSubset.faceFields))
    let schema = try ParsedJSON.parse(
      Data(contentsOf: TestData.repository.appending(path: "docs/output.schema.json")))
    for (name, fields) in [("frame", FieldSubset.frameFields), ("face", FieldSubset.faceFields)] {
      #expect(Set(try #require(schema["$defs"]?[name]?["properties"]?.object).keys) == Set(fields))
    }
  }

  @Test func keepsOrderAndBytesOfWhatIsWanted() throws {
    var stream = TestStream()
    let frame = stream.frame()
    #expect(try applied([], to: frame) == "{\"v\":1,\"type\":\"frame\",\"seq\":0}\n")
    #expect(
      try applied(["status", "pts_ns"], to: frame)
        == "{\"v\":1,\"type\":\"frame\",\"seq\":0,\"pts_ns\":0,\"status\":\"ok\"}\n")
    #expect(
      try applied(["confidence", "emotion"], to: frame) == #"""
        {"v":1,"type":"frame","seq":0,"faces":[{"emotion":"happy","confidence":0.7000},\#
        {"emotion":"so,\"so\"","confidence":0.5000}]}

        """#)
    #expect(try applied(["emotion", "faces"], to: frame) == applied(["emotion"], to: frame))
    for whole in [frame, liveFrame] {
      #expect(try applied(FieldSubset.frameFields, to: whole) == String(decoding: whole.bytes, as: UTF8.self))
    }
    #expect(
      try applied(FieldSubset.frameFields + FieldSubset.faceFields, to: frame)
        == String(decoding: frame.bytes, as: UTF8.self))
  }

  @Test func aFrameWithoutFacesKeepsItsEmptyList() throws {
    var stream = TestStream()
    _ = stream.frame()
    #expect(try applied(["emotion"], to: stream.frame()) == "{\"v\":1,\"type\":\"frame\",\"seq\":1,\"faces\":[]}\n")
  }

  @Test func knowsItsNamesOnly() {
    #expect(FieldSubset(["hello"]) == nil)
    #expect(FieldSubset([""]) == nil)
    #expect(FieldSubset(["seq", "seq"]) == FieldSubset(["seq"]))
  }

  /// Every subset of a real line is JSON with exactly the fields asked for, whole values and the order kept.
  @Test(arguments: 0..<30)
  func everySubsetIsValid(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let names = (FieldSubset.frameFields + FieldSubset.faceFields).filter { _ in Bool.random(using: &random) }
    let frame = liveFrame
    let whole = try ParsedJSON.parse(frame.text)
    let part = try ParsedJSON.parse(applied(names, to: frame))
    let faceNames = Set(names).intersection(FieldSubset.faceFields)
    var expected = Set(names).intersection(FieldSubset.frameFields).union(["v", "type", "seq"])
    if !faceNames.isEmpty { expected.insert("faces") }
    #expect(Set(try #require(part.object).keys) == expected)
    for name in expected where name != "faces" || faceNames.isEmpty { #expect(part[name] == whole[name]) }
    if !faceNames.isEmpty {
      for index in 0..<2 {
        let face = try #require(part["faces"]?[index]?.object)
        #expect(face == whole["faces"]?[index]?.object?.filter { faceNames.contains($0.key) })
      }
    }
  }

  @Test func isMadeOnceForAllWhoWantTheSame() throws {
    var stream = TestStream()
    var count = 0
    let shared = SharedLine(stream.frame()) { bytes in
      count += 1
      return bytes
    }
    for _ in 0..<5 {
      _ = shared.payload(FieldSubset(["seq"]))
      _ = shared.payload(FieldSubset(["emotion", "seq"]))
      _ = shared.payload(nil)
    }
    #expect(count == 3)
  }
}
