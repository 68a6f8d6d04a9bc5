public import Logging
import NIOCore
import NIOPosix
import Threads

/// What readers of a socket may cost.
public struct SocketServerSettings: Equatable, Sendable {
  public var permissions = SocketPermissions()
  /// Of each client.
  public var queue = LineQueueLimits()
  /// A client that reads nothing for so long while there is something to read is disconnected.
  public var stallSeconds = 10.0
  /// More are told so and disconnected.
  public var maximumClients = 512

  public init() {}
}

/// Serves a stream's lines on a UNIX socket to any number of clients.
///
/// One thread of SwiftNIO's looks after all clients. The pipeline's thread only puts each line into a bounded inbox:
/// no client and no number of them can slow it down.
public final class SocketServer: LineReceiver {
  private struct Inbox {
    var queue: LineQueue<BroadcastLine>
    /// Whether the event loop has been asked to look into it.
    var isAnnounced = false
  }

  private let loop: any EventLoop
  private let channel: any Channel
  private let socket: ListeningSocket
  private let metrics: StreamMetrics
  private let inbox: Guarded<Inbox>
  /// Half a minute of lines: the inbox is full only where the event loop does not get the processor.
  private static let inboxLimits = LineQueueLimits(lines: 1024, bytes: 1 << 22)
  /// The event loop's.
  private let clients: NIOLoopBound<SocketClients>

  /// Opens the socket; from then on clients may come.
  ///
  /// - Throws: `SinkError`: the socket is in use, its path is no socket's, the system refuses.
  public static func start(
    _ endpoint: SocketEndpoint, settings: SocketServerSettings = SocketServerSettings(), metrics: StreamMetrics,
    logger: Logger
  ) async throws(SinkError) -> SocketServer {
    let socket = try ListeningSocket.open(endpoint, permissions: settings.permissions)
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    do {
      return try await loop.flatSubmit {
        let clients = NIOLoopBound(
          SocketClients(settings: settings, metrics: metrics, logger: logger, loop: loop), eventLoop: loop)
        return ServerBootstrap(group: loop)
          .childChannelOption(.allowRemoteHalfClosure, value: true)
          // Little may lie in channels: what is there cannot give way to newer lines.
          .childChannelOption(.writeBufferWaterMark, value: .init(low: 1 << 14, high: 1 << 15))
          .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 4096))
          .childChannelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
              try channel.pipeline.syncOperations.addHandler(SocketClient(clients: clients.value))
            }
          }
          .withBoundSocket(socket.descriptor)
          .map { channel in
            SocketServer(
              loop: loop, channel: channel, socket: socket, metrics: metrics, clients: clients)
          }
      }.get()
    } catch {
      socket.removeFile()
      throw .failed("\(endpoint)", "cannot serve: \(error)")
    }
  }

  private init(
    loop: any EventLoop, channel: any Channel, socket: ListeningSocket, metrics: StreamMetrics,
    clients: NIOLoopBound<SocketClients>
  ) {
    self.loop = loop
    self.channel = channel
    self.socket = socket
    self.metrics = metrics
    self.clients = clients
    inbox = Guarded(Inbox(queue: LineQueue(limits: Self.inboxLimits)))
  }

  /// Never waits.
  public func receive(_ line: BroadcastLine) {
    let (lost, isFirst) = inbox.withLock { inbox in
      let lost = inbox.queue.append(.init(line, size: line.bytes.count, payload: line))
      defer { inbox.isAnnounced = true }
      return (lost, !inbox.isAnnounced)
    }
    metrics.lost(lost, .socket)
    if isFirst { loop.execute { self.handOut() } }
  }

  public func stopWaiting() {}

  public func finish(by deadline: ContinuousClock.Instant) async {
    // First of all, so that nobody is turned away by a socket whose file is still there.
    socket.removeFile()
    let nanoseconds = max(0, Int64((deadline - .now) / .nanoseconds(1)))
    let isDone = loop.makePromise(of: Void.self)
    loop.execute {
      self.handOut()
      self.channel.close(promise: nil)
      self.clients.value.finish(within: .nanoseconds(nanoseconds), promise: isDone)
    }
    try? await isDone.futureResult.get()
  }

  /// Runs on the event loop.
  private func handOut() {
    let clients = clients.value
    while true {
      let item = inbox.withLock { inbox in
        let item = inbox.queue.popFirst()
        if item == nil { inbox.isAnnounced = false }
        return item
      }
      switch item {
      case .line(let line): clients.handOut(line)
      case .gap(let gap):
        clients.handOut(
          BroadcastLine(
            kind: .gap, sequence: gap.lastSequence, firstSequence: gap.firstSequence, bytes: encodedGap(gap)))
      case nil: return
      }
    }
  }
}
