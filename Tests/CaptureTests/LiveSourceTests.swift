import Foundation
import Glibc
import Pixels
import Testing
import Threads

@testable import Capture

/// Streams from a real server in a process of its own: FFmpeg's, which serves one client and ends with it.
struct LiveSourceTests {
  private static let hasFFmpeg = ["/usr/bin/ffmpeg", "/usr/local/bin/ffmpeg"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }

  /// Sends a clip at its own pace to the first client, without telling how long it is.
  private static func startServer(_ clip: String, port: Int) throws -> Process {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try #require(hasFFmpeg))
    process.arguments = [
      "-nostdin", "-loglevel", "error", "-re", "-i", clip, "-c", "copy", "-f", "mpegts", "-listen", "1",
      "http://127.0.0.1:\(port)/live",
    ]
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    return process
  }

  private static func clip(_ folder: TemporaryFolder, frames: Int) throws -> String {
    let path = folder.path("clip.ts")
    var options = VideoWriterOptions()
    options.keyFrameInterval = 5
    try writeNumberedClip(path, frames: frames, width: 160, height: 120, options: options)
    return path
  }

  /// A server needs a moment until it listens.
  private static func open(_ url: String, options: LiveSourceOptions) throws(CaptureError) -> any FrameSource {
    var last = CaptureError(.noSuchInput, input: url, "")
    for _ in 0..<100 {
      do throws(CaptureError) { return try openLiveSource(url, options: options) } catch { last = error }
      usleep(100_000)
    }
    throw last
  }

  @Test(.enabled(if: hasFFmpeg != nil, "needs the ffmpeg program"), .timeLimit(.minutes(2)))
  func aServerThatDiesAndComesBackIsOneStream() throws {
    let folder = try TemporaryFolder()
    let clip = try Self.clip(folder, frames: 200)
    // A port that was free a moment ago.
    let port = try LoopbackServer { _ in }.port
    let options = LiveSourceOptions(networkTimeoutSeconds: 20)
    let server = try Self.startServer(clip, port: port)
    defer { kill(server.processIdentifier, SIGKILL) }
    let second = Guarded<Process?>(nil)
    var restart: NamedThread?
    var events: [String] = []
    var isFirst = true
    let url = "http://127.0.0.1:\(port)/live"
    let source = try ReconnectingSource(
      cancellation: options.cancellation,
      onEvent: { event in
        switch event {
        case .lost(let error, _, _): events.append("lost: \(error.message)")
        case .attemptFailed: if events.last != "failed" { events.append("failed") }
        case .reopened: events.append("reopened")
        }
      },
      open: { () throws(CaptureError) in
        defer { isFirst = false }
        return isFirst ? try Self.open(url, options: options) : try openLiveSource(url, options: options)
      })
    #expect(source.info.isLive && source.info.isReopened)
    let frame = source.makeFrame()
    var frames: [(sequence: Int, time: Int64, opening: Int)] = []
    let deadline = MonotonicClock.now() + 60_000_000_000
    while try source.read(into: frame) {
      let capture = try #require(frame.captureNanoseconds)
      #expect(MonotonicClock.now() - capture < 2_000_000_000)
      frames.append((frame.sequence, frame.presentationTimeNanoseconds, frame.opening))
      if frames.count == 40 {
        // As a machine that loses its power.
        kill(server.processIdentifier, SIGKILL)
        server.waitUntilExit()
        restart = NamedThread.start(name: "test-server") {
          usleep(1_500_000)
          second.withLock { $0 = try? Self.startServer(clip, port: port) }
        }
      }
      if frames.count(where: { $0.opening == 1 }) >= 30 { break }
      if MonotonicClock.now() > deadline { break }
    }
    restart?.join()
    second.withLock { if let process = $0 { kill(process.processIdentifier, SIGKILL) } }
    options.cancellation.cancel()
    #expect(frames.count { $0.opening == 0 } >= 40 && frames.count { $0.opening == 1 } >= 30)
    #expect(zip(frames, frames.dropFirst()).allSatisfy { $0.sequence < $1.sequence && $0.time < $1.time })
    // The time in between counts, in numbers too.
    let last = try #require(frames.last { $0.opening == 0 })
    let first = try #require(frames.first { $0.opening == 1 })
    let away = Double(first.time - last.time) * 1e-9
    #expect(0.5..<30 ~= away)
    #expect(abs(Double(first.sequence - last.sequence) - 25 * away) <= 2)
    #expect(events.first?.hasPrefix("lost: ") == true && events.contains("failed") && events.contains("reopened"))
  }

  @Test func aRecordingOnAServerIsPlayedAtItsPaceAndEnds() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("clip.mp4")
    try writeNumberedClip(path, frames: 20, width: 64, height: 48)
    let body = try Data(contentsOf: URL(fileURLWithPath: path))
    let server = try LoopbackServer { connection in
      guard let head = connection.readHead() else { return }
      let range = head.first { $0.lowercased().hasPrefix("range: bytes=") }
      let from = min(range.flatMap { Int($0.dropFirst(13).prefix { $0.isNumber }) } ?? 0, body.count)
      let part = body.suffix(from: from)
      connection.send(
        "HTTP/1.1 \(range == nil ? "200 OK" : "206 Partial Content")\r\nAccept-Ranges: bytes\r\n"
          + "Content-Range: bytes \(from)-\(body.count - 1)/\(body.count)\r\nContent-Length: \(part.count)\r\n"
          + "Connection: close\r\n\r\n")
      connection.send(Data(part))
    }
    defer { withExtendedLifetime(server) {} }
    let source = try openLiveSource("http://127.0.0.1:\(server.port)/clip.mp4")
    #expect(!source.info.isLive && source.info.isReopened)
    let start = MonotonicClock.now()
    #expect(try readAll(source).map(\.sequence) == Array(0..<20))
    #expect(MonotonicClock.now() - start >= 19 * 40_000_000)
  }
}
