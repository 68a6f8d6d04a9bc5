import Foundation
import Synchronization

/// Turns the first SIGINT or SIGTERM into a call; the second one ends the program at once.
///
/// The signals are blocked and awaited by a thread, so that no handler runs in the middle of anything. That holds for
/// a SIGINT that a shell had its background job ignore, too: whoever sends it to this process means it.
final class StopSignals: Sendable {
  private let received = Atomic<Int32>(0)

  /// The signal that came, or nil.
  var signal: Int32? {
    let number = received.load(ordering: .acquiring)
    return number == 0 ? nil : number
  }

  /// What the program's exit status becomes through the signal.
  var status: ExitStatus? {
    signal.map { $0 == SIGINT ? .interrupted : .terminated }
  }

  /// To be called before other threads start: they inherit that the signals are blocked.
  ///
  /// - Parameters:
  ///   - onHangup: called for every SIGHUP until the program is asked to end, on a thread of its own; must return soon.
  ///     nil: SIGHUP does what it usually does.
  ///   - onSignal: called once, on the same thread, with what the program's exit status becomes.
  init(onHangup: (@Sendable () -> Void)? = nil, onSignal: @escaping @Sendable (ExitStatus) -> Void) {
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGINT)
    sigaddset(&signals, SIGTERM)
    if onHangup != nil { sigaddset(&signals, SIGHUP) }
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    let awaited = signals
    let thread = Thread { [self] in
      var signals = awaited
      var number: Int32 = 0
      while true {
        guard sigwait(&signals, &number) == 0 else { continue }
        guard number == SIGHUP, let onHangup else { break }
        onHangup()
      }
      received.store(number, ordering: .releasing)
      // From here on they end the program, on this thread: whoever asks twice does not want to wait.
      for number in [SIGINT, SIGTERM] { Foundation.signal(number, SIG_DFL) }
      sigdelset(&signals, SIGHUP)
      pthread_sigmask(SIG_UNBLOCK, &signals, nil)
      onSignal(number == SIGINT ? .interrupted : .terminated)
      while true { pause() }
    }
    thread.name = "ferd-signals"
    thread.start()
  }
}
