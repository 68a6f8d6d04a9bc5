import Testing

@testable import Capture

struct LoopingSourceTests {
  @Test func numbersAndTimesGoOnOverTheEnd() throws {
    var openings = 0
    let source = LoopingSource(FakeSource(Array(0..<3), failure: nil)) { () throws(CaptureError) in
      openings += 1
      return FakeSource(Array(0..<3), failure: nil)
    }
    #expect(source.info.estimatedFrameCount == nil)
    let frame = source.makeFrame()
    var seen: [(Int, Int64)] = []
    while seen.count < 10, try source.read(into: frame) {
      seen.append((frame.sequence, frame.presentationTimeNanoseconds))
    }
    #expect(seen.map(\.0) == Array(0..<10))
    let steps = zip(seen, seen.dropFirst()).map { $1.1 - $0.1 }
    #expect(Set(steps).count == 1 && steps[0] > 0)
    #expect(openings == 3)
  }

  @Test func whatHasNothingToGiveTheSecondTimeEnds() throws {
    let source = LoopingSource(FakeSource([0, 1], failure: nil)) { () throws(CaptureError) in
      FakeSource([], failure: nil)
    }
    let frame = source.makeFrame()
    #expect(try source.read(into: frame) && source.read(into: frame))
    #expect(try !source.read(into: frame))
  }

  @Test func aFileThatIsGoneIsAnError() throws {
    let source = LoopingSource(FakeSource([0], failure: nil)) { () throws(CaptureError) -> any FrameSource in
      throw CaptureError(.noSuchInput, input: "x", "gone")
    }
    let frame = source.makeFrame()
    #expect(try source.read(into: frame))
    #expect(throws: CaptureError(.noSuchInput, input: "x", "gone")) { try source.read(into: frame) }
  }
}
