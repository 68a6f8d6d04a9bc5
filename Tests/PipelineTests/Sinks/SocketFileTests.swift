import Foundation
import Testing

@testable import Pipeline

struct SocketFileTests {
  private func start(
    _ endpoint: SocketEndpoint, _ permissions: SocketPermissions = SocketPermissions()
  ) async throws -> SocketServer {
    var settings = SocketServerSettings()
    settings.permissions = permissions
    return try await SocketServer.start(endpoint, settings: settings, metrics: testMetrics(), logger: quietLogger())
  }

  private func finish(_ server: SocketServer) async { await server.finish(by: .now + .milliseconds(200)) }

  private func status(_ path: String) throws -> stat {
    var status = stat()
    try #require(lstat(path, &status) == 0)
    return status
  }

  /// A listening socket, or a closed one's file.
  private func makeSocket(_ path: String, listens: Bool) -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    _ = withSocketAddress(Array(path.utf8)) { bind(descriptor, $0, $1) }
    if listens { listen(descriptor, 5) } else { close(descriptor) }
    return descriptor
  }

  @Test(arguments: [0o600, 0o660, 0o666, 0o200] as [UInt32])
  func hasTheModeThatWasAskedFor(mode: UInt32) async throws {
    let folder = try SinkFolder()
    let server = try await start(.file(folder.socket), SocketPermissions(mode: mode))
    #expect(try status(folder.socket).st_mode == S_IFSOCK | mode)
    await finish(server)
  }

  @Test func belongsToTheGroupThatWasAskedFor() async throws {
    let folder = try SinkFolder()
    let group = String(cString: getgrgid(getgid()).pointee.gr_name)
    for name in [group, "\(getgid())"] {
      let server = try await start(.file(folder.socket), SocketPermissions(mode: 0o660, group: name))
      #expect(try status(folder.socket).st_gid == getgid())
      await finish(server)
    }
    let error = await #expect(throws: SinkError.self) {
      try await start(.file(folder.socket), SocketPermissions(mode: 0o660, group: "no-such-group"))
    }
    #expect(error?.description.contains("\"no-such-group\"") == true)
    #expect(!FileManager.default.fileExists(atPath: folder.socket))
  }

  @Test(.enabled(if: getuid() == 0, "only root may give files away"))
  func mayBelongToAGroupThatTheProcessIsNotIn() async throws {
    let folder = try SinkFolder()
    let server = try await start(.file(folder.socket), SocketPermissions(mode: 0o660, group: "12345"))
    #expect(try status(folder.socket).st_gid == 12345)
    await finish(server)
  }

  @Test func takesThePlaceOfASocketThatNobodyServes() async throws {
    let folder = try SinkFolder()
    _ = makeSocket(folder.socket, listens: false)
    let stale = try status(folder.socket).st_ino
    let server = try await start(.file(folder.socket))
    #expect(throws: Never.self) { try SocketReader(folder.socket) }
    _ = stale
    await finish(server)
    #expect(!FileManager.default.fileExists(atPath: folder.socket))
  }

  @Test func leavesALiveSocketAlone() async throws {
    let folder = try SinkFolder()
    let first = try await start(.file(folder.socket))
    let before = try status(folder.socket).st_ino
    await #expect(throws: SinkError.addressInUse(folder.socket, "another program serves this socket")) {
      try await start(.file(folder.socket))
    }
    #expect(try status(folder.socket).st_ino == before)
    #expect(throws: Never.self) { try SocketReader(folder.socket) }
    await finish(first)
  }

  @Test func leavesALiveSocketAloneThatTakesNoMoreConnections() async throws {
    let folder = try SinkFolder()
    let descriptor = makeSocket(folder.socket, listens: true)
    defer { close(descriptor) }
    // Fills its queue: nobody accepts.
    let waiting = (0..<6).map { _ in socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0) }
    for client in waiting { _ = withSocketAddress(Array(folder.socket.utf8)) { connect(client, $0, $1) } }
    defer { for client in waiting { close(client) } }
    await #expect(throws: SinkError.addressInUse(folder.socket, "another program serves this socket")) {
      try await start(.file(folder.socket))
    }
    #expect(FileManager.default.fileExists(atPath: folder.socket))
  }

  @Test func neverTouchesAFileThatIsNoSocket() async throws {
    let folder = try SinkFolder()
    try Data("precious".utf8).write(to: URL(filePath: folder.socket))
    try FileManager.default.createDirectory(atPath: folder.path + "/d", withIntermediateDirectories: false)
    try FileManager.default.createSymbolicLink(
      atPath: folder.path + "/l", withDestinationPath: folder.path + "/nowhere")
    for name in ["s", "d", "l"] {
      let error = await #expect(throws: SinkError.self) { try await start(.file("\(folder.path)/\(name)")) }
      #expect(error?.description.contains("expected a socket or nothing") == true)
    }
    #expect(try String(contentsOfFile: folder.socket, encoding: .utf8) == "precious")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["d", "l", "s"])
  }

  @Test func removesOnlyItsOwnFileAtTheEnd() async throws {
    let folder = try SinkFolder()
    let server = try await start(.file(folder.socket))
    unlink(folder.socket)
    let other = makeSocket(folder.socket, listens: true)
    await finish(server)
    #expect(throws: Never.self) { try SocketReader(folder.socket) }
    close(other)
  }

  @Test func aMissingFolderIsTold() async throws {
    let error = await #expect(throws: SinkError.self) { try await start(.file("/no/such/folder/s")) }
    #expect(error?.description.contains("No such file or directory") == true)
  }

  @Test func servesAnAbstractName() async throws {
    let name = "ferd-test-\(UInt32.random(in: 0...UInt32.max))"
    let endpoint = try SocketEndpoint(parsing: "@\(name)")
    let server = try await start(endpoint)
    var stream = TestStream()
    server.receive(stream.hello)
    server.receive(stream.frame())
    let reader = try SocketReader("@\(name)")
    #expect(await reader.line() == stream.hello.text)
    await #expect(throws: SinkError.addressInUse("@\(name)", "somebody else has this socket")) {
      try await start(endpoint)
    }
    await finish(server)
    #expect(throws: POSIXError.self) { try SocketReader("@\(name)") }
  }

  @Test func readsAddresses() throws {
    #expect(try SocketEndpoint(parsing: "/run/ferd.sock") == .file("/run/ferd.sock"))
    #expect(try SocketEndpoint(parsing: "s") == .file("s"))
    #expect(try SocketEndpoint(parsing: "@ferd") == .abstract("ferd"))
    #expect(try SocketEndpoint(parsing: "systemd:") == .systemd(name: nil))
    #expect(try SocketEndpoint(parsing: "systemd:lines") == .systemd(name: "lines"))
    #expect(try SocketEndpoint(parsing: String(repeating: "x", count: 103)).description.utf8.count == 103)
    for text in ["", "@", String(repeating: "x", count: 104), "@" + String(repeating: "x", count: 104), "a\0b"] {
      #expect(throws: SinkError.self) { try SocketEndpoint(parsing: text) }
    }
    let error = #expect(throws: SinkError.self) { try SocketEndpoint(parsing: String(repeating: "ü", count: 60)) }
    #expect(error?.description.contains("at most 103 bytes, found 120") == true)
  }

  @Test func saysThatNoSocketWasPassedOn() async throws {
    let error = await #expect(throws: SinkError.self) { try await start(.systemd(name: nil)) }
    #expect(error?.description.contains("LISTEN_FDS") == true)
  }
}
