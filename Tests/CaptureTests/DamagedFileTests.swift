import Capture
import Foundation
import Pixels
import Testing

struct DamagedFileTests {
  private static let frameCount = 60

  /// Writes a numbered clip and hands its bytes through `change`.
  private static func clip(
    _ folder: TemporaryFolder, container: String, codec: String? = nil, change: (inout Data) -> Void
  ) throws -> String {
    let path = folder.path("clip.\(container)")
    var options = VideoWriterOptions()
    options.codec = codec
    options.keyFrameInterval = 10
    if container == "mp4" || container == "mov" { options.containerOptions = ["movflags": "faststart"] }
    if codec == "mjpeg" {
      options.pixelFormat = "yuvj420p"
      options.range = .full
    }
    if codec == "libx265" { options.encoderOptions = ["x265-params": "log-level=none", "preset": "ultrafast"] }
    if codec == "gif" { options.pixelFormat = "gray" }
    // Texture, so that the frames fill most of the file, and a plain middle with the frame's number.
    let writer = try VideoWriter(path: path, width: 96, height: 64, options: options)
    var random = SeededGenerator(seed: 7)
    var noise = (0..<96 * 64).map { _ in UInt8.random(in: 60...180, using: &random) }
    for index in 0..<frameCount {
      noise.swapAt(index, index * 80)
      noise.reverse()
      var image = LumaImage(width: 96, height: 64, pixels: noise)
      for y in 16..<48 {
        for x in 24..<72 { image.pixels[y * 96 + x] = brightness(ofFrame: index) }
      }
      try writer.append(image)
    }
    try writer.finish()
    var data = try Data(contentsOf: URL(fileURLWithPath: path))
    change(&data)
    try data.write(to: URL(fileURLWithPath: path))
    return path
  }

  private func checkNumber(_ frame: ReadFrame, number: Int) {
    let seen = frame.middle
    let expected = Int(brightness(ofFrame: number))
    #expect(abs(seen - expected) <= 8, "frame \(frame.sequence)")
  }

