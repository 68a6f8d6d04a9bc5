import Foundation
import Synchronization
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
