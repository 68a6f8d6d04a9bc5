/// Numbers the frames of a camera by its driver's counter, in which frames that were lost are missing.
struct DriverSequence: Equatable {
  private var last: UInt32?
  private var number = 0

  /// Beyond so many frames, a counter has been set anew rather than gone on: 6 hours at 30 frames/s.
  private static let longestGap: UInt32 = 1 << 19

  /// - Parameter counter: the driver's, which wraps around at 2^32.
  /// - Returns: 0 for the first frame; always more than for the frame before.
  mutating func number(of counter: UInt32) -> Int {
    guard let last else {
      self.last = counter
      return 0
    }
    let step = counter &- last
    self.last = counter
    // Some drivers don't count at all, others start again.
    number += 1...DriverSequence.longestGap ~= step ? Int(step) : 1
    return number
  }
}

/// When a camera's picture was taken.
enum DriverTime {
  /// - Parameters:
  ///   - stamp: nanoseconds, from the driver.
  ///   - isMonotonic: whether the driver says that it is of the system's monotonic clock.
  ///   - now: nanoseconds on that clock.
  /// - Returns: nanoseconds on that clock: the driver's, or now where that one cannot be right.
  static func usable(stamp: Int64, isMonotonic: Bool, now: Int64) -> Int64 {
    let (age, overflow) = now.subtractingReportingOverflow(stamp)
    return isMonotonic && !overflow && -1_000_000_000...60_000_000_000 ~= age ? stamp : now
  }
}
