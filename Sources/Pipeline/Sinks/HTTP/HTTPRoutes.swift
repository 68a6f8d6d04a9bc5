import Hummingbird
import NIOCore

/// What the library knows of one request, and the connection it came on.
struct StreamRequestContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  let channel: any Channel

  init(source: ApplicationRequestContextSource) {
    coreContext = CoreRequestContextStorage(source: source)
    channel = source.channel
  }
}

/// What is served where.
struct HTTPRoutes {
  let streams: EventStreams
  let settings: HTTPServerSettings
  let metrics: StreamMetrics
  let isLoopback: Bool

  func router() -> Router<StreamRequestContext> {
    let router = Router(context: StreamRequestContext.self, options: .autoGenerateHeadEndpoints)
    if isLoopback { router.add(middleware: LocalHostsOnly()) }
    router.get("healthz") { _, _ in text("ok\n") }
    router.get("readyz") { _, _ in readiness() }
    router.get("metrics") { _, _ in
      text(metrics.render(), type: "text/plain; version=0.0.4; charset=utf-8")
    }
    router.get("events") { request, context in events(request, context) }
    return router
  }

  private func readiness() -> Response {
    guard let seconds = metrics.secondsSinceLastFrame else {
      return text("no frame yet\n", status: .serviceUnavailable)
    }
    guard seconds <= settings.readySeconds else {
      let tenths = Double(Int(seconds * 10)) / 10
      return text(
        "no frame for \(tenths) s, \(settings.readySeconds) s is the limit\n", status: .serviceUnavailable)
    }
    return text("ready\n")
  }

  private func events(_ request: Request, _ context: StreamRequestContext) -> Response {
    let subscription: Subscription
    do {
      subscription = try Subscription(
        parameters: request.uri.queryParameters.map { (key: String($0.key), value: String($0.value)) })
    } catch {
      return text(error.message + "\n", status: .badRequest)
    }
    // Begun here, so that there can be a status; ended where the body ends. A request for the head alone has no body.
    guard request.method == .get else { return Response(status: .ok, headers: Self.eventHeaders) }
    guard let stream = streams.add(subscription, channel: context.channel) else {
      return text("too many streams: \(settings.maximumStreams) is the limit\n", status: .serviceUnavailable)
    }
    let mark = ChannelOptions.Types.WriteBufferWaterMark(
      low: EventStream.batchBytes / 2, high: EventStream.batchBytes)
    context.channel.setOption(.writeBufferWaterMark, value: mark).whenFailure { _ in }
    // The system doubles it.
    context.channel.setOption(.socketOption(.so_sndbuf), value: 1 << 16).whenFailure { _ in }
    context.channel.closeFuture.whenComplete { _ in streams.remove(stream) }
    let body = ResponseBody { writer in
      defer { streams.remove(stream) }
      try await request.body.consumeWithCancellationOnInboundClose { _ in
        while let batch = await stream.next() { try await writer.write(contentsOf: batch) }
      }
      try await writer.finish(nil)
    }
    return Response(status: .ok, headers: Self.eventHeaders, body: body)
  }

  private static let eventHeaders: HTTPFields = [.contentType: "text/event-stream", .cacheControl: "no-store"]

  private func text(_ text: String, status: HTTPResponse.Status = .ok) -> Response {
    self.text(Array(text.utf8), status: status, type: "text/plain; charset=utf-8")
  }

  private func text(_ bytes: [UInt8], status: HTTPResponse.Status = .ok, type: String) -> Response {
    Response(
      status: status, headers: [.contentType: type, .cacheControl: "no-store"],
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
  }
}

/// Refuses requests by names other than this machine's own where only this machine may ask: a web page could otherwise
/// have its own name point here and read what the camera sees (DNS rebinding). Addresses pass: they cannot be rebound.
struct LocalHostsOnly: RouterMiddleware {
  func handle(
    _ request: Request, context: StreamRequestContext,
    next: (Request, StreamRequestContext) async throws -> Response
  ) async throws -> Response {
    guard let authority = request.head.authority, !Self.isLocal(authority) else {
      return try await next(request, context)
    }
    return Response(
      status: .misdirectedRequest, headers: [.contentType: "text/plain; charset=utf-8"],
      body: ResponseBody(
        byteBuffer: ByteBuffer(string: "expected localhost or an address as the host of the request\n")))
  }

  static func isLocal(_ authority: String) -> Bool {
    guard let address = try? HTTPAddress(parsing: authority.contains(":") ? authority : "\(authority):80") else {
      return authority.hasPrefix("[") && authority.hasSuffix("]")
    }
    if address.host.contains(":") || address.host.lowercased() == "localhost" { return true }
    let parts = address.host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
  }
}

extension HTTPAddress {
  /// Whether only this machine can reach it.
  var isLoopback: Bool { host == "::1" || host.hasPrefix("127.") || host.lowercased() == "localhost" }
}
