import Foundation
import TestSupport
import Testing

@testable import Pipeline

/// A socket server with what it needs, and a stream to feed it.
private struct Service {
  let folder: SinkFolder
  let metrics = testMetrics()
  let broadcaster = LineBroadcaster()
  let server: SocketServer
  var stream = TestStream()

  init(_ change: (inout SocketServerSettings) -> Void = { _ in }) async throws {
    folder = try SinkFolder()
    var settings = SocketServerSettings()
    change(&settings)
    server = try await SocketServer.start(
      .file(folder.socket), settings: settings, metrics: metrics, logger: quietLogger())
    broadcaster.add(server)
  }

  var clients: Int { Int(metrics.figure(#"ferd_clients{sink="socket"}"#) ?? -1) }

  mutating func publish(frames: Int) {
    for _ in 0..<frames { broadcaster.publish(stream.frame()) }
  }

  mutating func end() async {
    broadcaster.publish(stream.end())
    await broadcaster.finish()
  }
}

struct SocketServerTests {
  private func connections(_ service: Service) -> Double? {
    service.metrics.figure(#"ferd_client_connections_total{sink="socket"}"#)
  }

  @Test func greetsAndServesEveryLineInOrder() async throws {
    var service = try await Service()
    service.broadcaster.publish(service.stream.hello)
    let clients = try (0..<3).map { _ in try SocketReader(service.folder.socket) }
    for client in clients { #expect(await client.line() == service.stream.hello.text) }
    service.publish(frames: 20)
    service.broadcaster.publish(service.stream.gap(3))
    service.publish(frames: 5)
    await service.end()
    for client in clients {
      let coverage = await Coverage([service.stream.hello.text] + client.rest())
      #expect(coverage.problems.isEmpty && coverage.hasEnd)
      #expect(coverage.frames == 25 && coverage.gaps == 1 && coverage.first == 0 && coverage.next == 28)
      #expect(client.hasEnded)
    }
    #expect(!FileManager.default.fileExists(atPath: service.folder.socket))
  }

  @Test func aClientThatComesBeforeTheStreamWaitsForItsHello() async throws {
    var service = try await Service()
    let client = try SocketReader(service.folder.socket)
    #expect(await eventually { service.clients == 1 })
    #expect(await client.line(timeout: 0.05) == nil)
    service.broadcaster.publish(service.stream.hello)
    service.publish(frames: 1)
    #expect(await client.line() == service.stream.hello.text)
    #expect(await client.line()?.contains(#""seq":0"#) == true)
    await service.end()
  }

  @Test func aClientThatComesLateGetsTheCurrentHello() async throws {
    var service = try await Service()
    service.broadcaster.publish(service.stream.hello)
    service.publish(frames: 10)
    var header = exampleHeader
    header.model = "other@2"
    var encoder = BroadcastLineEncoder()
    let second = encoder.hello(header)
    service.broadcaster.publish(second)
    let client = try SocketReader(service.folder.socket)
    #expect(await client.line() == second.text)
    service.publish(frames: 2)
    await service.end()
    let coverage = await Coverage([second.text] + client.rest())
    #expect(coverage.problems.isEmpty && coverage.first == 10 && coverage.frames == 2)
  }

  @Test func aStalledClientLosesItsOldestLinesAndNobodyElseDoes() async throws {
    var service = try await Service {
      $0.queue = LineQueueLimits(lines: 50, bytes: 1 << 20)
      $0.stallSeconds = 100
    }
    service.broadcaster.publish(service.stream.hello)
    let slow = try SocketReader(service.folder.socket, reads: false)
    let healthy = try SocketReader(service.folder.socket)
    #expect(await eventually { service.clients == 2 })
    // Some 2 MB altogether, which the system's buffers do not hold.
    for round in 1...60 {
      service.publish(frames: 50)
      // The healthy one is served at once, whatever the slow one does.
      #expect(await eventually { healthy.receivedLines == 1 + 50 * round })
    }
    service.broadcaster.publish(service.stream.end())
    slow.startReading()
    await service.broadcaster.finish()
    let coverage = await Coverage(healthy.rest())
    let slowLines = await slow.rest()
    #expect(coverage.problems.isEmpty && coverage.hasEnd)
    #expect(coverage.frames == 3000 && coverage.gaps == 0)
    let slowCoverage = Coverage(slowLines)
    #expect(slowCoverage.problems.isEmpty)
    #expect(slowCoverage.lost > 500 && slowCoverage.gaps > 0)
    #expect(slowCoverage.frames + slowCoverage.lost == 3000 && slowCoverage.hasEnd)
    #expect(service.metrics.figure(#"ferd_lines_lost_total{sink="socket"}"#) == Double(slowCoverage.lost))
  }

  @Test func aClientThatReadsNothingIsDisconnected() async throws {
    var service = try await Service {
      $0.stallSeconds = 0.3
      $0.queue = LineQueueLimits(lines: 20, bytes: 1 << 20)
    }
    service.broadcaster.publish(service.stream.hello)
    let stalled = try SocketReader(service.folder.socket, reads: false)
    let healthy = try SocketReader(service.folder.socket)
    #expect(await eventually { service.clients == 2 })
    let start = ContinuousClock.now
    while service.clients == 2, .now - start < .seconds(20) {
      service.publish(frames: 30)
      #expect(await eventually { healthy.receivedLines == 1 + service.stream.sequence })
    }
    #expect(service.clients == 1)
    #expect(service.metrics.figure(#"ferd_clients_stalled_total{sink="socket"}"#) == 1)
    service.publish(frames: 1)
    await service.end()
    let coverage = await Coverage(healthy.rest())
    #expect(coverage.problems.isEmpty && coverage.gaps == 0 && coverage.hasEnd)
    // What it did not read until then it still can, up to a line that was cut off.
    let rest = await stalled.rest()
    #expect(Coverage(rest).problems.isEmpty && !Coverage(rest).hasEnd && stalled.hasEnded)
  }

  @Test func clientsThatVanishLeaveNothingBehind() async throws {
    var service = try await Service()
    service.broadcaster.publish(service.stream.hello)
    for round in 0..<10 {
      let readers = try (0..<20).map { try SocketReader(service.folder.socket, reads: $0 % 2 == 0) }
      if round % 2 == 0 { service.publish(frames: 3) }
      if round > 5 { #expect(await eventually { service.clients == 20 }) }
      for reader in readers { reader.vanish() }
      #expect(await eventually { connections(service) == Double(20 * (round + 1)) })
      // Also while nothing is written to them.
      #expect(await eventually { service.clients == 0 })
    }
    // What listens, and nothing else.
    #expect(await eventually { openSockets(at: service.folder.socket) == 1 })
    await service.end()
    #expect(await eventually { openSockets(at: service.folder.socket) == 0 })
  }

  @Test func subscribersGetWhatTheyAskFor() async throws {
    var service = try await Service()
    service.broadcaster.publish(service.stream.hello)
    let requests = [
      #"{"faces":"only"}"# + "\n", #"{"fields":["emotion"]}"# + "\r\n", "\n \n" + #"{"every":5}"# + "\n",
      #"{"every":2,"faces":"only","fields":["track"]}"#,
    ]
    var readers: [SocketReader] = []
    for request in requests {
      readers.append(try SocketReader(service.folder.socket))
      #expect(await readers.last?.line() == service.stream.hello.text)
      for byte in request.utf8 { readers.last?.send([byte]) }
    }
    // The last one ends its side without a line break.
    readers[3].endSending()
    try await Task.sleep(for: .milliseconds(200))
    service.publish(frames: 15)
    await service.end()
    var lines: [[String]] = []
    for reader in readers { lines.append(await reader.rest()) }
    func numbers(_ index: Int) throws -> [Int] {
      try lines[index].compactMap { try ParsedJSON.parse($0)["seq"]?.integer }
    }
    #expect(try numbers(0) == [0, 3, 6, 9, 12])
    #expect(try numbers(1) == Array(0..<15))
    #expect(try numbers(2) == [0, 5, 10])
    #expect(try numbers(3) == [0, 6, 12])
    #expect(
      lines[1][0]
        == #"{"v":1,"type":"frame","seq":0,"faces":[{"emotion":"happy"},{"emotion":"so,\"so\""}]}"#)
    #expect(lines[3][0] == #"{"v":1,"type":"frame","seq":0,"faces":[{"track":1},{"track":2}]}"#)
    for rest in lines { #expect(try ParsedJSON.parse(rest.last ?? "")["type"]?.string == "end") }
  }

  enum Garbage: String, CaseIterable {
    case http, unknownValue, control, endless, blankLines, hugeRequest, secondRequest

    var text: String {
      switch self {
      case .http: "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
      case .unknownValue: "{\"faces\":\"some\"}\n"
      case .control: "\u{0}\u{1}\u{2}\n"
      case .endless: String(repeating: "x", count: 5000)
      case .blankLines: String(repeating: "\n", count: 5000)
      case .hugeRequest: "{\"fields\":[" + String(repeating: "\"seq\",", count: 20_000)
      case .secondRequest: "{}\n{}\n"
      }
    }
  }

  @Test(arguments: Garbage.allCases)
  func whoeverSendsGarbageIsToldAndDisconnected(garbage: Garbage) async throws {
    var service = try await Service()
    service.broadcaster.publish(service.stream.hello)
    let (odd, healthy) = (try SocketReader(service.folder.socket), try SocketReader(service.folder.socket))
    #expect(await odd.line() == service.stream.hello.text)
    #expect(await eventually { service.clients == 2 })
    odd.send(garbage.text)
    let coverage = await Coverage([service.stream.hello.text] + odd.rest())
    #expect(coverage.problems.isEmpty && coverage.errors.count == 1)
    #expect(odd.hasEnded)
    service.publish(frames: 5)
    await service.end()
    #expect(await Coverage(healthy.rest()).frames == 5)
    #expect(service.metrics.figure(#"ferd_clients_refused_total{sink="socket"}"#) == 1)
  }

  @Test func aRequestThatNeverEndsHarmsNobody() async throws {
    var service = try await Service()
    service.broadcaster.publish(service.stream.hello)
    let loris = try SocketReader(service.folder.socket)
    #expect(await eventually { service.clients == 1 })
    for _ in 0..<20 {
      loris.send("{")
      service.publish(frames: 1)
    }
    await service.end()
    let coverage = await Coverage(loris.rest())
    // The end of the stream comes before that of the request.
    #expect(coverage.problems.isEmpty && coverage.hasEnd && coverage.errors.isEmpty && coverage.gaps == 0)
  }

  @Test func aClientThatOnlyReadsMayEndItsSide() async throws {
    var service = try await Service()
    service.broadcaster.publish(service.stream.hello)
    let reader = try SocketReader(service.folder.socket)
    reader.endSending()
    #expect(await reader.line() == service.stream.hello.text)
    service.publish(frames: 10)
    await service.end()
    #expect(await Coverage([service.stream.hello.text] + reader.rest()).frames == 10)
  }

  @Test func moreClientsThanMayComeAreTold() async throws {
    var service = try await Service { $0.maximumClients = 2 }
    service.broadcaster.publish(service.stream.hello)
    let readers = try (0..<2).map { _ in try SocketReader(service.folder.socket) }
    for reader in readers { #expect(await reader.line() == service.stream.hello.text) }
    let third = try SocketReader(service.folder.socket)
    #expect(await third.line()?.contains("too many clients") == true)
    #expect(await third.line() == nil && third.hasEnded)
    readers[0].vanish()
    #expect(await eventually { service.clients == 1 })
    #expect(try await SocketReader(service.folder.socket).line() == service.stream.hello.text)
    await service.end()
  }

  @Test func endsInTimeThoughAClientReadsNothing() async throws {
    var service = try await Service()
    service.broadcaster.publish(service.stream.hello)
    let stalled = try SocketReader(service.folder.socket, reads: false)
    #expect(await eventually { service.clients == 1 })
    service.publish(frames: 2000)
    let start = ContinuousClock.now
    await service.end()
    // Asked for are 0.8 s; the machine may be busy.
    #expect(.now - start < .seconds(2))
    #expect(await eventually { service.clients == 0 })
    _ = stalled
  }

  @Test func fiftyClientsLoseNothing() async throws {
    var service = try await Service()
    service.broadcaster.publish(service.stream.hello)
    let readers = try (0..<50).map { _ in try SocketReader(service.folder.socket) }
    #expect(await eventually { service.clients == 50 })
    for _ in 0..<100 {
      service.publish(frames: 3)
      try await Task.sleep(for: .milliseconds(5))
    }
    await service.end()
    for reader in readers {
      let coverage = await Coverage(reader.rest())
      #expect(coverage.problems.isEmpty && coverage.hasEnd && coverage.gaps == 0 && coverage.frames == 300)
    }
  }
}
