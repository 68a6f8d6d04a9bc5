import Glibc

/// `CLOCK_MONOTONIC`, the clock of cameras' time stamps.
package enum MonotonicClock {
  /// Nanoseconds since some fixed moment.
  package static func now() -> Int64 { nanoseconds(of: CLOCK_MONOTONIC) }

  /// What to add to a time on this clock to get nanoseconds since 1970, UTC; changes where the system's clock is set.
  package static func offsetToTimeOfDay() -> Int64 { nanoseconds(of: CLOCK_REALTIME) - now() }

  private static func nanoseconds(of clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
