import Capture
import Foundation
import Pipeline
import Threads

/// Brings a stream to its end, and knows why.
final class StreamEnding: Sendable {
  /// From a signal on everybody has so long to read.
  private static let patience = Duration.milliseconds(800)
  /// Later the program ends even where it hangs: within a second it is gone.
  private static let grace = Duration.milliseconds(150)

  private struct State {
    var failure: OutputError?
    var deadline: ContinuousClock.Instant?
    var supervisor: Supervisor?
  }

  /// Ends capturing and computing.
  let cancellation = CaptureCancellation()
  let broadcaster = LineBroadcaster()
  private let state = Guarded(State())

  /// What could not be written, or whose reader went away; the first of them.
  var failure: OutputError? { state.withLock { $0.failure } }

  /// Why the stream was cancelled, for those who still read.
  var reason: StreamEndReason {
    switch failure {
    case nil: .signal
    case .readerGone: .readerGone
    case .failed: .error
    }
  }

  /// What is left for those who read.
  var remainingTime: Duration {
    state.withLock { $0.deadline }.map { max(.zero, $0 - ContinuousClock.now) } ?? Self.patience
  }

  func setSupervisor(_ supervisor: Supervisor) { state.withLock { $0.supervisor = supervisor } }

  /// Somebody asked for it. Returns at the end of the time that is left; the program should be gone by then.
  func endBySignal() {
    begin()
    while remainingTime > .zero { usleep(10_000) }
    usleep(UInt32(Self.grace / .microseconds(1)))
  }

  /// Nothing more can be written to one of the places that must not miss a line.
  func endByFailure(_ failure: OutputError) {
    state.withLock { if $0.failure == nil { $0.failure = failure } }
    begin()
  }

  private func begin() {
    let supervisor = state.withLock { state in
      state.deadline = state.deadline ?? ContinuousClock.now + Self.patience
      return state.supervisor
    }
    supervisor?.stopping()
    cancellation.cancel()
    broadcaster.stopWaiting()
  }
}
