import Foundation
import Testing
import Threads

@testable import Capture

struct PacedSourceTests {
  private static let millisecond: Int64 = 1_000_000

  /// Frames 10 ms apart.
  private func source(_ count: Int) -> FakeSource { FakeSource(Array(0..<count), failure: nil) }

  @Test(arguments: [PacedSource.Manner.player, .camera])
  func framesComeWhenTheyAreDue(manner: PacedSource.Manner) throws {
    let paced = PacedSource(source(30), manner: manner, cancellation: CaptureCancellation())
    #expect(paced.info.isLive == (manner == .camera))
    let frame = paced.makeFrame()
    let start = MonotonicClock.now()
    var captures: [Int64] = []
    while try paced.read(into: frame) {
      let capture = try #require(frame.captureNanoseconds)
      // Never before its time.
      #expect(MonotonicClock.now() >= capture)
      captures.append(capture - frame.presentationTimeNanoseconds)
    }
    #expect(MonotonicClock.now() - start >= 290 * Self.millisecond)
    #expect(captures.count == 30)
    // One clock for all of them, but where the machine was too busy to keep up.
    if MonotonicClock.now() - start < 350 * Self.millisecond { #expect(Set(captures).count == 1) }
  }

  @Test func aPlayerThatWasPausedGoesOnFromThere() throws {
    let paced = PacedSource(source(12), manner: .player, cancellation: CaptureCancellation())
    let frame = paced.makeFrame()
    var sequences: [Int] = []
    let start = MonotonicClock.now()
    while try paced.read(into: frame) {
      sequences.append(frame.sequence)
      if frame.sequence == 4 { usleep(400_000) }
    }
    #expect(sequences == Array(0..<12))
    #expect(MonotonicClock.now() - start >= 500 * Self.millisecond)
  }

  @Test func aCameraGoesOnWhileNobodyReads() throws {
    let paced = PacedSource(source(100), manner: .camera, cancellation: CaptureCancellation())
    let frame = paced.makeFrame()
    var sequences: [Int] = []
    while try paced.read(into: frame) {
      sequences.append(frame.sequence)
      if frame.sequence == 4 { usleep(600_000) }
    }
    #expect(sequences.prefix(5) == [0, 1, 2, 3, 4])
    // Some 40 have gone by, what is younger than a quarter of a second is still there.
    #expect(sequences[5] >= 35 && sequences.last == 99)
    #expect(zip(sequences, sequences.dropFirst()).allSatisfy { $0 < $1 })
  }

  @Test func cancellingEndsTheWait() throws {
    let cancellation = CaptureCancellation()
    let paced = PacedSource(
      FakeSource([0, 1_000_000], failure: nil), manner: .player, cancellation: cancellation)
    let frame = paced.makeFrame()
    #expect(try paced.read(into: frame))
    let thread = NamedThread.start(name: "test-cancel") {
      usleep(100_000)
      cancellation.cancel()
    }
    #expect(try !paced.read(into: frame))
    #expect(frame.luma == nil)
    thread.join()
  }
}
