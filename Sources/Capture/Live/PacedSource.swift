import Threads

/// A recording at its own pace, as if it happened now.
public final class PacedSource: FrameSource {
  /// What happens when whoever reads is late.
  public enum Manner: Sendable {
    /// As a player: everything comes later, and nothing is lost.
    case player
    /// As a camera: time does not wait. What is too late to be of use is lost, and its numbers are missing.
    case camera
  }

  /// A player that is later than this was paused, and goes on from where it is. Less is made up for.
  private static let longestDelay: Int64 = 100_000_000
  /// So late a camera's driver has no buffer left.
  private static let longestBacklog: Int64 = 250_000_000

  public let info: SourceInfo
  public var decodeErrors: Int { source.decodeErrors }

  private let source: any FrameSource
  private let manner: Manner
  private let cancellation: CaptureCancellation
  /// When the recording's first frame is (or would have been) due, on the monotonic clock.
  private var start: Int64?

  public init(_ source: any FrameSource, manner: Manner, cancellation: CaptureCancellation) {
    self.source = source
    self.manner = manner
    self.cancellation = cancellation
    var info = source.info
    info.isLive = manner == .camera
    self.info = info
  }

  public func makeFrame() -> Frame { source.makeFrame() }

  public func read(into frame: Frame) throws(CaptureError) -> Bool {
    while try source.read(into: frame) {
      let now = MonotonicClock.now()
      var due = (start ?? now) + frame.presentationTimeNanoseconds
      if start == nil { start = now }
      switch manner {
      case .player:
        if now > due + PacedSource.longestDelay {
          start = now - frame.presentationTimeNanoseconds
          due = now
        }
      case .camera:
        if now > due + PacedSource.longestBacklog { continue }
      }
      guard MonotonicClock.sleep(until: due, cancellation: cancellation) else { break }
      frame.captureNanoseconds = due
      return true
    }
    frame.clear()
    return false
  }
}
