import Capture
import FaceCrop
import Foundation
import Pixels
import TestSupport
import Testing

@testable import Pipeline

/// A header with three labels, one of which needs escaping.
let exampleHeader = StreamHeader(
  version: "0.1.0", source: "a \"clip\"\n.mp4", width: 640, height: 360, labels: ["angry", "happy", "so,\"so\""],
  model: "default@1f3c", bias: [1.4, 0.000_012, 1])

let exampleLandmarks = FaceLandmarks(
  rightEye: Point(x: 240.4, y: 126), leftEye: Point(x: 281, y: 127.5), nose: Point(x: 262, y: 150),
  rightMouthCorner: Point(x: 246, y: 172), leftMouthCorner: Point(x: -3.2, y: 172))

func exampleAnnotation() -> FrameAnnotation {
  var annotation = FrameAnnotation()
  annotation.sequence = 12
  annotation.presentationTimeNanoseconds = 400_000_000
  annotation.faces = [
    FaceAnnotation(
      track: 1, box: Rect(x: 211, y: 80, width: 92, height: 120), detectionScore: 0.97, landmarks: exampleLandmarks),
    FaceAnnotation(
      track: 2, box: Rect(x: -20, y: 300.4, width: 60, height: 100), detectionScore: 0.5, landmarks: nil),
  ]
  annotation.scores = [0.1, 0.7, 0.2, 0.25, 0.25, 0.5]
  annotation.raw = [0.2, 0.6, 0.2, 0.3, 0.3, 0.4]
  return annotation
}

struct JSONLinesEncoderTests {
  private func line(_ body: (inout JSONLinesEncoder, inout LineBuffer) -> Void) -> String {
    var encoder = JSONLinesEncoder()
    var line = LineBuffer()
    encoder.hello(exampleHeader, into: &line)
    line.removeAll()
    body(&encoder, &line)
    return String(decoding: line.bytes, as: UTF8.self)
  }

