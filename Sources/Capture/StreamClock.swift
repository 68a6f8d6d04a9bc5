/// Turns the timestamps of a stream into nanoseconds since its first frame.
///
/// The result is strictly increasing whatever the file says: a frame without a timestamp comes one frame duration after
/// the last; one that is equal to or slightly before its predecessor (rounding in the container, sloppy muxers) comes a
/// nanosecond after it; a jump back by eight frames or more (concatenated recordings, a clock that was reset), or to
/// where no recording reaches (damage), moves the origin, so that time goes on from there.
struct StreamClock: Equatable {
  /// A frame's share of time where the stream does not tell, in nanoseconds.
  var usualDuration: Int64
  private var origin: Int64?
  private var last: Int64 = 0

  /// A jump back by so many frames is taken for a new beginning; frames that come in the wrong order differ by less.
  private static let discontinuityFrames: Int64 = 8
  /// An hour: what claims to be longer for one frame is damaged.
  private static let longestDuration: Int64 = 3_600_000_000_000
  /// 146 years: the same for a whole stream. Leaves room to count on.
  private static let longestTime: Int64 = 1 << 62

  init(usualDuration: Int64) {
    precondition(usualDuration > 0, "frame duration \(usualDuration)")
    self.usualDuration = min(usualDuration, StreamClock.longestDuration)
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
    let step = duration.flatMap { $0 > 0 ? min($0, StreamClock.longestDuration) : nil } ?? usualDuration
    guard let timestamp else {
      advance(by: step)
      return last
    }
    let (elapsed, overflow) = timestamp.subtractingReportingOverflow(origin)
    let isPossible = !overflow && elapsed <= StreamClock.longestTime
    if isPossible, elapsed > last {
      last = elapsed
    } else if !isPossible || elapsed <= last - StreamClock.discontinuityFrames * usualDuration {
      advance(by: step)
      self.origin = timestamp.subtractingReportingOverflow(last).partialValue
    } else {
      advance(by: 1)
    }
    return last
  }

  private mutating func advance(by step: Int64) {
    let (next, overflow) = last.addingReportingOverflow(step)
    if !overflow { last = next }
  }
}
