import Foundation
import Synchronization
import Threads
import Testing

@testable import Pipeline

struct HandoffTests {
  @Test(arguments: [1, 2, 7])
  func keepsTheOrderAndLosesNothingBetweenThreads(capacity: Int) {
    let queue = Handoff<Int>(capacity: capacity)
    let thread = NamedThread.start(name: "test-putter") {
      for number in 0..<10_000 { queue.put(number) }
      queue.close()
    }
    var expected = 0
    while let number = queue.take() {
      #expect(number == expected)
      expected += 1
    }
    #expect(expected == 10_000)
    thread.join()
  }

  @Test func closingWakesWhoeverWaits() {
    let full = Handoff<Int>(capacity: 1)
    full.put(1)
    let box = Outcome()
    let thread = NamedThread.start(name: "test-waiter") {
      box.wasPut.store(full.put(2) ? 1 : 0, ordering: .releasing)
    }
    usleep(20_000)
    #expect(box.wasPut.load(ordering: .acquiring) == -1)
    full.close()
    thread.join()
    #expect(box.wasPut.load(ordering: .acquiring) == 0)
    #expect(full.take() == 1)
    #expect(full.take() == nil)
  }

  private final class Outcome: Sendable {
    let wasPut = Atomic<Int>(-1)
  }
}

struct OrderedHandoffTests {
  @Test func restoresTheOrderOfWhatSeveralThreadsFinish() {
    let work = Handoff<Int>(capacity: 4)
    let done = OrderedHandoff<Int>(capacity: 8)
    let room = Handoff<Int>(capacity: 8)
    for number in 0..<8 { room.put(number) }
    let feeder = NamedThread.start(name: "test-feeder") {
      var number = 0
      while number < 5_000, room.take() != nil {
        work.put(number)
        number += 1
      }
      work.close()
    }
    let workers = (0..<3).map { worker in
      NamedThread.start(name: "test-worker") {
        while let number = work.take() {
          if number % 100 == worker { usleep(500) }
          done.put(number, number: number)
        }
      }
    }
    for expected in 0..<5_000 {
      #expect(done.take() == expected)
      room.put(0)
    }
    feeder.join()
    for worker in workers { worker.join() }
    done.put(5_001, number: 5_001)
    done.close()
    // 5000 is missing.
    #expect(done.take() == nil)
    #expect(!done.put(5_000, number: 5_000))
  }
}
