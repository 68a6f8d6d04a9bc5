import NIOCore

/// One client of a socket: what it wants, what waits for it, what it sends. Belongs to the event loop.
final class SocketClient: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// More than a subscription with every field needs.
  static let maximumRequestBytes = 4096

  private let clients: SocketClients
  private(set) var number = 0
  private var context: ChannelHandlerContext?
  private var queue: LineQueue<ByteBuffer>
  private var filter = SubscriptionFilter()
  /// What it has sent of its request until now.
  private var request: [UInt8] = []
  private var receivedBytes = 0
  private var hasSubscribed = false
  /// Nothing more is queued; it is disconnected when everything is written.
  private var isFinishing = false
  /// Lines that the system has not yet taken.
  private var pendingWrites = 0
  private var lastProgress = NIODeadline.now()

  init(clients: SocketClients) {
    self.clients = clients
    queue = LineQueue(limits: clients.settings.queue)
  }

  var waitingLines: Int { queue.count + pendingWrites }

  // MARK: Lines

  func offer(_ shared: SharedLine<ByteBuffer>) {
    guard !isFinishing, filter.wants(shared.line) else { return }
    let payload = shared.payload(filter.subscription.fields)
    let lost = queue.append(.init(shared.line, size: payload.readableBytes, payload: payload))
    clients.metrics.lost(lost, .socket)
    writeWaitingLines()
  }

  /// Takes nothing more; disconnects when everything is written.
  func finish() {
    isFinishing = true
    writeWaitingLines()
  }

  /// Says why, then disconnects.
  func refuse(_ message: String) {
    guard !isFinishing, let context else { return }
    clients.metrics.clientRefused(.socket)
    clients.logger.info("client refused", metadata: ["client": "\(number)", "reason": "\(message)"])
    clients.metrics.lost(queue.loseAll(), .socket)
    // Nobody reads what else it sends.
    context.channel.setOption(.autoRead, value: false).whenFailure { _ in }
    write(.line(ByteBuffer(bytes: encodedError(message))), context)
    context.flush()
    finish()
  }

  func loseWaitingLines() {
    clients.metrics.lost(queue.loseAll(), .socket)
    writeWaitingLines()
  }

  func disconnect() { context?.close(promise: nil) }

  func hasStalled(for seconds: Double) -> Bool {
    pendingWrites > 0 && NIODeadline.now() - lastProgress > .nanoseconds(Int64(seconds * 1e9))
  }

  private func writeWaitingLines() {
    guard let context else { return }
    var hasWritten = false
    while context.channel.isWritable, let item = queue.popFirst() {
      write(item, context)
      hasWritten = true
    }
    if hasWritten { context.flush() }
    if isFinishing && queue.isEmpty && pendingWrites == 0 { disconnect() }
  }

  private func write(_ item: LineQueue<ByteBuffer>.Item, _ context: ChannelHandlerContext) {
    let buffer =
      switch item {
      case .line(let buffer): buffer
      case .gap(let gap): ByteBuffer(bytes: encodedGap(gap))
      }
    if pendingWrites == 0 { lastProgress = .now() }
    pendingWrites += 1
    let promise = context.eventLoop.makePromise(of: Void.self)
    promise.futureResult.assumeIsolated().whenComplete { _ in
      self.pendingWrites -= 1
      self.lastProgress = .now()
      if self.isFinishing { self.writeWaitingLines() }
    }
    context.write(wrapOutboundOut(buffer), promise: promise)
  }

  // MARK: What the client sends

  private func take(_ bytes: ByteBufferView) {
    for byte in bytes where !isFinishing {
      if byte == UInt8(ascii: "\n") {
        takeRequest()
      } else {
        request.append(byte)
      }
    }
    // Over the whole connection: nobody has more to say, and whoever sends blank lines for ever does not mean it.
    receivedBytes += bytes.count
    if !isFinishing, receivedBytes > Self.maximumRequestBytes {
      refuse("expected one line of at most \(Self.maximumRequestBytes) bytes, found more")
    }
  }

  private func takeRequest() {
    defer { request.removeAll() }
    guard !request.allSatisfy({ " \t\r".utf8.contains($0) }) else { return }
    guard !hasSubscribed else { return refuse("expected one line, found another one") }
    hasSubscribed = true
    do {
      filter.subscription = try Subscription(request: request)
    } catch {
      refuse(error.message)
    }
  }

  // MARK: ChannelInboundHandler

  func channelActive(context: ChannelHandlerContext) {
    self.context = context
    number = clients.add(self)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if !isFinishing { take(unwrapInboundIn(data).readableBytesView) }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) { writeWaitingLines() }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    // A client may end its side after the request and still read. One that is gone shows when it is written to.
    if case ChannelEvent.inputClosed = event, !isFinishing, !request.isEmpty { takeRequest() }
  }

  func channelInactive(context: ChannelHandlerContext) {
    self.context = nil
    isFinishing = true
    clients.metrics.lost(queue.loseAll(), .socket)
    clients.remove(self)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