  @Test func writesHello() {
    let text = line { $0.hello(exampleHeader, into: &$1) }
    #expect(
      text == #"""
        {"v":1,"type":"hello","ferd":"0.1.0","source":"a \"clip\"\n.mp4","width":640,"height":360,\#
        "labels":["angry","happy","so,\"so\""],"model":"default@1f3c",\#
        "bias":{"angry":1.4,"happy":1.2e-05,"so,\"so\"":1.0}}

        """#)
  }

  @Test func helloTellsATemperatureWhereThereIsOne() throws {
    var header = exampleHeader
    header.temperature = 1.25
    let text = line { $0.hello(header, into: &$1) }
    #expect(text.contains(#""so,\"so\"":1.0},"temperature":1.25}"#), "\(text)")
    let schema = try JSONSchema(contentsOf: TestData.repository.appending(path: "docs/output.schema.json"))
    #expect(schema.problems(with: try ParsedJSON.parse(text)).isEmpty)
  }

  @Test func writesFacesInFixedOrderAndBoxesInsideThePicture() {
    let text = line { $0.frame(exampleAnnotation(), into: &$1) }
    #expect(
      text == #"""
        {"v":1,"type":"frame","seq":12,"pts_ns":400000000,"status":"ok","faces":[\#
        {"track":1,"box":{"x":211,"y":80,"w":92,"h":120},"det":0.9700,\#
        "landmarks":[[240,126],[281,128],[262,150],[246,172],[-3,172]],"emotion":"happy","confidence":0.7000,\#
        "scores":{"angry":0.1000,"happy":0.7000,"so,\"so\"":0.2000},\#
        "raw":{"angry":0.2000,"happy":0.6000,"so,\"so\"":0.2000}},\#
        {"track":2,"box":{"x":0,"y":300,"w":40,"h":60},"det":0.5000,"landmarks":[],\#
        "emotion":"so,\"so\"","confidence":0.5000,\#
        "scores":{"angry":0.2500,"happy":0.2500,"so,\"so\"":0.5000},\#
        "raw":{"angry":0.3000,"happy":0.3000,"so,\"so\"":0.4000}}]}

        """#)
  }

  @Test func linesOfLiveStreamsTellMore() {
    var header = exampleHeader
    header.policy = StreamPolicy(frames: .every, reclassifyEvery: 2)
    var annotation = exampleAnnotation()
    annotation.faces.removeLast()
    annotation.faces[0].classifiedSequence = 11
    annotation.wallNanoseconds = 1_795_418_400_123_456_789
    annotation.scan = .regions
    let hello = line { $0.hello(header, into: &$1) }
    #expect(hello.hasSuffix(#","policy":{"frames":"every","detect_every":"auto","reclassify_every":2}}"# + "\n"))
    let text = line { encoder, line in
      encoder.hello(header, into: &line)
      line.removeAll()
      encoder.frame(annotation, into: &line)
    }
    #expect(
      text.contains(
        #""pts_ns":400000000,"wall":"2026-11-23T07:20:00.123Z","status":"ok","scan":"regions","faces":[{"track":1,"#
      ))
    #expect(text.hasSuffix(#","raw_seq":11}]}"# + "\n"))
  }

  @Test(
    arguments: [
      (0, "1970-01-01T00:00:00.000Z"), (951_782_399_999_000_000, "2000-02-28T23:59:59.999Z"),
      (951_782_400_000_000_000, "2000-02-29T00:00:00.000Z"), (951_868_800_001_999_999, "2000-03-01T00:00:00.001Z"),
      (4_107_542_399_000_000_000, "2100-02-28T23:59:59.000Z"),
      (4_107_542_400_000_000_000, "2100-03-01T00:00:00.000Z"),
      (1_735_689_599_123_456_789, "2024-12-31T23:59:59.123Z"), (-1, "1969-12-31T23:59:59.999Z"),
    ] as [(Int64, String)])
  func writesTimesOfDay(nanoseconds: Int64, text: String) {
    var line = LineBuffer()
    line.append(utcNanoseconds: nanoseconds)
    #expect(String(decoding: line.bytes, as: UTF8.self) == text)
  }

  @Test func writesAFrameWithoutFaces() {
    var annotation = FrameAnnotation()
    annotation.status = .damaged
    let text = line { $0.frame(annotation, into: &$1) }
    #expect(text == #"{"v":1,"type":"frame","seq":0,"pts_ns":0,"status":"damaged","faces":[]}"# + "\n")
  }

  @Test func writesGapAndEnd() {
    let gap = line { $0.gap(StreamGap(firstSequence: 13, lastSequence: 17, reason: "slow-reader"), into: &$1) }
    #expect(gap == #"{"v":1,"type":"gap","seq_from":13,"seq_to":17,"reason":"slow-reader"}"# + "\n")
    var summary = StreamSummary()
    summary.frames = 275
    summary.faces = 301
    summary.decodeErrors = 2
    let end = line { $0.end(summary, into: &$1) }
    #expect(
      end == #"{"v":1,"type":"end","frames":275,"faces":301,"decode_errors":2,"dropped":0,"reason":"eof"}"# + "\n")
  }

  @Test func writesNoNumberThatIsNotOne() throws {
    var annotation = exampleAnnotation()
    annotation.scores[1] = .nan
    annotation.raw[0] = .infinity
    annotation.faces[0].detectionScore = -.nan
    annotation.faces[0].box = Rect(x: .nan, y: -.infinity, width: .infinity, height: 1e30)
    let text = line { $0.frame(annotation, into: &$1) }
    let object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    let face = try #require((object["faces"] as? [[String: Any]])?.first)
    let box = try #require(face["box"] as? [String: Int])
    #expect(box["w"]! >= 1 && box["h"]! >= 1 && box["x"]! + box["w"]! <= 640 && box["y"]! + box["h"]! <= 360)
  }

  @Test(arguments: [
    Rect(x: 639.9, y: 359.9, width: 0.01, height: 0.01), Rect(x: 5000, y: -5000, width: 10, height: 10),
    Rect(x: -10, y: -10, width: 2000, height: 2000), Rect(x: 1.5, y: 1.5, width: 0, height: 0),
  ])
  func keepsEveryPrintedBoxInsideThePictureAndNotEmpty(box: Rect) {
    let printed = PrintedBox(box, pictureWidth: 640, pictureHeight: 360)
    #expect(printed.width >= 1 && printed.height >= 1 && printed.x >= 0 && printed.y >= 0)
    #expect(printed.x + printed.width <= 640 && printed.y + printed.height <= 360)
  }

  @Test func printedScoresSumToOne() {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<200 {
      var values = (0..<8).map { _ in Float.random(in: 0...1, using: &generator) }
      let sum = values.reduce(0, +)
      values = values.map { $0 / sum }
      let printed = values.map { value -> Double in
        var line = LineBuffer()
        line.append(decimal: value)
        return Double(String(decoding: line.bytes, as: UTF8.self))!
      }
      #expect(abs(printed.reduce(0, +) - 1) < 0.001)
    }
  }

  @Test(
    arguments: [
      (0, "0.0000"), (1, "1.0000"), (0.00004, "0.0000"), (0.99996, "1.0000"), (0.00006, "0.0001"),
      (-1.5, "-1.5000"),
      (-0.00001, "0.0000"), (1234.5678, "1234.5677"), (3e38, "1000000000000.0000"),
    ] as [(Float, String)])
  func writesFourDecimals(value: Float, expected: String) {
    var line = LineBuffer()
    line.append(decimal: value)
    #expect(String(decoding: line.bytes, as: UTF8.self) == expected)
  }

  @Test func escapesEveryControlCharacter() throws {
    let text = String(String.UnicodeScalarView((0...0x20).map { Unicode.Scalar(UInt8($0)) })) + "\u{7F}äöü🙂\u{2028}"
    var line = LineBuffer()
    line.append(jsonString: text)
    #expect(!line.bytes.contains { $0 < 0x20 })
    let read = try JSONSerialization.jsonObject(with: Data(line.bytes), options: .fragmentsAllowed)
    #expect(read as? String == text)
  }
}

struct CSVEncoderTests {
  private func rows(_ annotations: [FrameAnnotation]) -> [String] {
    var encoder = CSVEncoder()
    var line = LineBuffer()
    encoder.hello(exampleHeader, into: &line)
    for annotation in annotations { encoder.frame(annotation, into: &line) }
    encoder.end(StreamSummary(), into: &line)
    return String(decoding: line.bytes, as: UTF8.self).components(separatedBy: "\r\n")
  }

  @Test func writesOneRowForEachFaceAndOneForAFrameWithout() {
    var empty = FrameAnnotation()
    empty.sequence = 13
    let rows = rows([exampleAnnotation(), empty])
    #expect(
      rows == [
        "source,seq,pts_ns,status,track,box_x,box_y,box_w,box_h,det,right_eye_x,right_eye_y,left_eye_x,left_eye_y,"
          + "nose_x,nose_y,right_mouth_corner_x,right_mouth_corner_y,left_mouth_corner_x,left_mouth_corner_y,"
          + "emotion,confidence,scores_angry,scores_happy,\"scores_so,\"\"so\"\"\",raw_angry,raw_happy,"
          + "\"raw_so,\"\"so\"\"\"",
        "\"a \"\"clip\"\"\n.mp4\",12,400000000,ok,1,211,80,92,120,0.9700,240,126,281,128,262,150,246,172,-3,172,"
          + "happy,0.7000,0.1000,0.7000,0.2000,0.2000,0.6000,0.2000",
        "\"a \"\"clip\"\"\n.mp4\",12,400000000,ok,2,0,300,40,60,0.5000,,,,,,,,,,,"
          + "\"so,\"\"so\"\"\",0.5000,0.2500,0.2500,0.5000,0.3000,0.3000,0.4000",
        "\"a \"\"clip\"\"\n.mp4\",13,0,ok,,,,,,,,,,,,,,,,,,,,,,,,", "",
      ])
  }

  @Test func writesOneHeaderForAllStreamsWithTheSameLabels() {
    var encoder = CSVEncoder()
    var line = LineBuffer()
    encoder.hello(exampleHeader, into: &line)
    #expect(!line.bytes.isEmpty)
    line.removeAll()
    encoder.hello(exampleHeader, into: &line)
    #expect(line.bytes.isEmpty)
  }
}
