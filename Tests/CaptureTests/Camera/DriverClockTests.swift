@testable import Capture
import Testing

struct DriverClockTests {
  private func numbers(_ counters: [UInt32]) -> [Int] {
    var sequence = DriverSequence()
    return counters.map { sequence.number(of: $0) }
  }

  @Test func `frames count from 0, and what the driver dropped is missing`() {
    #expect(numbers([7, 8, 9, 12, 13]) == [0, 1, 2, 5, 6])
  }

  @Test func `the counter may wrap around`() {
    #expect(numbers([.max - 1, .max, 0, 2]) == [0, 1, 2, 4])
  }

  @Test func `a counter that stands still or starts again makes no gap`() {
    #expect(numbers([0, 0, 0]) == [0, 1, 2])
    #expect(numbers([1000, 1001, 0, 1]) == [0, 1, 2, 3])
    #expect(numbers([0, 3_000_000_000, 3_000_000_001]) == [0, 1, 2])
  }

  private static let second: Int64 = 1_000_000_000

  @Test(arguments: [
    // Taken a moment ago; an end of frame that is still to come; a buffer that waited.
    (99 * second, true, 99 * second), (100 * second + 30_000_000, true, 100 * second + 30_000_000),
    (60 * second, true, 60 * second),
    // Another clock, or none.
    (99 * second, false, 100 * second), (0, true, 100 * second), (5000 * second, true, 100 * second),
    (Int64.max, true, 100 * second), (Int64.min, true, 100 * second),
  ])
  func `a time stamp counts where it can be right`(stamp: Int64, isMonotonic: Bool, expected: Int64) {
    #expect(
      DriverTime.usable(stamp: stamp, isMonotonic: isMonotonic, now: 100 * DriverClockTests.second) == expected)
  }
}
