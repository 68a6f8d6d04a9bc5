import CFFmpeg
import Synchronization
import Threads

/// Tells FFmpeg's blocking calls, and ours, when to give up.
final class InterruptGuard: Sendable {
  let cancellation: CaptureCancellation
  /// On the monotonic clock, in nanoseconds; `Int64.max` where there is all the time in the world.
  private let deadline = Atomic<Int64>(.max)

  init(cancellation: CaptureCancellation) {
    self.cancellation = cancellation
  }

  /// Gives the calls from now on a number of seconds; nil takes the limit away.
  func allow(seconds: Double?) {
    let limit = seconds.map { MonotonicClock.now() + Int64(max(0, min($0, 1e9)) * 1e9) }
    deadline.store(limit ?? .max, ordering: .relaxed)
  }

  var hasExpired: Bool {
    let limit = deadline.load(ordering: .relaxed)
    return limit != .max && MonotonicClock.now() >= limit
  }

  var shouldStop: Bool { cancellation.isCancelled || hasExpired }

  /// For `AVFormatContext.interrupt_callback`; valid as long as the guard lives.
  var callback: AVIOInterruptCB {
    AVIOInterruptCB(
      callback: { Unmanaged<InterruptGuard>.fromOpaque($0!).takeUnretainedValue().shouldStop ? 1 : 0 },
      opaque: Unmanaged.passUnretained(self).toOpaque())
  }
}
