import Foundation
import Testing

@testable import Inference

struct FileAccessTests {
  private struct Stop: Error, Equatable {
    var text: String
  }

  private static func withFolder(_ body: (URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "ferd-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder)
  }

  @Test func whatWasWrittenIsReadAgain() throws {
    try Self.withFolder { folder in
      let path = folder.appending(path: "file").path
      try FileAccess.replace(path, with: [[1, 2], [], [3]])
      #expect(try FileAccess.read(path) == [1, 2, 3])
      try FileAccess.replace(path, with: [])
      #expect(try FileAccess.read(path) == [])
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["file"])
    }
  }

  @Test func aFailedWriteLeavesTheOldFileAndNothingElse() throws {
    try Self.withFolder { folder in
      let path = folder.appending(path: "last.ckpt").path
      try FileAccess.replace(path, with: [Array("old".utf8)])
      #expect(throws: Stop(text: "enough")) {
        try FileAccess.replace(path, failure: { Stop(text: $0) }) { (file) throws(Stop) in
          try file.append([1, 2, 3].span.bytes)
          throw Stop(text: "enough")
        }
      }
      #expect(try String(contentsOfFile: path, encoding: .utf8) == "old")
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["last.ckpt"])
    }
  }

  @Test func whatAKilledWriterLeftIsRemovedByTheNextOne() throws {
    try Self.withFolder { folder in
      func make(_ name: String, isOld: Bool = true) throws {
        let file = folder.appending(path: name)
        try Data([1]).write(to: file)
        if isOld {
          try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -60)], ofItemAtPath: file.path)
        }
      }
      let kept = [
        "a.ckpt.1.2.tmp.bak", "a.ckpt.1.x.tmp", "a.ckpt.12.tmp", "b.a.ckpt.1.2.tmp", "a.ckpt2.1.2.tmp",
        "a.ckpt.7.8.tmp",
        "a.ckpt.9.9.tmp",
      ]
      for name in kept + ["a.ckpt.1.2.tmp", "a.ckpt.33.444.tmp"] { try make(name) }
      // One is being written, one was just made.
      let writer = open(folder.appending(path: "a.ckpt.7.8.tmp").path, O_RDWR)
      try #require(writer >= 0 && flock(writer, LOCK_EX) == 0)
      defer { close(writer) }
      try make("a.ckpt.9.9.tmp", isOld: false)
      try FileAccess.replace(folder.appending(path: "a.ckpt").path, with: [[1]])
      #expect(try Set(FileManager.default.contentsOfDirectory(atPath: folder.path)) == Set(kept + ["a.ckpt"]))
    }
  }

  @Test func aTargetThatCannotBeReplacedIsTold() throws {
    try Self.withFolder { folder in
      // A folder with something in it cannot be replaced by a file.
      try FileManager.default.createDirectory(
        at: folder.appending(path: "taken/inner"), withIntermediateDirectories: true)
      let path = folder.appending(path: "taken").path
      #expect(throws: Stop(text: "cannot be renamed: Is a directory")) {
        try FileAccess.replace(path, with: [[1]], failure: { Stop(text: $0) })
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["taken"])
      #expect(throws: InferenceError.self) { try FileAccess.replace("\(path)/missing/file", with: [[1]]) }
    }
  }

  @Test(.timeLimit(.minutes(1))) func onlyRegularFilesAreReadAndNothingIsWaitedFor() throws {
    try Self.withFolder { folder in
      let pipe = folder.appending(path: "pipe").path
      try #require(mkfifo(pipe, 0o600) == 0)
      for path in [pipe, folder.path, "/dev/null"] {
        #expect(throws: InferenceError.unreadableFile(path: path, "not a regular file")) {
          try FileAccess.read(path)
        }
      }
    }
  }

  @Test func foldersAreMadeWithThoseAboveThem() throws {
    try Self.withFolder { folder in
      let path = folder.appending(path: "a b/c").path
      for _ in 1...2 { try FileAccess.makeFolder(path, failure: { Stop(text: $0) }) }
      try FileAccess.replace("\(path)/file", with: [[1]])
      #expect(throws: Stop(text: "is no folder")) {
        try FileAccess.makeFolder("\(path)/file", failure: { Stop(text: $0) })
      }
      #expect(throws: Stop(text: "the folder \(path)/file/x cannot be made: Not a directory")) {
        try FileAccess.makeFolder("\(path)/file/x/y", failure: { Stop(text: $0) })
      }
    }
  }

  @Test func aFileBeyondTheLimitIsRefused() throws {
    try Self.withFolder { folder in
      let path = folder.appending(path: "file").path
      try FileAccess.replace(path, with: [[1, 2, 3]])
      #expect(try FileAccess.read(path, limit: 3).count == 3)
      #expect(throws: Stop(text: "expected at most 2 bytes, found 3")) {
        try FileAccess.read(path, limit: 2, failure: { Stop(text: $0) })
      }
    }
  }
}
