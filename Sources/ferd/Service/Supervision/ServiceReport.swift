/// What the service manager is to be told, and when: a value, without clock, input or output.
struct ServiceReport {
  /// How the pipeline fares.
  struct Observation: Equatable {
    /// Frames told so far.
    var frames = 0
    /// Changes whenever something moves: frames, or attempts to open the source again.
    var progress = 0
    /// For people.
    var status = ""
  }

  /// Between two texts for people.
  static let statusInterval: UInt64 = 10_000_000_000

  private let watchdogNanoseconds: UInt64?
  private var isReady = false
  private var isStopping = false
  private var progress: Int?
  private var lastProgress: UInt64 = 0
  private var lastFed: UInt64?
  private var lastStatus: UInt64?

  /// - Parameter watchdogNanoseconds: time after which silence means death; nil: nobody watches.
  init(watchdogNanoseconds: UInt64?) { self.watchdogNanoseconds = watchdogNanoseconds }

  /// How often `update` wants to be called, in nanoseconds.
  var interval: UInt64 {
    // Soon after the first frame the service is ready.
    isReady ? min(1_000_000_000, (watchdogNanoseconds ?? .max) / 8) : 50_000_000
  }

  /// - Parameter now: nanoseconds on a clock that never goes back.
  mutating func update(_ observation: Observation, now: UInt64) -> [String] {
    guard !isStopping else { return [] }
    var lines: [String] = []
    if progress != observation.progress {
      progress = observation.progress
      lastProgress = now
    }
    if !isReady, observation.frames > 0 {
      isReady = true
      lines.append("READY=1")
    }
    if isReady, lastStatus.map({ now - $0 >= Self.statusInterval }) ?? true {
      lastStatus = now
      lines.append("STATUS=\(observation.status)")
    }
    if let watchdogNanoseconds, isReady, lastFed.map({ now - $0 >= watchdogNanoseconds / 2 - interval }) ?? true,
      now - lastProgress < watchdogNanoseconds / 2
    {
      lastFed = now
      lines.append("WATCHDOG=1")
    }
    return lines
  }

  /// - Parameter now: microseconds on `CLOCK_MONOTONIC`, which tells systemd to what the next `READY=1` belongs.
  func reloading(nowMicroseconds now: UInt64) -> [String] {
    isReady ? ["RELOADING=1", "MONOTONIC_USEC=\(now)", "STATUS=Reading the configuration again"] : []
  }

  /// - Parameter text: for people; stays to be read for a while.
  mutating func reloaded(_ text: String, now: UInt64) -> [String] {
    lastStatus = now
    return isReady ? ["READY=1", "STATUS=\(text)"] : []
  }

  mutating func stopping() -> [String] {
    defer { isStopping = true }
    return isStopping ? [] : ["STOPPING=1", "STATUS=Ending"]
  }
}
