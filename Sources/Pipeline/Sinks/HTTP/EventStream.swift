import NIOCore
import Threads

/// One client of `/events`: what it wants and what waits for it.
///
/// Lines come from the pipeline's thread and go to a task that writes them.
final class EventStream: Sendable {
  private struct State {
    var queue: LineQueue<ByteBuffer>
    var filter: SubscriptionFilter
    var waiter: CheckedContinuation<Void, Never>?
    var isFinishing = false
    var isCancelled = false
    var wantsComment = false
    var lastOffer = ContinuousClock.now
    /// Since when the task has been writing; nil while it waits for lines.
    var writesSince: ContinuousClock.Instant?
  }

  /// A client whose connection is gone may show it only when something is sent to it.
  private static let silence = Duration.seconds(15)
  /// Given to the connection at once. Little, because what lies there cannot give way to newer lines, and because a
  /// client that reads slowly must not look like one that does not.
  static let batchBytes = 1 << 13

  private let state: Guarded<State>
  private let metrics: StreamMetrics
  private let channel: any Channel

  init(subscription: Subscription, limits: LineQueueLimits, metrics: StreamMetrics, channel: any Channel) {
    state = Guarded(
      State(queue: LineQueue(limits: limits), filter: SubscriptionFilter(subscription)))
    self.metrics = metrics
    self.channel = channel
  }

  var waitingLines: Int { state.withLock { $0.queue.count } }

  // MARK: The pipeline's side

  func offer(_ shared: SharedLine<ByteBuffer>) {
    update { state in
      guard !state.isFinishing, state.filter.wants(shared.line) else { return }
      let payload = shared.payload(state.filter.subscription.fields)
      metrics.lost(state.queue.append(.init(shared.line, size: payload.readableBytes, payload: payload)), .http)
      state.lastOffer = .now
    }
  }

  /// Ends the stream when everything is written.
  func finish() { update { $0.isFinishing = true } }

  func loseWaitingLines() { update { metrics.lost($0.queue.loseAll(), .http) } }

  /// To be called now and then.
  ///
  /// - Returns: whether the client has read nothing for so many seconds, and so was disconnected.
  func look(stallSeconds: Double) -> Bool {
    let now = ContinuousClock.now
    let hasStalled = update { state in
      if now - state.lastOffer > Self.silence {
        state.lastOffer = now
        state.wantsComment = true
      }
      return state.writesSince.map { now - $0 > .seconds(stallSeconds) } ?? false
    }
    if hasStalled { channel.close(promise: nil) }
    return hasStalled
  }

  private func update<Result>(_ body: (inout State) -> Result) -> Result {
    let (result, waiter) = state.withLock { state in
      let result = body(&state)
      let hasNews = !state.queue.isEmpty || state.wantsComment || state.isFinishing || state.isCancelled
      return (result, hasNews ? state.waiter.take() : nil)
    }
    waiter?.resume()
    return result
  }

  // MARK: The writing task's side

  /// Waits for lines; nil at the end. What came before counts as written.
  func next() async -> [ByteBuffer]? {
    while true {
      let (batch, isOver) = takeBatch()
      if !batch.isEmpty { return batch }
      if isOver { return nil }
      await withTaskCancellationHandler {
        await withCheckedContinuation { waiter in
          update { state in
            precondition(state.waiter == nil, "two tasks write one stream")
            state.waiter = waiter
          }
        }
      } onCancel: {
        update { $0.isCancelled = true }
      }
    }
  }

  private func takeBatch() -> (batch: [ByteBuffer], isOver: Bool) {
    state.withLock { state in
      state.writesSince = nil
      guard !state.isCancelled else { return ([], true) }
      var batch: [ByteBuffer] = []
      var bytes = 0
      while bytes < Self.batchBytes, let item = state.queue.popFirst() {
        let buffer =
          switch item {
          case .line(let buffer): buffer
          case .gap(let gap): Self.event(encodedGap(gap))
          }
        batch.append(buffer)
        bytes += buffer.readableBytes
      }
      if batch.isEmpty, state.wantsComment { batch.append(ByteBuffer(string: ": nothing new\n\n")) }
      state.wantsComment = false
      if !batch.isEmpty { state.writesSince = .now }
      return (batch, state.isFinishing)
    }
  }

  /// A line as a server-sent event (html.spec.whatwg.org/multipage/server-sent-events.html).
  static func event(_ line: [UInt8]) -> ByteBuffer {
    var buffer = ByteBuffer()
    buffer.reserveCapacity(line.count + 7)
    buffer.writeStaticString("data: ")
    // With its line break; the empty line after it ends the event.
    buffer.writeBytes(line)
    buffer.writeStaticString("\n")
    return buffer
  }
}
