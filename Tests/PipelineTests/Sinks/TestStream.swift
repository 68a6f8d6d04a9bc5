import Logging
import TestSupport

@testable import Pipeline

/// The lines of a made-up stream, one after the other.
struct TestStream {
  private var encoder = BroadcastLineEncoder()
  private(set) var sequence = 0
  let hello: BroadcastLine

  init() { hello = encoder.hello(exampleHeader) }

  /// The next frame; every third has two faces, the others none.
  mutating func frame() -> BroadcastLine {
    var annotation = sequence % 3 == 0 ? exampleAnnotation() : FrameAnnotation()
    annotation.sequence = sequence
    annotation.presentationTimeNanoseconds = Int64(sequence) * 33_333_333
    sequence += 1
    return encoder.frame(annotation)
  }

  /// The next frames are lost.
  mutating func gap(_ count: Int) -> BroadcastLine {
    defer { sequence += count }
    return encoder.gap(
      StreamGap(firstSequence: sequence, lastSequence: sequence + count - 1, reason: "camera"))
  }

  mutating func end() -> BroadcastLine {
    var summary = StreamSummary()
    summary.frames = sequence
    return encoder.end(summary)
  }
}

/// What a reader of a whole stream got, held against the promise that every number comes once, in order.
struct Coverage {
  private(set) var frames = 0
  private(set) var lost = 0
  private(set) var gaps = 0
  private(set) var hasHello = false
  private(set) var hasEnd = false
  private(set) var errors: [String] = []
  /// The next number; nil before the first one.
  private(set) var next: Int?
  private(set) var first: Int?
  /// What is wrong; empty = nothing.
  private(set) var problems: [String] = []

  init(_ lines: some Sequence<String>) {
    for line in lines { take(line) }
  }

  private mutating func take(_ text: String) {
    guard let line = try? ParsedJSON.parse(text), let type = line["type"]?.string else {
      problems.append("no line: \(text)")
      return
    }
    if hasEnd { problems.append("after the end: \(text)") }
    if !hasHello, type != "hello" { problems.append("before hello: \(text)") }
    switch type {
    case "hello": hasHello = true
    case "frame": advance(from: line["seq"]?.integer, to: line["seq"]?.integer) { $0.frames += 1 }
    case "gap":
      advance(from: line["seq_from"]?.integer, to: line["seq_to"]?.integer) { $0.gaps += 1 }
    case "end": hasEnd = true
    case "error": errors.append(line["message"]?.string ?? "")
    default: problems.append("unknown: \(text)")
    }
  }

  private mutating func advance(from: Int?, to: Int?, count: (inout Coverage) -> Void) {
    guard let from, let to, from <= to else { return problems.append("from \(from as Any) to \(to as Any)") }
    if let next, from != next { problems.append("\(from) where \(next) was due") }
    if first == nil { first = from }
    next = to + 1
    let gapsBefore = gaps
    count(&self)
    if gaps > gapsBefore { lost += to - from + 1 }
  }
}

/// Says nothing.
func quietLogger() -> Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }

func testMetrics() -> StreamMetrics { StreamMetrics(version: "0.1.0") }

extension StreamMetrics {
  /// The figure of a metric on the page.
  func figure(_ name: String) -> Double? {
    String(decoding: render(), as: UTF8.self).split(separator: "\n")
      .first { $0.hasPrefix("\(name) ") }
      .flatMap { Double($0.dropFirst(name.utf8.count + 1)) }
  }
}

extension BroadcastLine {
  var text: String { String(decoding: bytes.dropLast(), as: UTF8.self) }
}
