/// Turns the timestamps of a stream into nanoseconds since its first frame.
///
/// The result is strictly increasing whatever the file says: a frame without a timestamp comes one frame duration after
/// the last; one that is equal to or slightly before its predecessor (rounding in the container, sloppy muxers) comes a
/// nanosecond after it; a jump back by a second or more (concatenated recordings, a clock that was reset) moves the
/// origin, so that time goes on from there.
struct StreamClock: Equatable {
  /// A frame's share of time where the stream does not tell, in nanoseconds.
  var usualDuration: Int64
  private var origin: Int64?
  private var last: Int64 = 0

  /// A jump back that is taken for a new beginning, in nanoseconds.
  static let discontinuity: Int64 = 1_000_000_000

  init(usualDuration: Int64) {
    precondition(usualDuration > 0, "frame duration \(usualDuration)")
    self.usualDuration = usualDuration
  }

  /// - Parameters:
  ///   - timestamp: the frame's presentation time in nanoseconds with any origin; nil where the stream has none.
  ///   - duration: the frame's own duration in nanoseconds, where known.
  /// - Returns: nanoseconds since the first frame.
  mutating func time(of timestamp: Int64?, duration: Int64? = nil) -> Int64 {
    guard let origin else {
      self.origin = timestamp ?? 0
      last = 0
      return 0
    }
    let step = duration.flatMap { $0 > 0 ? $0 : nil } ?? usualDuration
    guard let timestamp else {
      last = last.addingReportingOverflow(step).partialValue
      return last
    }
    let (elapsed, overflow) = timestamp.subtractingReportingOverflow(origin)
    if !overflow, elapsed > last {
      last = elapsed
    } else if overflow || elapsed <= last - StreamClock.discontinuity {
      last += step
      self.origin = timestamp.subtractingReportingOverflow(last).partialValue
    } else {
      last += 1
    }
    return last
  }
}
