import Logging
import NIOCore

/// All clients of one socket. Belongs to its event loop.
final class SocketClients {
  let settings: SocketServerSettings
  let metrics: StreamMetrics
  let logger: Logger
  private var clients: [ObjectIdentifier: SocketClient] = [:]
  /// What a client that comes now gets first.
  private var hello: BroadcastLine?
  private var whenDone: EventLoopPromise<Void>?
  /// Counts clients, to tell them apart in the log.
  private var lastNumber = 0

  init(settings: SocketServerSettings, metrics: StreamMetrics, logger: Logger, loop: any EventLoop) {
    self.settings = settings
    self.metrics = metrics
    self.logger = logger
    lookAgain(loop)
  }

  func add(_ client: SocketClient) -> Int {
    lastNumber += 1
    metrics.clientCame(.socket)
    clients[ObjectIdentifier(client)] = client
    logger.debug("client connected", metadata: ["client": "\(lastNumber)", "clients": "\(clients.count)"])
    if clients.count > settings.maximumClients || whenDone != nil {
      client.refuse(
        whenDone == nil ? "too many clients: \(settings.maximumClients) is the limit" : "the stream ends")
    } else if let hello {
      client.offer(SharedLine(hello) { ByteBuffer(bytes: $0) })
    }
    return lastNumber
  }

  func remove(_ client: SocketClient) {
    guard clients.removeValue(forKey: ObjectIdentifier(client)) != nil else { return }
    metrics.clientWent(.socket)
    logger.debug("client disconnected", metadata: ["client": "\(client.number)", "clients": "\(clients.count)"])
    if clients.isEmpty { whenDone?.succeed() }
  }

  func handOut(_ line: BroadcastLine) {
    if line.kind == .hello { hello = line }
    guard !clients.isEmpty else { return }
    let shared = SharedLine(line) { ByteBuffer(bytes: $0) }
    for client in clients.values { client.offer(shared) }
  }

  /// Lets every client have what waits for it, then disconnects it; all of them when the time is over.
  func finish(within time: TimeAmount, promise: EventLoopPromise<Void>) {
    guard !clients.isEmpty else { return promise.succeed() }
    whenDone = promise
    let loop = promise.futureResult.eventLoop.assumeIsolated()
    for client in clients.values { client.finish() }
    loop.scheduleTask(in: .nanoseconds(time.nanoseconds / 2)) {
      // Whoever was slow until now should at least get the end.
      for client in self.clients.values { client.loseWaitingLines() }
    }
    loop.scheduleTask(in: time) {
      for client in self.clients.values { client.disconnect() }
    }
  }

  private func lookAgain(_ loop: any EventLoop) {
    let interval = TimeAmount.milliseconds(Int64((settings.stallSeconds * 250).clamped(to: 10...1000)))
    loop.assumeIsolated().scheduleTask(in: interval) { [weak self] in
      guard let self, whenDone == nil else { return }
      look()
      lookAgain(loop)
    }
  }

  private func look() {
    var waiting = 0
    for client in clients.values {
      waiting += client.waitingLines
      guard client.hasStalled(for: settings.stallSeconds) else { continue }
      metrics.clientStalled(.socket)
      logger.warning(
        "client disconnected: it does not read",
        metadata: ["client": "\(client.number)", "seconds": "\(settings.stallSeconds)"])
      client.disconnect()
    }
    metrics.setQueuedLines(waiting, .socket)
  }
}
