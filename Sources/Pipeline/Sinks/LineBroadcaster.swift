import Threads

/// One of the places where a stream's lines go.
public protocol LineReceiver: AnyObject, Sendable {
  /// Takes the next line; never called by two threads at once.
  func receive(_ line: BroadcastLine)
  /// From now on `receive` does not wait for anybody; one that waits returns. Any thread may call it.
  func stopWaiting()
  /// To be called after the last line: returns when everybody has got everything, or at the deadline. Then everything
  /// is closed.
  func finish(by deadline: ContinuousClock.Instant) async
}

/// Brings the lines of one stream to all places where they go.
public final class LineBroadcaster: LiveOutput {
  private struct State {
    var receivers: [any LineReceiver] = []
    var hello: BroadcastLine?
  }

  private let state = Guarded(State())
  /// Held while lines are handed out, so that each receiver sees them in order.
  private let order = Lock()

  public init() {}

  /// Adds a receiver; where the stream has begun, it gets the current `hello` first, then the next line.
  public func add(_ receiver: any LineReceiver) {
    order.locked {
      let hello = state.withLock { state in
        state.receivers.append(receiver)
        return state.hello
      }
      if let hello { receiver.receive(hello) }
    }
  }

  public func publish(_ line: BroadcastLine) {
    order.locked {
      let receivers = state.withLock { state in
        if line.kind == .hello { state.hello = line }
        return state.receivers
      }
      for receiver in receivers { receiver.receive(line) }
    }
  }

  /// Lets `publish` wait for no slow reader any more; to be called when the program is asked to end.
  public func stopWaiting() {
    for receiver in state.withLock({ $0.receivers }) { receiver.stopWaiting() }
  }

  /// To be called after the `end` line: returns when every reader has got it, or at the latest after `duration`. Then
  /// all sinks are closed.
  public func finish(within duration: Duration = .milliseconds(800)) async {
    let deadline = ContinuousClock.now + duration
    stopWaiting()
    let receivers = state.withLock { state in
      defer { state.receivers = [] }
      return state.receivers
    }
    await withDiscardingTaskGroup { group in
      for receiver in receivers { group.addTask { await receiver.finish(by: deadline) } }
    }
  }
}
