import Foundation
import Synchronization

/// Turns the first SIGINT or SIGTERM into a call; the second one ends the program at once.
///
/// The signals are blocked and awaited by a thread, so that no handler runs in the middle of anything.
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
  /// - Parameter onSignal: called once, on a thread of its own.
  init(onSignal: @escaping @Sendable () -> Void) {
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGINT)
    sigaddset(&signals, SIGTERM)
    // Who ignores SIGINT for us (a shell's background job, nohup) wants it so; sigwait would see it all the same.
    var ignored = sigaction()
    sigaction(SIGINT, nil, &ignored)
    if ignored.__sigaction_handler.sa_handler.map({ unsafeBitCast($0, to: Int.self) }) == 1 {
      sigdelset(&signals, SIGINT)
    }
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    let awaited = signals
    let thread = Thread { [self] in
      var signals = awaited
      var number: Int32 = 0
      while sigwait(&signals, &number) != 0 {}
      received.store(number, ordering: .releasing)
      // From here on they act as ever, on this thread: whoever asks twice does not want to wait.
      pthread_sigmask(SIG_UNBLOCK, &signals, nil)
      onSignal()
      while true { pause() }
    }
    thread.name = "ferd-signals"
    thread.start()
  }
}
