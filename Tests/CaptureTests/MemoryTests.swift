@testable import Capture
import Foundation
import Glibc
import Pixels
import Testing

struct MemoryTests {
  /// Bytes of the process that lie in memory.
  private static func residentBytes() throws -> Int {
    let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
    return Int(fields[1])! * sysconf(Int32(_SC_PAGESIZE))
  }

  /// Runs in a process of its own: tests beside it would be counted too.
  @Test(arguments: [("libx264", "yuv420p", 0), ("libx264", "yuv420p10le", 90), ("ffv1", "bgra", 270)])
  func `reading allocates nothing that stays`(codec: String, pixelFormat: String, rotation: Int) async {
    await #expect(processExitsWith: .success) { [codec, pixelFormat, rotation] in
      let folder = try TemporaryFolder()
      let path = folder.path("long.mov")
      var options = VideoWriterOptions()
      options.codec = codec
      options.pixelFormat = pixelFormat
      options.range = pixelFormat == "bgra" ? .full : .limited
      options.rotation = rotation
      options.maximumBFrames = codec == "libx264" ? 2 : 0
      options.keyFrameInterval = 50
      let frameCount = 2_000
      try writeNumberedClip(path, frames: frameCount, options: options)

      let source = try openSource(path)
      // As the pipeline does it: a few frames in turn.
      let frames = (0..<4).map { _ in source.makeFrame() }
      var early = 0
      var sum = 0
      for index in 0..<frameCount {
        guard try source.read(into: frames[index % 4]) else { exit(2) }
        sum += Int(frames[index % 4].luma!.base[0])
        if index == 300 { early = try MemoryTests.residentBytes() }
      }
      let growth = try MemoryTests.residentBytes() - early
      // 300 bytes a frame; its luma alone would be ten times that.
      if growth > 512 << 10 || sum == 0 {
        FileHandle.standardError.write(Data("\(codec) \(pixelFormat): memory grew by \(growth) bytes\n".utf8))
        exit(3)
      }
    }
  }

  @Test func `sources and readers give everything back`() async {
    await #expect(processExitsWith: .success) {
      let folder = try TemporaryFolder()
      let clip = folder.path("clip.mp4")
      let picture = folder.path("picture.png")
      try writeNumberedClip(clip, frames: 10)
      try writePicture(cornerPicture(width: 48, height: 48), to: picture)
      try Data("text".utf8).write(to: URL(fileURLWithPath: folder.path("text.mp4")))
      var early = 0
      let rounds = 200
      for round in 0..<rounds {
        let source = try openSource(clip)
        let frame = source.makeFrame()
        while try source.read(into: frame) {}
        _ = try readPicture(picture)
        _ = try? openSource(folder.path("text.mp4"))
        _ = try? openSource(folder.path("missing.mp4"))
        if round == 20 { early = try MemoryTests.residentBytes() }
      }
      let growth = try MemoryTests.residentBytes() - early
      if growth > 1 << 20 {
        FileHandle.standardError.write(Data("memory grew by \(growth) bytes\n".utf8))
        exit(3)
      }
    }
  }
}
