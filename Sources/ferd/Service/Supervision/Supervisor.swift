import Foundation
import Threads

/// Keeps the service manager informed, on a thread of its own.
///
/// The thread does nothing but look at counters: where the pipeline hangs, it sees so, and lets systemd's watchdog bite.
final class Supervisor: Sendable {
  private struct State {
    var report: ServiceReport
    var isEnded = false
  }

  private let manager: ServiceManager?
  private let observe: @Sendable () -> ServiceReport.Observation
  private let state: Guarded<State>

  /// - Parameters:
  ///   - manager: nil: nobody is there to be informed, and no thread starts.
  ///   - observe: called on the thread.
  init(_ manager: ServiceManager?, observe: @escaping @Sendable () -> ServiceReport.Observation) {
    self.manager = manager
    self.observe = observe
    state = Guarded(State(report: ServiceReport(watchdogNanoseconds: manager?.watchdogNanoseconds)))
    guard manager != nil else { return }
    let thread = Thread { [self] in watch() }
    thread.name = "ferd-supervisor"
    thread.start()
  }

  private func watch() {
    while true {
      let observation = observe()
      let interval: UInt64? = state.withLock { state in
        guard !state.isEnded else { return nil }
        manager?.send(state.report.update(observation, now: UInt64(MonotonicClock.now())))
        return state.report.interval
      }
      guard let interval else { return }
      usleep(UInt32(max(1, interval / 1000)))
    }
  }

  func reloading() {
    state.withLock { manager?.send($0.report.reloading(nowMicroseconds: UInt64(MonotonicClock.now()) / 1000)) }
  }

  /// - Parameter text: what came of it, for people.
  func reloaded(_ text: String) {
    state.withLock { manager?.send($0.report.reloaded(text, now: UInt64(MonotonicClock.now()))) }
  }

  /// The last word.
  func stopping() {
    state.withLock { state in
      manager?.send(state.report.stopping())
      state.isEnded = true
    }
  }
}