  @Test(
    arguments: [
      ("mp4", nil), ("mov", "mpeg4"), ("mkv", nil), ("ts", nil), ("avi", "mpeg4"), ("webm", "libvpx"), ("flv", nil),
      ("avi", "mjpeg"), ("mkv", "ffv1"), ("mp4", "libx265"), ("gif", "gif"),
    ] as [(String, String?)])
  func `the frames before the cut come out and the cut is counted`(container: String, codec: String?) throws {
    let folder = try TemporaryFolder()
    let path = try DamagedFileTests.clip(folder, container: container, codec: codec) { data in
      data = data.prefix(data.count * 6 / 10)
    }
    let source = try openSource(path)
    let frames = try readAll(source)
    #expect((DamagedFileTests.frameCount / 5...DamagedFileTests.frameCount * 4 / 5).contains(frames.count))
    // The last two may be torn.
    for frame in frames.dropLast(2) {
      let status = frame.status
      #expect(status == .ok, "frame \(frame.sequence)")
      checkNumber(frame, number: frame.sequence)
    }
    // A transport stream has neither an index nor an end; a cut between two packets leaves no trace.
    if container != "ts" { #expect(source.decodeErrors >= 1) }
  }

  @Test(
    arguments: [
      ("mp4", nil), ("mkv", nil), ("ts", nil), ("avi", "mpeg4"), ("mkv", "mpeg2video"), ("avi", "mjpeg"),
      ("mkv", "ffv1"), ("mp4", "libx265"),
    ] as [(String, String?)])
  func `damage in the middle costs only the frames around it`(container: String, codec: String?) throws {
    let folder = try TemporaryFolder()
    let path = try DamagedFileTests.clip(folder, container: container, codec: codec) { data in
      let start = data.count / 2
      for index in stride(from: start, to: start + data.count / 40, by: 3) { data[index] ^= 0xA5 }
    }
    let source = try openSource(path)
    let frames = try readAll(source)
    #expect(source.decodeErrors >= 1)
    #expect(frames.count >= DamagedFileTests.frameCount * 7 / 10)
    #expect(frames.count <= DamagedFileTests.frameCount)
    #expect(zip(frames, frames.dropFirst()).allSatisfy { $0.nanoseconds < $1.nanoseconds })
    #expect(frames.map(\.sequence) == Array(frames.indices))
    let statuses = frames.map(\.status)
    #expect(statuses.prefix(10).allSatisfy { $0 == .ok })
    for frame in frames.prefix(10) {
      checkNumber(frame, number: frame.sequence)
    }
    // The decoder is back in step after the next key frame.
    for (offset, frame) in frames.suffix(10).enumerated() {
      let status = frame.status
      #expect(status == .ok)
      checkNumber(frame, number: DamagedFileTests.frameCount - 10 + offset)
    }
  }

  @Test func `frames that the decoder had to mend are marked`() throws {
    let folder = try TemporaryFolder()
    let path = try DamagedFileTests.clip(folder, container: "mp4") { data in
      for index in stride(from: data.count / 2, to: data.count / 2 + data.count / 20, by: 7) { data[index] ^= 0x3C }
    }
    let frames = try readAll(path)
    #expect(frames.contains { $0.status == .damaged })
  }

  @Test func `random damage never hangs, traps or goes back in time`() throws {
    let folder = try TemporaryFolder()
    let formats: [(String, String?)] = [
      ("mp4", nil), ("mkv", nil), ("avi", "mjpeg"), ("ts", nil), ("gif", "gif"), ("flv", nil),
    ]
    var random = SeededGenerator(seed: 11)
    for (container, codec) in formats {
      let path = try DamagedFileTests.clip(folder, container: container, codec: codec) { _ in }
      let whole = try Data(contentsOf: URL(fileURLWithPath: path))
      for round in 0..<12 {
        var damaged = whole
        for _ in 0..<(1 + round * round) {
          damaged[Int.random(in: 0..<damaged.count, using: &random)] = .random(in: 0...255, using: &random)
        }
        try damaged.write(to: URL(fileURLWithPath: path))
        do {
          let source = try openSource(path)
          let frames = try readAll(source)
          #expect(frames.count <= 10_000)
          #expect(zip(frames, frames.dropFirst()).allSatisfy { $0.nanoseconds < $1.nanoseconds })
        } catch let error as CaptureError {
          #expect(error.code == .unreadable)
        }
      }
    }
  }

  /// While FFmpeg looks for what the sound is, it reads a short file to its end.
  @Test(arguments: ["mkv", "flv"])
  func `the cut of a file is counted that was read to its end on opening`(container: String) throws {
    let folder = try TemporaryFolder()
    let video = try DamagedFileTests.clip(folder, container: "mkv") { _ in }
    try wave(seconds: 2).write(to: URL(fileURLWithPath: folder.path("sound.wav")))
    let path = folder.path("both.\(container)")
    try remux([video, folder.path("sound.wav")], to: path)
    #expect(try openedAndRead(path) == 0)
    let data = try Data(contentsOf: URL(fileURLWithPath: path))
    // Some of these places are in the sound. In FLV, a cut between two packets leaves no trace.
    let counts = try stride(from: 50, to: 90, by: 5).map { percent in
      try data.prefix(data.count * percent / 100 + 3).write(to: URL(fileURLWithPath: path))
      return try openedAndRead(path)
    }
    #expect(counts.count { $0 >= 1 } >= (container == "flv" ? 6 : 8), "\(counts)")
  }

  /// - Returns: the errors that were counted.
  private func openedAndRead(_ path: String) throws -> Int {
    let source = try openSource(path)
    #expect(!(try readAll(source).isEmpty))
    return source.decodeErrors
  }

  @Test func `a movie whose index is cut off says so`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("cut.mp4")
    try writeNumberedClip(path, frames: 20)
    let data = try Data(contentsOf: URL(fileURLWithPath: path))
    try data.prefix(data.count / 2).write(to: URL(fileURLWithPath: path))
    let error = #expect(throws: CaptureError.self) { _ = try openSource(path) }
    #expect(error?.code == .unreadable)
    #expect(error?.message.contains("moov atom not found") == true)
  }

  @Test(arguments: ["png", "mjpeg"])
  func `a picture cut short is not taken for a whole one`(codec: String) throws {
    let folder = try TemporaryFolder()
    let path = folder.path(codec == "png" ? "picture.png" : "picture.mjpeg")
    var random = SeededGenerator(seed: 5)
    let image = LumaImage(
      width: 64, height: 48, pixels: (0..<64 * 48).map { _ in UInt8.random(in: 0...255, using: &random) })
    if codec == "png" {
      try writePicture(image, to: path)
    } else {
      var options = VideoWriterOptions()
      options.codec = codec
      options.pixelFormat = "yuvj444p"
      options.range = .full
      try writeStillClip(path, of: image, frames: 1, options: options)
    }
    _ = try readPicture(path)
    let data = try Data(contentsOf: URL(fileURLWithPath: path))
    try data.prefix(data.count / 2).write(to: URL(fileURLWithPath: path))
    let error = #expect(throws: CaptureError.self) { _ = try readPicture(path) }
    #expect(error?.code == .unreadable)
    // As a source it may come, marked.
    if let source = try? openSource(path) {
      let statuses = try readAll(source).map(\.status)
      #expect(statuses == [.damaged])
      #expect(source.decodeErrors > 0)
    }
  }
}
