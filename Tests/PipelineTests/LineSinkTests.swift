import Foundation
import Testing
import Threads

@testable import Pipeline

/// A new, empty folder that is removed when `body` ends.
func withTemporaryFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
  let folder = FileManager.default.temporaryDirectory.appending(path: "ferd-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder)
}

private func line(_ text: String) -> LineBuffer {
  var line = LineBuffer()
  line.append(bytes: Array(text.utf8))
  return line
}

struct DescriptorSinkTests {
  @Test func writesLongLinesThroughASmallNonBlockingPipe() throws {
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    let (reader, writer) = (ends[0], ends[1])
    #expect(fcntl(writer, F_SETFL, O_NONBLOCK) == 0)
    let text = String((0..<500_000).map { Character(UnicodeScalar(UInt8(97 + $0 % 26))) })
    let thread = NamedThread.start(name: "test-writer") {
      let sink = DescriptorSink(descriptor: writer, destination: "pipe")
      try? sink.write(line(text))
      close(writer)
    }
    var received: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 70_000)
    while true {
      let count = read(reader, &buffer, buffer.count)
      guard count > 0 else { break }
      received += buffer[..<count]
    }
    thread.join()
    close(reader)
    #expect(String(decoding: received, as: UTF8.self) == text)
  }

  @Test func tellsThatTheReaderIsGone() {
    signal(SIGPIPE, SIG_IGN)
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    close(ends[0])
    let sink = DescriptorSink(descriptor: ends[1], destination: "pipe")
    #expect(throws: OutputError.readerGone) { try sink.write(line("x\n")) }
    close(ends[1])
  }

  @Test func tellsThatNothingCanBeWritten() {
    let full = open("/dev/full", O_WRONLY)
    let sink = DescriptorSink(descriptor: full, destination: "full")
    #expect(throws: OutputError.failed(destination: "full", "No space left on device")) {
      try sink.write(line("x\n"))
    }
    close(full)
  }
}

struct ResultFileTests {
  @Test func appearsOnlyWhenFinishedAndReplacesAnOlderOne() throws {
    try withTemporaryFolder { folder in
      let path = folder.appending(path: "a/b/clip.mp4.jsonl").path
      for text in ["first\n", "second\n"] {
        let before = try? String(contentsOfFile: path, encoding: .utf8)
        let file = try ResultFile(path: path)
        try file.write(line(text))
        #expect((try? String(contentsOfFile: path, encoding: .utf8)) == before)
        try file.finish()
        #expect(try String(contentsOfFile: path, encoding: .utf8) == text)
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/a/b") == ["clip.mp4.jsonl"])
    }
  }

  @Test func leavesNothingBehindUnlessFinished() throws {
    try withTemporaryFolder { folder in
      do {
        let file = try ResultFile(path: folder.appending(path: "x.jsonl").path)
        try file.write(line("x\n"))
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }
  }

  @Test func refusesANameThatCannotBecomeAFileBeforeAnythingIsWritten() throws {
    try withTemporaryFolder { folder in
      let taken = folder.appending(path: "clip.jsonl").path
      try FileManager.default.createDirectory(atPath: taken, withIntermediateDirectories: false)
      let long = folder.path + "/" + String(repeating: "x", count: 256)
      for path in [taken, long] {
        let error = #expect(throws: OutputError.self) { try ResultFile(path: path) }
        #expect(error?.description.hasPrefix(path) == true)
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["clip.jsonl"])
    }
  }

  @Test func refusesAFolderThatIsAFile() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "file")
      try Data().write(to: file)
      #expect(throws: OutputError.self) { try ResultFile(path: file.path + "/x.jsonl") }
      #expect(throws: OutputError.self) { try ResultFile(path: file.path + "/sub/x.jsonl") }
    }
  }
}
