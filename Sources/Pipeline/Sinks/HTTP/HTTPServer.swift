import Glibc
import Hummingbird
public import Logging
import NIOCore
import ServiceLifecycle
import Threads

/// What clients of HTTP may cost, and what readiness means.
public struct HTTPServerSettings: Equatable, Sendable {
  /// Of each client of `/events`.
  public var queue = LineQueueLimits()
  /// A client of `/events` that reads nothing for so long while there is something to read is disconnected.
  public var stallSeconds = 10.0
  /// More get status 503.
  public var maximumStreams = 64
  /// More wait until others end.
  public var maximumConnections = 256
  /// A connection on which nothing is asked, or not in full, is closed after so long.
  public var idleSeconds = 30.0
  /// `/readyz` says yes while the last frame is at most so old.
  public var readySeconds = 5.0

  public init() {}
}

/// Serves `/events` (a stream's lines as server-sent events), `/metrics`, `/healthz` and `/readyz`.
public final class HTTPServer: LineReceiver {
  /// Where it serves; the port is the real one, also where 0 was asked for.
  public let address: HTTPAddress
  private let streams: EventStreams
  private let group: ServiceGroup
  private let running: Task<Void, Never>
  private let looking: Task<Void, Never>
  private let hasEnded: Guarded<Bool>

  /// Starts serving.
  ///
  /// - Throws: `SinkError`: the address is in use, is not this machine's, or the system refuses.
  public static func start(
    _ address: HTTPAddress, settings: HTTPServerSettings = HTTPServerSettings(), metrics: StreamMetrics,
    logger: Logger
  ) async throws(SinkError) -> HTTPServer {
    let streams = EventStreams(settings: settings, metrics: metrics, logger: logger)
    // The library tells of each start and end; what is worth telling comes from here.
    var quiet = logger
    quiet.logLevel = max(logger.logLevel, .error)
    let (started, start) = AsyncStream.makeStream(of: Result<Int, any Error>.self)
    let routes = HTTPRoutes(streams: streams, settings: settings, metrics: metrics, isLoopback: address.isLoopback)
    let application = Application(
      responder: routes.router().buildResponder(),
      server: .http1(configuration: .init(idleTimeout: .nanoseconds(Int64(settings.idleSeconds * 1e9)))),
      configuration: ApplicationConfiguration(
        address: .hostname(address.host, port: address.port),
        availableConnectionsDelegate: .maximum(settings.maximumConnections, logger: quiet)),
      onServerRunning: { channel in start.yield(.success(channel.localAddress?.port ?? address.port)) },
      eventLoopGroupProvider: .singleton, logger: quiet)
    let group = ServiceGroup(
      configuration: .init(services: [application], gracefulShutdownSignals: [], logger: quiet))
    let hasEnded = Guarded(false)
    let running = Task {
      do { try await group.run() } catch { start.yield(.failure(error)) }
      hasEnded.withLock { $0 = true }
      start.finish()
    }
    var results = started.makeAsyncIterator()
    switch await results.next() {
    case .success(let port):
      return HTTPServer(
        address: HTTPAddress(host: address.host, port: port), streams: streams, group: group, running: running,
        hasEnded: hasEnded)
    case .failure(let error): throw problem(error, address)
    case nil: throw .failed("\(address)", "the server ended at once")
    }
  }

  private init(
    address: HTTPAddress, streams: EventStreams, group: ServiceGroup, running: Task<Void, Never>,
    hasEnded: Guarded<Bool>
  ) {
    self.address = address
    self.streams = streams
    self.group = group
    self.running = running
    self.hasEnded = hasEnded
    looking = Task {
      while !Task.isCancelled {
        streams.look()
        try? await Task.sleep(for: .milliseconds(250))
      }
    }
  }

  /// Never waits.
  public func receive(_ line: BroadcastLine) { streams.handOut(line) }

  public func stopWaiting() {}

  public func finish(by deadline: ContinuousClock.Instant) async {
    let halfTime = ContinuousClock.now + (deadline - .now) / 2
    streams.finish()
    await group.triggerGracefulShutdown()
    var isWhole = true
    while ContinuousClock.now < deadline, !hasEnded.withLock({ $0 }) {
      if isWhole, ContinuousClock.now > halfTime {
        isWhole = false
        streams.loseWaitingLines()
      }
      try? await Task.sleep(for: .milliseconds(2))
    }
    running.cancel()
    looking.cancel()
  }

  private static func problem(_ error: any Error, _ address: HTTPAddress) -> SinkError {
    switch (error as? IOError)?.errnoCode {
    case EADDRINUSE: .addressInUse("\(address)", "another program serves this address")
    case EADDRNOTAVAIL: .failed("\(address)", "expected an address of this machine")
    case EACCES: .failed("\(address)", "no permission: ports below 1024 belong to the system")
    case let code?: .failed("\(address)", "cannot serve: \(String(cString: strerror(code)))")
    case nil: .failed("\(address)", "cannot serve: \(error)")
    }
  }
}
