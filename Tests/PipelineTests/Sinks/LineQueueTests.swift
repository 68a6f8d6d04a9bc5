import TestSupport
import Testing

@testable import Pipeline

struct LineQueueTests {
  private typealias Queue = LineQueue<[UInt8]>

  private func append(_ line: BroadcastLine, to queue: inout Queue) -> Int {
    queue.append(.init(line, size: line.bytes.count, payload: line.bytes))
  }

  private func drain(_ queue: inout Queue) -> [String] {
    var lines: [String] = []
    while let item = queue.popFirst() { lines.append(String(decoding: item.bytes.dropLast(), as: UTF8.self)) }
    return lines
  }

  @Test func givesBackWhatWasPutIn() {
    var queue = Queue(limits: LineQueueLimits(lines: 10, bytes: 1 << 20))
    var stream = TestStream()
    let lines = [stream.hello, stream.frame(), stream.frame(), stream.gap(3), stream.frame(), stream.end()]
    for line in lines { #expect(append(line, to: &queue) == 0) }
    #expect(drain(&queue) == lines.map(\.text))
    #expect(queue.isEmpty)
  }

  @Test func losesTheOldestLinesAndTellsWhich() {
    var queue = Queue(limits: LineQueueLimits(lines: 3, bytes: 1 << 20))
    var stream = TestStream()
    _ = append(stream.hello, to: &queue)
    var lost = 0
    for _ in 0..<10 { lost += append(stream.frame(), to: &queue) }
    #expect(lost == 7)
    let lines = drain(&queue)
    #expect(lines[0] == stream.hello.text)
    #expect(lines[1] == #"{"v":1,"type":"gap","seq_from":0,"seq_to":6,"reason":"slow-reader"}"#)
    let coverage = Coverage(lines)
    #expect(coverage.problems.isEmpty)
    #expect(coverage.frames == 3 && coverage.lost == 7 && coverage.next == 10)
  }

  @Test func aLostGapBecomesPartOfTheGapThatStandsForIt() {
    var queue = Queue(limits: LineQueueLimits(lines: 2, bytes: 1 << 20))
    var stream = TestStream()
    for line in [stream.frame(), stream.gap(5), stream.frame(), stream.frame()] { _ = append(line, to: &queue) }
    let lines = drain(&queue)
    #expect(lines[0] == #"{"v":1,"type":"gap","seq_from":0,"seq_to":5,"reason":"slow-reader"}"#)
    #expect(lines.count == 3)
  }

  @Test func holdsNoMoreBytesThanItMay() {
    var stream = TestStream()
    let size = stream.frame().bytes.count
    var queue = Queue(limits: LineQueueLimits(lines: 1000, bytes: size * 2))
    for _ in 0..<100 { _ = append(stream.frame(), to: &queue) }
    #expect(drain(&queue).joined(separator: "\n").utf8.count <= size * 2 + 100)
  }

  @Test func losesALineThatIsLargerThanEverythingThatMayWait() {
    var stream = TestStream()
    var queue = Queue(limits: LineQueueLimits(lines: 10, bytes: 10))
    #expect(append(stream.frame(), to: &queue) == 1)
    #expect(drain(&queue) == [#"{"v":1,"type":"gap","seq_from":0,"seq_to":0,"reason":"slow-reader"}"#])
  }

  @Test func keepsTheLatestHelloAndTheEnd() {
    var stream = TestStream()
    var encoder = BroadcastLineEncoder()
    var header = exampleHeader
    header.model = "other@2"
    let second = encoder.hello(header)
    var queue = Queue(limits: LineQueueLimits(lines: 2, bytes: 1 << 20))
    for line in [stream.hello, stream.frame(), second, stream.frame(), stream.frame(), stream.end()] {
      _ = append(line, to: &queue)
    }
    let lines = drain(&queue)
    #expect(lines.first == second.text)
    let coverage = Coverage(lines)
    #expect(coverage.problems.isEmpty && coverage.hasEnd && coverage.next == 3)
  }

  @Test func givesUpEverythingButTheEnd() {
    var stream = TestStream()
    var queue = Queue(limits: LineQueueLimits(lines: 100, bytes: 1 << 20))
    _ = append(stream.hello, to: &queue)
    for _ in 0..<20 { _ = append(stream.frame(), to: &queue) }
    _ = append(stream.end(), to: &queue)
    #expect(queue.loseAll() == 20)
    let lines = drain(&queue)
    #expect(lines.count == 3)
    #expect(Coverage(lines).lost == 20)
  }

  /// Whatever is put in and taken out in whatever order, every number is covered once.
  @Test(arguments: 0..<20)
  func coversEveryNumberOnce(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var queue = Queue(limits: LineQueueLimits(lines: Int.random(in: 1...9, using: &random), bytes: 4000))
    var stream = TestStream()
    _ = append(stream.hello, to: &queue)
    var lines: [String] = []
    for _ in 0..<400 {
      switch Int.random(in: 0..<10, using: &random) {
      case 0..<5: _ = append(stream.frame(), to: &queue)
      case 5: _ = append(stream.gap(Int.random(in: 1...4, using: &random)), to: &queue)
      default:
        if let item = queue.popFirst() { lines.append(String(decoding: item.bytes.dropLast(), as: UTF8.self)) }
      }
    }
    _ = append(stream.end(), to: &queue)
    lines += drain(&queue)
    let coverage = Coverage(lines)
    #expect(coverage.problems.isEmpty && coverage.hasEnd)
    #expect(coverage.first == 0 && coverage.next == stream.sequence)
  }
}

/// SplitMix64 (prng.di.unimi.it), so that a failure can be had again.
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}
