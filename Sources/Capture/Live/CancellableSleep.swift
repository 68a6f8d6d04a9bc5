import Glibc
package import Threads

extension MonotonicClock {
  /// How long a cancellation may go unnoticed by whoever sleeps, in nanoseconds.
  private static let longestNap: Int64 = 50_000_000

  /// Sleeps until a time on this clock.
  ///
  /// - Returns: false where it was cancelled before.
  package static func sleep(until time: Int64, cancellation: CaptureCancellation) -> Bool {
    while !cancellation.isCancelled {
      let now = now()
      guard now < time else { return true }
      let end = min(time, now + longestNap)
      var request = timespec(tv_sec: Int(end / 1_000_000_000), tv_nsec: Int(end % 1_000_000_000))
      _ = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &request, nil)
    }
    return false
  }
}
