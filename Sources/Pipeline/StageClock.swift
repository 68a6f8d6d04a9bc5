import Glibc

/// What one stage of the pipeline cost.
public struct StageTime: Equatable, Sendable {
  public var name: String
  /// Seconds in which the stage had a frame in hand, waiting for the processor included.
  public var busySeconds = 0.0
  /// Seconds of processor time of its own thread.
  public var processorSeconds = 0.0

  init(name: String) { self.name = name }
}

/// Seconds on the given POSIX clock.
func seconds(on clock: clockid_t) -> Double {
  var time = timespec()
  clock_gettime(clock, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}
