import Foundation
import TestSupport
import Testing

@testable import Pipeline

/// What curl says.
private struct Answer {
  var status = 0
  var body = ""
  var headers = ""

  /// - Parameter options: of curl, before the address.
  static func of(_ url: String, _ options: String...) async -> Answer {
    await onThread { run(url, options) }
  }

  private static func run(_ url: String, _ options: [String]) -> Answer {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["curl", "-s", "-N", "--max-time", "20", "-D", "/dev/stderr"] + options + [url]
    let (output, headers) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = headers
    guard (try? process.run()) != nil else { return Answer() }
    let body = output.fileHandleForReading.readDataToEndOfFile()
    let head = String(decoding: headers.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    let status = head.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    return Answer(status: status, body: String(decoding: body, as: UTF8.self), headers: head.lowercased())
  }

  /// Lines of the stream in its events.
  var lines: [String] {
    body.split(separator: "\n").filter { $0.hasPrefix("data: ") }.map { String($0.dropFirst(6)) }
  }
}

@Suite(.enabled(if: FileManager.default.fileExists(atPath: "/usr/bin/curl"), "curl is not installed"))
struct HTTPServerTests {
  private let metrics = testMetrics()
  private let broadcaster = LineBroadcaster()

  private func serve(
    _ address: String = "127.0.0.1:0", _ change: (inout HTTPServerSettings) -> Void = { _ in }
  ) async throws -> HTTPServer {
    var settings = HTTPServerSettings()
    change(&settings)
    let server = try await HTTPServer.start(
      HTTPAddress(parsing: address), settings: settings, metrics: metrics, logger: quietLogger())
    broadcaster.add(server)
    return server
  }

