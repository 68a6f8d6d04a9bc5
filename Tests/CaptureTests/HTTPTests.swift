import Capture
import Foundation
import Glibc
import Pixels
import Testing

struct HTTPTests {
  private enum Behaviour: Sendable {
    case whole
    /// Announces everything, sends a part and closes the connection.
    case breaksOff(after: Int)
    /// Announces everything, sends a part and then nothing more.
    case hangs(after: Int)
    case notFound
    case silent
  }

  /// Where no time-out is meant to come, however busy the machine is.
  private static let patient = SourceOptions(networkTimeoutSeconds: 120)

  /// It listens until it is released: tests must keep it for as long as they need it.
  private static func server(_ body: Data, _ behaviour: Behaviour) throws -> LoopbackServer {
    try LoopbackServer { connection in
      guard let head = connection.readHead() else { return }
      // Only whole ranges to the end, as FFmpeg asks for them.
      let range = head.first { $0.lowercased().hasPrefix("range: bytes=") }
      let from = min(range.flatMap { Int($0.dropFirst(13).prefix { $0.isNumber }) } ?? 0, body.count)
      let part = body.suffix(from: from)
      let status = range == nil ? "200 OK" : "206 Partial Content"
      let header =
        "HTTP/1.1 \(status)\r\nContent-Type: application/octet-stream\r\nAccept-Ranges: bytes\r\n"
        + "Content-Range: bytes \(from)-\(body.count - 1)/\(body.count)\r\nContent-Length: \(part.count)\r\n"
        + "Connection: close\r\n\r\n"
      switch behaviour {
      case .whole:
        connection.send(header)
        connection.send(Data(part))
      case .breaksOff(let count):
        connection.send(header)
        connection.send(Data(part.prefix(max(0, count - from))))
      case .hangs(let count):
        connection.send(header)
        connection.send(Data(part.prefix(max(0, count - from))))
        while connection.readHead() != nil {}
      case .notFound: connection.send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
      // Until the client goes.
      case .silent: while connection.readHead() != nil {}
      }
    }
  }

  private static func clip(container: String) throws -> Data {
    let folder = try TemporaryFolder()
    let path = folder.path("clip.\(container)")
    try writeNumberedClip(path, frames: 200, width: 160, height: 120)
    return try Data(contentsOf: URL(fileURLWithPath: path))
  }

  @Test(arguments: ["mp4", "mkv", "ts"])
  func `a clip on a server gives every frame`(container: String) throws {
    let server = try HTTPTests.server(try HTTPTests.clip(container: container), .whole)
    defer { withExtendedLifetime(server) {} }
    let source = try openSource("http://127.0.0.1:\(server.port)/clip.\(container)", options: HTTPTests.patient)
    let sequences = try readAll(source).map(\.sequence)
    #expect(sequences == Array(0..<200))
    #expect(source.decodeErrors == 0)
  }

  @Test func `a picture on a server is read`() throws {
    let folder = try TemporaryFolder()
    let picture = cornerPicture(width: 40, height: 30)
    try writePicture(picture, to: folder.path("a.png"))
    let server = try HTTPTests.server(try Data(contentsOf: URL(fileURLWithPath: folder.path("a.png"))), .whole)
    defer { withExtendedLifetime(server) {} }
    let images = try readAll("http://127.0.0.1:\(server.port)/a.png").map(\.image)
    #expect(images == [picture])
  }

  @Test func `a server that breaks off gives the frames it sent, then an error`() throws {
    let body = try HTTPTests.clip(container: "mkv")
    let server = try HTTPTests.server(body, .breaksOff(after: body.count / 2))
    defer { withExtendedLifetime(server) {} }
    let source = try openSource("http://127.0.0.1:\(server.port)/clip.mkv", options: HTTPTests.patient)
    let (frames, error) = HTTPTests.readUntilError(source)
    #expect((40..<180).contains(frames))
    #expect(error?.code == .inputOutput || source.decodeErrors > 0)
  }

  @Test func `a server that hangs gives the frames it sent, then an error in time`() throws {
    let body = try HTTPTests.clip(container: "mkv")
    let server = try HTTPTests.server(body, .hangs(after: body.count / 2))
    defer { withExtendedLifetime(server) {} }
    let start = Date()
    let source = try openSource(
      "http://127.0.0.1:\(server.port)/clip.mkv", options: SourceOptions(networkTimeoutSeconds: 0.7))
    let (frames, error) = HTTPTests.readUntilError(source)
    #expect((40..<180).contains(frames))
    #expect(error?.code == .inputOutput)
    #expect(error?.message.contains("0.7 s") == true)
    #expect(Date().timeIntervalSince(start) < 60)
  }

  @Test(arguments: ["http", "rtsp"])
  func `a server that never answers is given up`(scheme: String) throws {
    let server = try HTTPTests.server(Data(), .silent)
    defer { withExtendedLifetime(server) {} }
    let start = Date()
    let error = #expect(throws: CaptureError.self) {
      _ = try openSource(
        "\(scheme)://127.0.0.1:\(server.port)/clip", options: SourceOptions(networkTimeoutSeconds: 0.5))
    }
    #expect(error?.code == .noSuchInput, "\(String(describing: error))")
    #expect(error?.message.contains("0.5 s") == true, "\(String(describing: error))")
    #expect(Date().timeIntervalSince(start) < 60)
  }

  @Test func `cancelling ends the wait for a server`() throws {
    let server = try HTTPTests.server(Data(), .silent)
    defer { withExtendedLifetime(server) {} }
    // Far longer than a busy machine can keep the cancelling thread from running.
    let options = SourceOptions(networkTimeoutSeconds: 120)
    Thread.detachNewThread {
      usleep(200_000)
      options.cancellation.cancel()
    }
    let error = #expect(throws: CaptureError.self) {
      _ = try openSource("http://127.0.0.1:\(server.port)/clip", options: options)
    }
    #expect(error?.code == .cancelled, "\(String(describing: error))")
  }

  @Test func `a page that is not there is no such input`() throws {
    let server = try HTTPTests.server(Data(), .notFound)
    defer { withExtendedLifetime(server) {} }
    let error = #expect(throws: CaptureError.self) {
      _ = try openSource("http://127.0.0.1:\(server.port)/clip.mp4", options: HTTPTests.patient)
    }
    #expect(error?.code == .noSuchInput, "\(String(describing: error))")
  }

  @Test func `a page of text is unreadable`() throws {
    let page = Data(String(repeating: "<html><body>Please log in.</body></html>\n", count: 50).utf8)
    let server = try HTTPTests.server(page, .whole)
    defer { withExtendedLifetime(server) {} }
    let error = #expect(throws: CaptureError.self) {
      _ = try openSource("http://127.0.0.1:\(server.port)/clip.mp4", options: HTTPTests.patient)
    }
    #expect(error?.code == .unreadable, "\(String(describing: error))")
  }

  @Test(arguments: ["http", "rtsp", "tcp"])
  func `a port without a server is no such input`(scheme: String) throws {
    // A port that was free a moment ago.
    let port = try LoopbackServer { _ in }.port
    let error = #expect(throws: CaptureError.self) { _ = try openSource("\(scheme)://127.0.0.1:\(port)/clip") }
    #expect(error?.code == .noSuchInput, "\(String(describing: error))")
  }

  private static func readUntilError(_ source: any FrameSource) -> (frames: Int, error: CaptureError?) {
    let frame = source.makeFrame()
    var count = 0
    do {
      while try source.read(into: frame) { count += 1 }
      return (count, nil)
    } catch {
      return (count, error)
    }
  }
}
