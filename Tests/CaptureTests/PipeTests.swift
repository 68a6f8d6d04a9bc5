import Capture
import Foundation
import Glibc
import Pixels
import Testing

struct PipeTests {
  /// Runs `body` on a thread of its own.
  private static func start(_ body: @escaping @Sendable () -> Void) { Thread.detachNewThread(body) }

  /// Writes to a descriptor until all is written or the reader is gone, then closes it.
  private static func feed(_ bytes: Data, to descriptor: Int32, pause: UInt32 = 0) {
    bytes.withUnsafeBytes { buffer in
      var done = 0
      while done < buffer.count {
        let count = write(descriptor, buffer.baseAddress! + done, min(4096, buffer.count - done))
        if count < 0 && errno != EINTR { break }
        done += max(0, count)
        if pause > 0 { usleep(pause) }
      }
    }
    close(descriptor)
  }

  private static func clip(_ folder: TemporaryFolder, container: String, frames: Int = 50) throws -> Data {
    signal(SIGPIPE, SIG_IGN)
    let path = folder.path("clip.\(container)")
    try writeNumberedClip(path, frames: frames)
    return try Data(contentsOf: URL(fileURLWithPath: path))
  }

  private static func fifo(_ folder: TemporaryFolder) throws -> String {
    let path = folder.path("pipe")
    try #require(mkfifo(path, 0o600) == 0)
    return path
  }

  @Test(arguments: ["mkv", "ts", "avi"])
  func `a FIFO gives every frame, however slowly it is filled`(container: String) throws {
    let folder = try TemporaryFolder()
    let bytes = try PipeTests.clip(folder, container: container)
    let path = try PipeTests.fifo(folder)
    PipeTests.start {
      usleep(150_000)
      PipeTests.feed(bytes, to: open(path, O_WRONLY), pause: 2_000)
    }
    let source = try openSource(path)
    #expect(!source.info.isStillPicture)
    let frames = try readAll(source)
    #expect(frames.map(\.sequence) == Array(0..<50))
    #expect(source.decodeErrors == 0)
  }

  @Test(arguments: ["mkv", "avi"])
  func `a FIFO whose writer dies gives the frames that came through`(container: String) throws {
    let folder = try TemporaryFolder()
    let bytes = try PipeTests.clip(folder, container: container, frames: 400)
    let path = try PipeTests.fifo(folder)
    PipeTests.start { PipeTests.feed(bytes.prefix(bytes.count * 6 / 10), to: open(path, O_WRONLY)) }
    let source = try openSource(path)
    let frames = try readAll(source)
    #expect((100..<400).contains(frames.count))
    // AVI chunks carry no trace of a cut between two of them.
    if container == "mkv" { #expect(source.decodeErrors >= 1) }
    for frame in frames.dropLast(2) {
      let seen = frame.middle
      #expect(abs(seen - Int(brightness(ofFrame: frame.sequence))) <= 4)
    }
  }

  @Test(arguments: [0, 10])
  func `a FIFO whose writer dies at once is unreadable`(count: Int) throws {
    let folder = try TemporaryFolder()
    let bytes = try PipeTests.clip(folder, container: "mkv", frames: 5)
    let path = try PipeTests.fifo(folder)
    PipeTests.start { PipeTests.feed(bytes.prefix(count), to: open(path, O_WRONLY)) }
    let error = #expect(throws: CaptureError.self) { _ = try openSource(path) }
    #expect(error?.code == .unreadable)
  }

  /// The only test that touches the process's standard input.
  @Test func `standard input is read to its end`() throws {
    let folder = try TemporaryFolder()
    let bytes = try PipeTests.clip(folder, container: "mkv")
    let former = dup(STDIN_FILENO)
    defer {
      dup2(former, STDIN_FILENO)
      close(former)
    }
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    dup2(ends[0], STDIN_FILENO)
    close(ends[0])
    let writing = ends[1]
    PipeTests.start { PipeTests.feed(bytes, to: writing) }
    let source = try openSource("-")
    #expect(source.info.name == "-")
    let piped = try readAll(source).map(\.sequence)
    #expect(piped == Array(0..<50))

    // A file as standard input can be searched: its index may come last.
    let movie = folder.path("clip.mp4")
    try writeNumberedClip(movie, frames: 7)
    let file = open(movie, O_RDONLY)
    dup2(file, STDIN_FILENO)
    close(file)
    let redirected = try readAll("-").map(\.sequence)
    #expect(redirected == Array(0..<7))

    let nothing = open("/dev/null", O_RDONLY)
    dup2(nothing, STDIN_FILENO)
    close(nothing)
    let error = #expect(throws: CaptureError.self) { _ = try openSource("-") }
    #expect(error?.code == .unreadable)
  }

  @Test(arguments: [1, 4])
  func `pictures in a row on a pipe are a video, one is a picture`(count: Int) throws {
    let folder = try TemporaryFolder()
    var bytes = Data()
    for index in 0..<count {
      let path = folder.path("\(index).png")
      try writePicture(LumaImage(width: 40, height: 30, filledWith: brightness(ofFrame: index)), to: path)
      bytes += try Data(contentsOf: URL(fileURLWithPath: path))
    }
    let path = try PipeTests.fifo(folder)
    let all = bytes
    PipeTests.start { PipeTests.feed(all, to: open(path, O_WRONLY)) }
    let source = try openSource(path)
    #expect(source.info.isStillPicture == (count == 1))
    let middles = try readAll(source).map(\.middle)
    #expect(middles == (0..<count).map { Int(brightness(ofFrame: $0)) })
  }

  @Test func `cancelling ends a read that waits`() throws {
    let folder = try TemporaryFolder()
    let bytes = try PipeTests.clip(folder, container: "ts")
    let path = try PipeTests.fifo(folder)
    let options = SourceOptions()
    PipeTests.start {
      let descriptor = open(path, O_WRONLY)
      PipeTests.feed(bytes, to: dup(descriptor))
      // The writer stays, and says nothing more.
      usleep(400_000)
      options.cancellation.cancel()
      sleep(3)
      close(descriptor)
    }
    let start = Date()
    do {
      let source = try openSource(path, options: options)
      _ = try readAll(source)
    } catch let error as CaptureError {
      #expect(error.code == .cancelled)
    }
    #expect(Date().timeIntervalSince(start) < 2.5)
  }

  @Test func `cancelling ends an opening that waits for a writer`() throws {
    let folder = try TemporaryFolder()
    let path = try PipeTests.fifo(folder)
    let options = SourceOptions()
    PipeTests.start {
      usleep(200_000)
      options.cancellation.cancel()
    }
    let start = Date()
    let error = #expect(throws: CaptureError.self) { _ = try openSource(path, options: options) }
    #expect(error?.code == .cancelled)
    #expect(Date().timeIntervalSince(start) < 2.5)
  }
}
