import Glibc
import Pixels
import Synchronization
import Testing
import Threads

@testable import Capture

struct LatestFrameTests {
  private func frame(_ sequence: Int? = nil) -> Frame {
    let frame = Frame(storage: FakeSource.Storage())
    if let sequence { FakeSource.fill(frame, sequence: sequence) }
    return frame
  }

  @Test func theNewestFrameWinsAndThoseThatGiveWayAreCounted() {
    let mailbox = LatestFrame(slot: frame())
    let captured = frame()
    for number in 0..<5 {
      FakeSource.fill(captured, sequence: number)
      #expect(mailbox.put(captured) == (number > 0))
    }
    #expect(mailbox.displacedCount == 4)
    let taken = frame()
    #expect(mailbox.take(into: taken) == .frame)
    #expect(taken.sequence == 4 && taken.luma?.base.pointee == 4)
    #expect(mailbox.take(into: taken, until: MonotonicClock.now()) == .nothing)
    #expect(taken.luma == nil)
    FakeSource.fill(captured, sequence: 5)
    #expect(!mailbox.put(captured) && mailbox.displacedCount == 4)
  }

  @Test func whatIsNoLongerNeededIsReleasedBeforeAFrameIsTaken() {
    let mailbox = LatestFrame(slot: frame())
    let taken = frame(1)
    let buffer = taken.storage as! FakeSource.Storage
    mailbox.put(frame(2))
    #expect(mailbox.take(into: taken) == .frame && taken.sequence == 2)
    #expect(buffer.clearCount == 1)
  }

  @Test func waitingForAFrameEndsInTime() {
    let start = MonotonicClock.now()
    #expect(LatestFrame(slot: frame()).take(into: frame(), until: start + 30_000_000) == .nothing)
    #expect(30_000_000..<10_000_000_000 ~= MonotonicClock.now() - start)
  }

  @Test func whatWaitsCanBeTakenAfterTheEndAndNothingElse() {
    let mailbox = LatestFrame(slot: frame())
    mailbox.put(frame(7))
    mailbox.close()
    let late = frame(8)
    mailbox.put(late)
    #expect(!mailbox.putWhenEmpty(late) && late.sequence == 8)
    let taken = frame()
    #expect(mailbox.take(into: taken) == .frame && taken.sequence == 7)
    #expect(mailbox.take(into: taken) == .closed)
  }

  @Test func closingWakesBothSides() {
    let empty = LatestFrame(slot: frame())
    let full = LatestFrame(slot: frame())
    full.put(frame(1))
    let (one, two) = (frame(), frame(2))
    let results = Atomic<Int>(0)
    let threads = [
      NamedThread.start(name: "test-taker") {
        if empty.take(into: one) == .closed { results.add(1, ordering: .sequentiallyConsistent) }
      },
      NamedThread.start(name: "test-putter") {
        if !full.putWhenEmpty(two) { results.add(10, ordering: .sequentiallyConsistent) }
      },
    ]
    usleep(20_000)
    #expect(results.load(ordering: .sequentiallyConsistent) == 0)
    empty.close()
    full.close()
    for thread in threads { thread.join() }
    #expect(results.load(ordering: .sequentiallyConsistent) == 11)
  }

  @Test(arguments: [false, true])
  func betweenThreadsFramesComeInOrderAndNoneIsCountedTwice(waits: Bool) {
    let mailbox = LatestFrame(slot: frame())
    let captured = frame()
    let count = 5000
    let thread = NamedThread.start(name: "test-putter") {
      for number in 0..<count {
        FakeSource.fill(captured, sequence: number)
        if waits { _ = mailbox.putWhenEmpty(captured) } else { mailbox.put(captured) }
      }
      mailbox.close()
    }
    let taken = frame()
    var numbers: [Int] = []
    while mailbox.take(into: taken) == .frame {
      #expect(taken.luma?.base.pointee == UInt8(truncatingIfNeeded: taken.sequence))
      numbers.append(taken.sequence)
    }
    thread.join()
    #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $0 < $1 })
    #expect(numbers.last == count - 1)
    #expect(numbers.count + mailbox.displacedCount == count)
    if waits { #expect(numbers.count == count) }
  }
}
