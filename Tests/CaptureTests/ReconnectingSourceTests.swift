import Foundation
import Testing
import Threads

@testable import Capture

struct StreamContinuationTests {
  @Test func aStreamThatIsNeverLostKeepsItsNumbersAndTimes() {
    var continuation = StreamContinuation()
    for (sequence, time) in [(0, 0), (1, 40), (4, 160)] as [(Int, Int64)] {
      let mapped = continuation.map(sequence: sequence, time: time, capture: 1000 + time, frameRate: 25)
      #expect(mapped == (sequence, time))
    }
    #expect(continuation.nextSequence == 5)
  }

  @Test(arguments: [
    (25.0 as Double?, 1000 as Int64, 24), (25, 2, 1), (nil, 5000, 1), (.nan, 5000, 1), (.infinity, 5000, 1),
    (1e18, 5000, 1_000_000_000_000 - 1),
  ])
  func afterALossNumbersAndTimesGoOn(frameRate: Double?, awayMilliseconds: Int64, lost: Int) {
    var continuation = StreamContinuation()
    let start: Int64 = 77_000_000_000
    _ = continuation.map(sequence: 0, time: 0, capture: start, frameRate: frameRate)
    _ = continuation.map(sequence: 9, time: 360_000_000, capture: start + 360_000_000, frameRate: frameRate)
    continuation.interrupt()
    // The source counts from the beginning again; a driver may have lost its first two frames.
    let back = start + 360_000_000 + awayMilliseconds * 1_000_000
    let first = continuation.map(sequence: 2, time: 0, capture: back, frameRate: frameRate)
    #expect(first == (10 + lost, back - start))
    let second = continuation.map(sequence: 3, time: 40_000_000, capture: back + 40_000_000, frameRate: frameRate)
    #expect(second == (11 + lost, back - start + 40_000_000))
  }

  /// A server's first frames come late, all at once: it is the others that tell when the stream began.
  @Test func timeGoesOnFromTheFramesThatCameWithTheLeastDelay() {
    var continuation = StreamContinuation()
    let second: Int64 = 1_000_000_000
    for index in 0..<50 {
      // The first 25 are read a second after the first of them was sent.
      let time = Int64(index) * second / 25
      _ = continuation.map(sequence: index, time: time, capture: 100 * second + max(time, second), frameRate: 25)
    }
    continuation.interrupt()
    let back = continuation.map(sequence: 0, time: 0, capture: 110 * second, frameRate: 25)
    #expect(back == (250, 10 * second))
  }

  @Test func aSourceThatIsLostBeforeItsFirstFrameBeginsWithAGapOfOne() {
    var continuation = StreamContinuation()
    continuation.interrupt()
    continuation.interrupt()
    #expect(continuation.map(sequence: 0, time: 0, capture: 9_000_000_000_000, frameRate: 30) == (1, 0))
    #expect(continuation.map(sequence: 1, time: 33, capture: 9_000_000_000_033, frameRate: 30) == (2, 33))
  }

  @Test func neitherNumbersNorTimesGoBackWhateverComes() {
    var continuation = StreamContinuation()
    var last = (sequence: -1, time: Int64(-1))
    for (index, sequence) in [5, 5, 2, 8, 0, 1].enumerated() {
      if index == 4 { continuation.interrupt() }
      // The clock stands still.
      let mapped = continuation.map(sequence: sequence, time: 0, capture: 9, frameRate: 30)
      #expect(mapped.sequence > last.sequence && mapped.time > last.time)
      last = mapped
    }
  }
}

struct BackOffTests {
  @Test func waitsLongerEachTimeUntilTheSourceIsSound() {
    var backOff = BackOff()
    #expect((0..<7).map { _ in backOff.next() } == [0.25, 0.5, 1, 2, 4, 5, 5])
    backOff.sourceLasted(seconds: 0.3)
    #expect(backOff.next() == 5)
    backOff.sourceLasted(seconds: 60)
    #expect(backOff.next() == 0.25)
  }
}

struct ReconnectingSourceTests {
  private static let gone = CaptureError(.deviceUnavailable, input: "fake", "unplugged")

