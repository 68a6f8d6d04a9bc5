/// How long to wait before each attempt to open a source again: a quarter of a second at first, so that a short loss
/// stays short, then twice as long each time, up to a limit that troubles nobody.
package struct BackOff: Equatable, Sendable {
  package static let firstDelay = 0.25
  package static let longestDelay = 5.0
  /// A source that gave frames for so many seconds counts as sound: after it the first delay is short again.
  package static let soundAfter = 2.0

  private var delay = BackOff.firstDelay

  package init() {}

  /// Seconds to wait before the next attempt.
  package mutating func next() -> Double {
    defer { delay = min(2 * delay, BackOff.longestDelay) }
    return delay
  }

  /// To be told for how many seconds the source has been giving frames when it is lost.
  package mutating func sourceLasted(seconds: Double) {
    if seconds >= BackOff.soundAfter { delay = BackOff.firstDelay }
  }
}
