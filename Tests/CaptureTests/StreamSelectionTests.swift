import Capture
import Foundation
import Pixels
import Testing

struct StreamSelectionTests {
  /// Two videos of 64×48 and 160×120 and a sound between them.
  private static func twoVideos(_ folder: TemporaryFolder) throws -> String {
    try writeNumberedClip(folder.path("small.mkv"), frames: 10)
    try writeNumberedClip(folder.path("large.mkv"), frames: 20, width: 160, height: 120)
    try wave(seconds: 1).write(to: URL(fileURLWithPath: folder.path("sound.wav")))
    let path = folder.path("both.mkv")
    try remux([folder.path("small.mkv"), folder.path("sound.wav"), folder.path("large.mkv")], to: path)
    return path
  }

  @Test func `the best video is taken`() throws {
    let folder = try TemporaryFolder()
    let source = try openSource(try StreamSelectionTests.twoVideos(folder))
    #expect(source.info.width == 160)
    let sequences = try readAll(source).map(\.sequence)
    #expect(sequences == Array(0..<20))
  }

  @Test(arguments: [(0, 64, 10), (2, 160, 20)])
  func `a stream may be chosen`(index: Int, width: Int, frames: Int) throws {
    let folder = try TemporaryFolder()
    let path = try StreamSelectionTests.twoVideos(folder)
    let source = try openSource(path, options: SourceOptions(streamIndex: index))
    #expect(source.info.width == width)
    let sequences = try readAll(source).map(\.sequence)
    #expect(sequences == Array(0..<frames))
  }

  @Test(arguments: [1, 3, -1])
  func `a stream that is no video is refused by name`(index: Int) throws {
    let folder = try TemporaryFolder()
    let path = try StreamSelectionTests.twoVideos(folder)
    let error = #expect(throws: CaptureError.self) {
      _ = try openSource(path, options: SourceOptions(streamIndex: index))
    }
    #expect(error?.code == .unreadable)
    #expect(error?.message.contains("1: audio (pcm_s16le)") == true, "\(String(describing: error))")
  }

  /// An MP3 of silence whose ID3v2.3 tag holds a picture.
  private static func songWithCover(_ folder: TemporaryFolder) throws -> String {
    let cover = folder.path("cover.png")
    try writePicture(cornerPicture(width: 32, height: 32), to: cover)
    let picture = Array("\0image/png\0\u{3}\0".utf8) + [UInt8](try Data(contentsOf: URL(fileURLWithPath: cover)))
    func big(_ value: Int, bits: Int) -> [UInt8] {
      (0..<4).reversed().map { UInt8(value >> ($0 * bits) & (1 << bits - 1)) }
    }
    let frame = Array("APIC".utf8) + big(picture.count, bits: 8) + [0, 0] + picture
    // MPEG-1 layer 3, 128 kbit/s, 44,100 Hz, mono: frames of 417 bytes.
    let silence = [0xFF, 0xFB, 0x90, 0xC4] + [UInt8](repeating: 0, count: 413)
    let bytes =
      Array("ID3".utf8) + [3, 0, 0] + big(frame.count, bits: 7) + frame + (0..<40).flatMap { _ in silence }
    let path = folder.path("song.mp3")
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    return path
  }

  @Test func `a cover picture is no video unless it is chosen`() throws {
    let folder = try TemporaryFolder()
    let path = try StreamSelectionTests.songWithCover(folder)
    let error = #expect(throws: CaptureError.self) { _ = try openSource(path) }
    #expect(error?.code == .unreadable)
    #expect(error?.message.contains("cover picture") == true, "\(String(describing: error))")

    let chosen = try readAll(try openSource(path, options: SourceOptions(streamIndex: 1))).map(\.image)
    #expect(chosen == [cornerPicture(width: 32, height: 32)])
  }
}