  @Test func isOpenedAgainEachTimeItBreaksOff() throws {
    var openings: [Result<FakeSource, CaptureError>] = [
      .success(FakeSource([0, 1, 2], failure: Self.gone)), .failure(Self.gone),
      .success(FakeSource([], failure: Self.gone)), .success(FakeSource([1, 2, 4], failure: nil)),
    ].reversed()
    var events: [String] = []
    let source = try ReconnectingSource(
      cancellation: CaptureCancellation(),
      onEvent: { event in
        switch event {
        case .lost(let error, let seconds, let next): events.append("lost \(error.code) \(seconds) \(next)")
        case .attemptFailed(_, let seconds): events.append("failed \(seconds)")
        case .reopened: events.append("reopened")
        }
      },
      open: { () throws(CaptureError) in try openings.popLast()!.get() })
    let frame = source.makeFrame()
    var frames: [(sequence: Int, opening: Int)] = []
    var times: [Int64] = []
    let start = MonotonicClock.now()
    while try source.read(into: frame) {
      frames.append((frame.sequence, frame.opening))
      times.append(frame.presentationTimeNanoseconds)
    }
    #expect(frames.map(\.opening) == [0, 0, 0, 2, 2, 2])
    #expect(frames.prefix(3).map(\.sequence) == [0, 1, 2])
    // A quarter, half and a whole second at 100 frames a second.
    #expect(160..<10_000 ~= frames[3].sequence)
    #expect(frames[4].sequence == frames[3].sequence + 1 && frames[5].sequence == frames[3].sequence + 3)
    #expect(zip(times, times.dropFirst()).allSatisfy { $0 < $1 })
    #expect(times[3] >= 1_700_000_000 && times[3] <= MonotonicClock.now() - start + 1_000_000_000)
    #expect(
      events == [
        "lost deviceUnavailable 0.25 3", "failed 0.5", "reopened", "lost deviceUnavailable 1.0 3", "reopened",
      ])
  }

  @Test func theFirstOpeningHasNoSecondTry() {
    var count = 0
    #expect(throws: Self.gone) {
      _ = try ReconnectingSource(cancellation: CaptureCancellation()) { () throws(CaptureError) in
        count += 1
        throw Self.gone
      }
    }
    #expect(count == 1)
  }

  @Test func aRecordingThatBreaksOffIsNotOpenedAgain() throws {
    var count = 0
    let source = try ReconnectingSource(cancellation: CaptureCancellation()) { () throws(CaptureError) in
      count += 1
      let source = FakeSource([0], failure: Self.gone)
      source.info.isReopened = false
      return source
    }
    let frame = source.makeFrame()
    #expect(try source.read(into: frame))
    #expect(throws: Self.gone) { try source.read(into: frame) }
    #expect(count == 1)
  }

  @Test func cancellingEndsTheWaitForASourceThatIsAway() throws {
    let cancellation = CaptureCancellation()
    var isFirst = true
    let source = try ReconnectingSource(cancellation: cancellation) { () throws(CaptureError) in
      if !isFirst { throw Self.gone }
      isFirst = false
      return FakeSource([0], failure: Self.gone)
    }
    let frame = source.makeFrame()
    #expect(try source.read(into: frame))
    let thread = NamedThread.start(name: "test-cancel") {
      usleep(1_000_000)
      cancellation.cancel()
    }
    let start = MonotonicClock.now()
    #expect(try !source.read(into: frame))
    #expect(900_000_000..<20_000_000_000 ~= MonotonicClock.now() - start)
    thread.join()
  }

  @Test func decodingErrorsOfAllOpeningsAreSummedUp() throws {
    var openings = [FakeSource([0], failure: nil), FakeSource([0], failure: Self.gone)]
    openings[0].decodeErrors = 3
    openings[1].decodeErrors = 2
    let source = try ReconnectingSource(cancellation: CaptureCancellation()) { () throws(CaptureError) in
      openings.popLast()!
    }
    let frame = source.makeFrame()
    while try source.read(into: frame) {}
    #expect(source.decodeErrors == 5)
  }
}
