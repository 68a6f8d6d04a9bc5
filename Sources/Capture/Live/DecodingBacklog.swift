/// Tells a decoder of live video what to leave out when it does not get through in time: otherwise what has come in but
/// is not decoded would become ever more, in the buffers of both ends, and every frame later than the one before.
///
/// A value without clock. Whether there is a backlog shows in reading: who must wait for the next packet has none. How far
/// behind the packet at hand is shows in its time stamp, against the last one that was waited for; so clocks that run at
/// different speeds and servers that begin with what they have kept do no harm.
struct DecodingBacklog: Equatable {
  enum Effort: Equatable {
    case allFrames
    /// Those that no other frame needs are left out.
    case neededFrames
    /// All but those that stand for themselves are left out.
    case keyFrames
  }

  /// A read that took less did not wait; nanoseconds.
  static let shortestWait: Int64 = 1_000_000
  /// A backlog of so many nanoseconds of video is cut…
  static let longest: Int64 = 400_000_000
  /// …and one of so many with force.
  static let muchTooLong: Int64 = 1_500_000_000

  private(set) var effort = Effort.allFrames
  /// Arrival less time stamp of the last packet that was waited for.
  private var reference: Int64?

  /// - Parameters:
  ///   - waited: how long reading the packet took, in nanoseconds.
  ///   - arrival: when it was read, on any clock.
  ///   - time: its time stamp in nanoseconds, with any origin; nil where it has none.
  mutating func note(waited: Int64, arrival: Int64, time: Int64?) {
    guard let time else { return }
    let difference = arrival.subtractingReportingOverflow(time).partialValue
    guard waited < Self.shortestWait, let reference else {
      reference = difference
      effort = .allFrames
      return
    }
    switch difference.subtractingReportingOverflow(reference).partialValue {
    case Self.muchTooLong...: effort = .keyFrames
    case Self.longest...: if effort == .allFrames { effort = .neededFrames }
    default: break
    }
  }
}
