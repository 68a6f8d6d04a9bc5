import Threads

/// A camera or a server that is opened again where it breaks off, until somebody cancels: one stream whose numbers and
/// times go on.
///
/// Recordings on a disk are read once. The first opening has no second try, because whoever starts a program wants to know.
public final class ReconnectingSource: FrameSource {
  /// What happens to the source, for logs; told on the thread that reads.
  public enum Event: Sendable {
    /// It broke off, and the next attempt comes in so many seconds. `nextSequence` is the first number that is lost.
    case lost(CaptureError, retryInSeconds: Double, nextSequence: Int)
    case attemptFailed(CaptureError, retryInSeconds: Double)
    /// It is back, after so many seconds.
    case reopened(SourceInfo, afterSeconds: Double)
  }

  /// Of the first opening.
  public let info: SourceInfo
  public var decodeErrors: Int { earlierErrors + (current?.decodeErrors ?? 0) }

  private let open: () throws(CaptureError) -> any FrameSource
  private let cancellation: CaptureCancellation
  private let onEvent: (Event) -> Void
  private var current: (any FrameSource)?
  private var opening = 0
  private var continuation = StreamContinuation()
  private var backOff = BackOff()
  private var earlierErrors = 0
  /// When the source that is lost gave its first frame; monotonic nanoseconds.
  private var firstFrame: Int64?

  /// Opens the source for the first time.
  ///
  /// - Parameters:
  ///   - open: called again after each loss.
  ///   - cancellation: ends waiting and reading.
  public init(
    cancellation: CaptureCancellation, onEvent: @escaping (Event) -> Void = { _ in },
    open: @escaping () throws(CaptureError) -> any FrameSource
  ) throws(CaptureError) {
    let source = try open()
    self.open = open
    self.cancellation = cancellation
    self.onEvent = onEvent
    current = source
    info = source.info
  }

  public func makeFrame() -> Frame {
    // Between two openings it has no storage of its own; reading gives it some.
    let frame = current?.makeFrame() ?? Frame(storage: NoStorage())
    frame.opening = current == nil ? -1 : opening
    return frame
  }

  public func read(into frame: Frame) throws(CaptureError) -> Bool {
    while !cancellation.isCancelled {
      guard let source = current else {
        frame.clear()
        return false
      }
      adapt(frame, to: source)
      do {
        guard try source.read(into: frame) else { return false }
        let now = MonotonicClock.now()
        if firstFrame == nil { firstFrame = now }
        let mapped = continuation.map(
          sequence: frame.sequence, time: frame.presentationTimeNanoseconds,
          capture: frame.captureNanoseconds ?? now, frameRate: source.info.frameRate)
        // The source may have exchanged the frame for one of its own.
        frame.opening = opening
        frame.sequence = mapped.sequence
        frame.presentationTimeNanoseconds = mapped.time
        return true
      } catch {
        frame.clear()
        guard source.info.isReopened, !cancellation.isCancelled else { throw error }
        try openAgain(after: error)
      }
    }
    frame.clear()
    return false
  }

  /// Returns when the source is open again, or somebody has cancelled.
  private func openAgain(after error: CaptureError) throws(CaptureError) {
    let lostAt = MonotonicClock.now()
    earlierErrors = decodeErrors
    // A device can be opened once only, so the old one goes first.
    current = nil
    backOff.sourceLasted(seconds: firstFrame.map { Double(lostAt - $0) * 1e-9 } ?? 0)
    firstFrame = nil
    var delay = backOff.next()
    onEvent(.lost(error, retryInSeconds: delay, nextSequence: continuation.nextSequence))
    continuation.interrupt()
    while MonotonicClock.sleep(
      until: MonotonicClock.now() + Int64(delay * 1e9), cancellation: cancellation)
    {
      do {
        let source = try open()
        current = source
        opening += 1
        onEvent(.reopened(source.info, afterSeconds: Double(MonotonicClock.now() - lostAt) * 1e-9))
        return
      } catch {
        guard !cancellation.isCancelled else { return }
        delay = backOff.next()
        onEvent(.attemptFailed(error, retryInSeconds: delay))
      }
    }
  }

  /// A frame that was made for an earlier opening may hold buffers of a device that is gone.
  private func adapt(_ frame: Frame, to source: any FrameSource) {
    guard frame.opening != opening else { return }
    frame.clear()
    frame.exchange(with: source.makeFrame())
    frame.opening = opening
  }
}

private final class NoStorage: FrameStorage {
  func clear() {}
}
