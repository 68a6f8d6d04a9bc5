import Logging
import NIOCore
import Threads

/// All clients of `/events`.
final class EventStreams: Sendable {
  private struct State {
    var streams: [ObjectIdentifier: EventStream] = [:]
    /// What a client that comes now gets first.
    var hello: BroadcastLine?
    var isFinishing = false
  }

  private let settings: HTTPServerSettings
  private let metrics: StreamMetrics
  private let logger: Logger
  private let state = Guarded(State())

  init(settings: HTTPServerSettings, metrics: StreamMetrics, logger: Logger) {
    self.settings = settings
    self.metrics = metrics
    self.logger = logger
  }

  /// - Returns: nil where there are too many already, or the stream ends.
  func add(_ subscription: Subscription, channel: any Channel) -> EventStream? {
    let stream = EventStream(
      subscription: subscription, limits: settings.queue, metrics: metrics, channel: channel)
    let isAdded = state.withLock { state in
      guard state.streams.count < settings.maximumStreams, !state.isFinishing else { return false }
      state.streams[ObjectIdentifier(stream)] = stream
      // Under the lock, so that no frame comes before it.
      if let hello = state.hello { stream.offer(SharedLine(hello, make: EventStream.event)) }
      return true
    }
    guard isAdded else {
      metrics.clientRefused(.http)
      return nil
    }
    metrics.clientCame(.http)
    logger.debug("event stream begins")
    return stream
  }

  func remove(_ stream: EventStream) {
    guard state.withLock({ $0.streams.removeValue(forKey: ObjectIdentifier(stream)) }) != nil else { return }
    stream.loseWaitingLines()
    metrics.clientWent(.http)
    logger.debug("event stream ends")
  }

  func handOut(_ line: BroadcastLine) {
    state.withLock { state in
      if line.kind == .hello { state.hello = line }
      guard !state.streams.isEmpty else { return }
      let shared = SharedLine(line, make: EventStream.event)
      for stream in state.streams.values { stream.offer(shared) }
    }
  }

  func finish() {
    for stream in all(isFinishing: true) { stream.finish() }
  }

  /// Whoever was slow until now should at least get the end.
  func loseWaitingLines() {
    for stream in all() { stream.loseWaitingLines() }
  }

  /// To be called now and then.
  func look() {
    var waiting = 0
    for stream in all() {
      waiting += stream.waitingLines
      guard stream.look(stallSeconds: settings.stallSeconds) else { continue }
      metrics.clientStalled(.http)
      logger.warning(
        "event stream ended: its client does not read", metadata: ["seconds": "\(settings.stallSeconds)"])
    }
    metrics.setQueuedLines(waiting, .http)
  }

  private func all(isFinishing: Bool = false) -> [EventStream] {
    state.withLock { state in
      if isFinishing { state.isFinishing = true }
      return Array(state.streams.values)
    }
  }
}