  private var clients: Int { Int(metrics.figure(#"ferd_clients{sink="http"}"#) ?? -1) }

  @Test func tellsThatItLivesAndWhetherFramesFlow() async throws {
    let server = try await serve { $0.readySeconds = 0.4 }
    let url = "http://\(server.address)"
    #expect(await Answer.of("\(url)/healthz").body == "ok\n")
    var ready = await Answer.of("\(url)/readyz")
    #expect(ready.status == 503 && ready.body == "no frame yet\n")
    // While a frame comes now and then.
    let frames = Task {
      while !Task.isCancelled {
        metrics.noteFrame(faces: 0, isDamaged: false)
        try await Task.sleep(for: .milliseconds(50))
      }
    }
    try await Task.sleep(for: .milliseconds(100))
    ready = await Answer.of("\(url)/readyz")
    #expect(ready.status == 200 && ready.body == "ready\n")
    frames.cancel()
    try await Task.sleep(for: .milliseconds(700))
    ready = await Answer.of("\(url)/readyz")
    #expect(ready.status == 503 && ready.body.hasPrefix("no frame for "))
    await broadcaster.finish()
  }

  @Test func showsMetrics() async throws {
    let server = try await serve()
    metrics.noteFrame(faces: 3, isDamaged: false)
    let answer = await Answer.of("http://\(server.address)/metrics")
    #expect(answer.status == 200)
    #expect(answer.headers.contains("content-type: text/plain; version=0.0.4"))
    #expect(answer.body.contains("\nferd_faces_total 3\n"))
    #expect(answer.body.contains("\nprocess_open_fds "))
    await broadcaster.finish()
  }

  @Test func answersOnlyWhatItKnows() async throws {
    let server = try await serve()
    let url = "http://\(server.address)"
    #expect(await Answer.of("\(url)/").status == 404)
    #expect(await Answer.of("\(url)/events/../../etc/passwd", "--path-as-is").status == 404)
    #expect(await Answer.of("\(url)/healthz", "-X", "DELETE").status == 404)
    #expect(await Answer.of("\(url)/events?every=none").body.hasPrefix("every: expected"))
    #expect(await Answer.of("\(url)/events?more=1").status == 400)
    let head = await Answer.of("\(url)/events", "-I")
    #expect(head.status == 200 && head.headers.contains("text/event-stream"))
    #expect(clients == 0)
    await broadcaster.finish()
  }

  @Test func servesEventsToTheEnd() async throws {
    let server = try await serve()
    var stream = TestStream()
    broadcaster.publish(stream.hello)
    let url = "http://\(server.address)/events"
    async let all = Answer.of(url)
    async let some = Answer.of("\(url)?faces=only&every=2&fields=emotion,box")
    #expect(await eventually { clients == 2 })
    for _ in 0..<30 { broadcaster.publish(stream.frame()) }
    broadcaster.publish(stream.gap(4))
    broadcaster.publish(stream.frame())
    broadcaster.publish(stream.end())
    let start = ContinuousClock.now
    await broadcaster.finish()
    // Asked for are 0.8 s; the machine may be busy.
    #expect(.now - start < .seconds(2))
    let answer = await all
    #expect(answer.headers.contains("content-type: text/event-stream"))
    #expect(answer.headers.contains("cache-control: no-store"))
    let coverage = Coverage(answer.lines)
    #expect(coverage.problems.isEmpty && coverage.hasEnd && coverage.frames == 31 && coverage.next == 35)
    #expect(answer.body.hasSuffix("\n\n"))
    let numbers = try await some.lines.map { try ParsedJSON.parse($0) }.filter { $0["type"]?.string == "frame" }
    #expect(numbers.map { $0["seq"]?.integer } == [0, 6, 12, 18, 24])
    #expect(numbers.allSatisfy { $0["faces"]?[0]?.object?.count == 2 })
    #expect(clients == 0)
  }

  @Test func aClientThatReadsNothingIsDisconnectedAndSlowsNobody() async throws {
    // Long enough for a reader on a busy machine.
    let server = try await serve {
      $0.stallSeconds = 6
      $0.queue = LineQueueLimits(lines: 100, bytes: 1 << 20)
    }
    var stream = TestStream()
    broadcaster.publish(stream.hello)
    let stalled = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    defer { close(stalled) }
    var size: Int32 = 4096
    setsockopt(stalled, SOL_SOCKET, SO_RCVBUF, &size, 4)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(server.address.port).bigEndian
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr)
    let status = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(stalled, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    #expect(status == 0)
    let request = "GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    #expect(send(stalled, request, request.utf8.count, 0) == request.utf8.count)
    async let healthy = Answer.of("http://\(server.address)/events")
    #expect(await eventually { clients == 2 })
    let start = ContinuousClock.now
    while clients == 2, .now - start < .seconds(60) {
      for _ in 0..<20 { broadcaster.publish(stream.frame()) }
      try await Task.sleep(for: .milliseconds(20))
    }
    #expect(clients == 1)
    #expect(metrics.figure(#"ferd_clients_stalled_total{sink="http"}"#) == 1)
    #expect(try #require(metrics.figure(#"ferd_lines_lost_total{sink="http"}"#)) > 100)
    broadcaster.publish(stream.end())
    await broadcaster.finish()
    let coverage = Coverage(await healthy.lines)
    #expect(coverage.problems.isEmpty && coverage.hasEnd)
    #expect(coverage.frames + coverage.lost == stream.sequence)
  }

  @Test func clientsThatGoLeaveNothingBehind() async throws {
    let server = try await serve()
    let stream = TestStream()
    broadcaster.publish(stream.hello)
    for _ in 0..<3 {
      let readers = try (0..<4).map { _ in
        let reader = Process()
        reader.executableURL = URL(filePath: "/usr/bin/env")
        reader.arguments = ["curl", "-s", "-N", "http://\(server.address)/events"]
        reader.standardOutput = FileHandle.nullDevice
        try reader.run()
        return reader
      }
      #expect(await eventually { clients == 4 })
      for reader in readers { kill(reader.processIdentifier, SIGKILL) }
      // Though nothing is sent to them.
      #expect(await eventually { clients == 0 })
    }
    #expect(metrics.figure(#"ferd_client_connections_total{sink="http"}"#) == 12)
    await broadcaster.finish()
  }

  @Test func moreStreamsThanMayBeAreTold() async throws {
    let server = try await serve { $0.maximumStreams = 1 }
    let url = "http://\(server.address)"
    async let first = Answer.of("\(url)/events")
    #expect(await eventually { clients == 1 })
    #expect(await Answer.of("\(url)/events").status == 503)
    #expect(await Answer.of("\(url)/healthz").status == 200)
    await broadcaster.finish()
    #expect(await first.status == 200)
  }

  @Test func aRequestThatNeverEndsIsCutOff() async throws {
    let server = try await serve { $0.idleSeconds = 0.3 }
    let client = Process()
    client.executableURL = URL(filePath: "/usr/bin/env")
    client.arguments = [
      "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/\(server.address.port); printf 'GET /hea' >&3; cat <&3",
    ]
    client.standardInput = FileHandle.nullDevice
    let start = ContinuousClock.now
    try client.run()
    #expect(await eventually { !client.isRunning })
    #expect(.now - start < .seconds(10))
    await broadcaster.finish()
  }

  @Test func namesOfOtherMachinesAreRefusedWhereOnlyThisOneMayAsk() async throws {
    let server = try await serve()
    let url = "http://\(server.address)/healthz"
    #expect(await Answer.of(url, "-H", "Host: evil.example").status == 421)
    for host in ["localhost", "LocalHost:8080", "127.0.0.1:1", "[::1]", "[::1]:80"] {
      #expect(await Answer.of(url, "-H", "Host: \(host)").status == 200, "\(host)")
    }
    await broadcaster.finish()
    #expect(!LocalHostsOnly.isLocal("127.0.0.1.evil.example"))
    #expect(!LocalHostsOnly.isLocal("1.2.3"))
  }

  @Test func anAddressInUseIsTold() async throws {
    let server = try await serve()
    await #expect(throws: SinkError.addressInUse("\(server.address)", "another program serves this address")) {
      _ = try await serve("\(server.address)")
    }
    let error = await #expect(throws: SinkError.self) { _ = try await serve("192.0.2.1:0") }
    #expect(error?.description == "192.0.2.1:0: expected an address of this machine")
    await #expect(throws: SinkError.self) { _ = try await serve("no-such-host.invalid:0") }
    await broadcaster.finish()
    // Free again at once.
    let again = try await serve("\(server.address)")
    await again.finish(by: .now + .seconds(1))
  }

  @Test func servesIPv6() async throws {
    let server = try await serve("[::1]:0")
    #expect("\(server.address)".hasPrefix("[::1]:"))
    #expect(await Answer.of("http://\(server.address)/healthz").status == 200)
    await broadcaster.finish()
  }

  @Test func readsAddresses() throws {
    #expect(try HTTPAddress(parsing: "127.0.0.1:8080") == HTTPAddress(host: "127.0.0.1", port: 8080))
    #expect(try HTTPAddress(parsing: "[::1]:0") == HTTPAddress(host: "::1", port: 0))
    #expect(try HTTPAddress(parsing: "localhost:65535") == HTTPAddress(host: "localhost", port: 65535))
    #expect(try HTTPAddress(parsing: "8080") == HTTPAddress(host: "127.0.0.1", port: 8080))
    #expect(try HTTPAddress(parsing: ":8080") == HTTPAddress(host: "127.0.0.1", port: 8080))
    #expect(try "\(HTTPAddress(parsing: "[fe80::1]:1"))" == "[fe80::1]:1")
    for text in [
      "", ":", "localhost", "localhost:", "localhost:http", "localhost:65536", "localhost:-1", "::1:8080", "[::1]",
      "[::1]8080", "[::1:8080", "[localhost]:80", "a b:80", "host:8080\n", "host:+80",
    ] {
      #expect(throws: SinkError.self, "\(text)") { try HTTPAddress(parsing: text) }
    }
  }
}
