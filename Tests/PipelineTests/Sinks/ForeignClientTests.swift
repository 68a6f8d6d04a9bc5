import Foundation
import TestSupport
import Testing

@testable import Pipeline

/// Clients that were not written here, each a process of its own.
struct ForeignClientTests {
  private final class Client: @unchecked Sendable {
    private let process = Process()
    private let output = Pipe()

    init(_ command: [String]) throws {
      process.executableURL = URL(filePath: "/usr/bin/env")
      process.arguments = command
      process.standardInput = FileHandle.nullDevice
      process.standardOutput = output
      process.standardError = FileHandle.nullDevice
      try process.run()
    }

    /// What it printed until it ended by itself.
    func lines() async -> [String] {
      await onThread { [self] in
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
      }
    }

    func kill() {
      Foundation.kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }
  }

  private static func has(_ program: String) -> Bool {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["which", program]
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try? process.run()
    process.waitUntilExit()
    return process.terminationStatus == 0
  }

  private let folder: SinkFolder
  private let metrics = testMetrics()
  private let broadcaster = LineBroadcaster()

  init() throws { folder = try SinkFolder() }

  private func serve(stallSeconds: Double = 10) async throws {
    var settings = SocketServerSettings()
    settings.stallSeconds = stallSeconds
    settings.queue = LineQueueLimits(lines: 30, bytes: 1 << 20)
    broadcaster.add(
      try await SocketServer.start(
        .file(folder.socket), settings: settings, metrics: metrics, logger: quietLogger()))
  }

  private var clients: Int { Int(metrics.figure(#"ferd_clients{sink="socket"}"#) ?? -1) }

  @Test(.enabled(if: has("socat"), "socat is not installed"))
  func socatReadsTheStream() async throws {
    try await serve()
    var stream = TestStream()
    broadcaster.publish(stream.hello)
    let reader = try Client(["socat", "-u", "UNIX-CONNECT:\(folder.socket)", "-"])
    // `-t`: how long it stays after the end of its own input.
    let subscriber = try Client([
      "sh", "-c", "echo '{\"faces\":\"only\",\"fields\":[]}' | socat -t 20 - UNIX-CONNECT:\(folder.socket)",
    ])
    #expect(await eventually { clients == 2 })
    try await Task.sleep(for: .milliseconds(200))
    for _ in 0..<30 { broadcaster.publish(stream.frame()) }
    broadcaster.publish(stream.end())
    await broadcaster.finish()
    let coverage = await Coverage(reader.lines())
    #expect(coverage.problems.isEmpty && coverage.hasEnd && coverage.frames == 30)
    let lines = await subscriber.lines()
    #expect(lines.count == 12)
    #expect(lines.dropFirst().first == #"{"v":1,"type":"frame","seq":0}"#)
  }

  @Test(.enabled(if: has("python3"), "python3 is not installed"))
  func readersThatStopOrDieSlowNobodyDown() async throws {
    try await serve(stallSeconds: 3)
    var stream = TestStream()
    broadcaster.publish(stream.hello)
    let connect = "import socket,time,sys; s=socket.socket(socket.AF_UNIX); s.connect('\(folder.socket)'); "
    let stopped = try Client(["python3", "-c", connect + "s.recv(100); time.sleep(60)"])
    let dying = try Client(["python3", "-c", connect + "[s.recv(1000) for i in range(10**9)]"])
    let slow = try Client([
      "python3", "-c",
      connect + """

        for line in s.makefile('rb'):
          sys.stdout.buffer.write(line)
          time.sleep(0.0005)
        """,
    ])
    let slowLines = Task { await slow.lines() }
    #expect(await eventually { clients == 3 })
    let healthy = try SocketReader(folder.socket)
    #expect(await eventually { clients == 4 })
    for round in 1...100 {
      for _ in 0..<30 { broadcaster.publish(stream.frame()) }
      #expect(await eventually { healthy.receivedLines == 1 + 30 * round })
      if round == 30 { dying.kill() }
    }
    // Only those that read are left.
    #expect(await eventually { clients == 2 })
    #expect(metrics.figure(#"ferd_clients_stalled_total{sink="socket"}"#) == 1)
    broadcaster.publish(stream.end())
    await broadcaster.finish()
    let coverage = await Coverage(healthy.rest())
    #expect(coverage.problems.isEmpty && coverage.hasEnd && coverage.frames == 3000 && coverage.gaps == 0)
    stopped.kill()
    let slowCoverage = Coverage(await slowLines.value)
    #expect(slowCoverage.problems.isEmpty, "\(slowCoverage.problems.prefix(3))")
    #expect(slowCoverage.hasEnd && slowCoverage.frames + slowCoverage.lost == 3000)
  }

  @Test(.enabled(if: has("python3"), "python3 is not installed"), arguments: ["unnamed", "named", "by path"])
  func systemdPassesItsSocketOn(wanted: String) async throws {
    // What systemd does: bind, listen, put the socket at descriptor 3, tell the process its own number. The process is
    // this test's program with one test chosen, which serves one line.
    let program = "/proc/self/exe"
    let executable = try FileManager.default.destinationOfSymbolicLink(atPath: program)
    let script = """
      import os, socket, sys
      s = socket.socket(socket.AF_UNIX); s.bind('\(folder.socket)'); s.listen(5)
      open('\(folder.socket).listens', 'w').close()
      if s.fileno() != 3: os.dup2(s.fileno(), 3)
      os.set_inheritable(3, True)
      os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES='lines', FERD_ACTIVATED='\(folder.socket)')
      os.environ.update(FERD_ACTIVATED_AS='\(wanted)')
      os.execv(sys.argv[1], sys.argv[1:])
      """
    let server = try Client([
      "python3", "-c", script, executable, "--test-bundle-path", executable, "--filter", "ActivatedServerTests",
      "--testing-library", "swift-testing",
    ])
    #expect(await eventually { FileManager.default.fileExists(atPath: folder.socket + ".listens") })
    let reader = try SocketReader(folder.socket)
    #expect(await reader.line()?.contains("hello") == true)
    #expect(await reader.rest().contains { $0.contains("end") })
    _ = await server.lines()
    // The file is systemd's.
    #expect(FileManager.default.fileExists(atPath: folder.socket))
  }
}

/// Run by `systemdPassesItsSocketOn` in a process that got a socket.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["FERD_ACTIVATED"] != nil, "runs in a process of its own"))
struct ActivatedServerTests {
  @Test func serves() async throws {
    let environment = ProcessInfo.processInfo.environment
    let path = try #require(environment["FERD_ACTIVATED"])
    let endpoints: [String: SocketEndpoint] = [
      "unnamed": .systemd(name: nil), "named": .systemd(name: "lines"), "by path": .file(path),
    ]
    let endpoint = try #require(endpoints[environment["FERD_ACTIVATED_AS"] ?? ""])
    let metrics = testMetrics()
    let server = try await SocketServer.start(endpoint, metrics: metrics, logger: quietLogger())
    await #expect(throws: SinkError.self) {
      try await SocketServer.start(.systemd(name: "other"), metrics: metrics, logger: quietLogger())
    }
    var stream = TestStream()
    server.receive(stream.hello)
    #expect(await eventually { metrics.figure(#"ferd_clients{sink="socket"}"#) == 1 })
    server.receive(stream.end())
    await server.finish(by: .now + .milliseconds(500))
  }
}
