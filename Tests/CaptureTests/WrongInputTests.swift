@testable import Capture
import Foundation
import Glibc
import Pixels
import Testing

struct WrongInputTests {
  private static func failure(_ input: String, options: SourceOptions = SourceOptions()) -> CaptureError? {
    do {
      _ = try openSource(input, options: options)
      return nil
    } catch {
      return error
    }
  }

  @Test(arguments: ["clip.mp4", "picture.png", "nothing", "a/b/c.mkv", "strange:name.avi", "100%d.jpg"])
  func `a missing file is no such input`(name: String) throws {
    let folder = try TemporaryFolder()
    let error = try #require(WrongInputTests.failure(folder.path(name)))
    #expect(error.code == .noSuchInput)
    #expect(error.description.contains(name))
    let pictureError = #expect(throws: CaptureError.self) { _ = try readPicture(folder.path(name)) }
    #expect(pictureError?.code == .noSuchInput)
  }

  @Test(arguments: ["clip.mp4", "picture.png", "notes.txt", "list.m3u8", "sub.srt", "plain", "art.ans", "film.gif"])
  func `text is not a video`(name: String) throws {
    let folder = try TemporaryFolder()
    for text in ["hello\n", String(repeating: "The quick brown fox jumps over the lazy dog.\n", count: 400)] {
      let path = folder.path(name)
      try Data(text.utf8).write(to: URL(fileURLWithPath: path))
      let error = try #require(WrongInputTests.failure(path), "\(name)")
      #expect(error.code == .unreadable)
      #expect(!error.message.isEmpty)
      #expect(throws: CaptureError.self) { _ = try readPicture(path) }
    }
  }

  @Test func `subtitles are not a video`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("film.srt")
    try Data("1\n00:00:01,000 --> 00:00:02,000\nHello.\n\n2\n00:00:03,000 --> 00:00:04,000\nBye.\n".utf8)
      .write(to: URL(fileURLWithPath: path))
    let error = try #require(WrongInputTests.failure(path))
    #expect(error.code == .unreadable)
    #expect(error.message.contains("subtitle"))
  }

  @Test(arguments: ["clip.mp4", "picture.png", "plain"])
  func `an empty file is called empty`(name: String) throws {
    let folder = try TemporaryFolder()
    try Data().write(to: URL(fileURLWithPath: folder.path(name)))
    let error = try #require(WrongInputTests.failure(folder.path(name)))
    #expect(error.code == .unreadable)
    #expect(error.message.contains("empty"))
  }

  @Test func `a folder is called a folder`() throws {
    let folder = try TemporaryFolder()
    let error = try #require(WrongInputTests.failure(folder.url.path))
    #expect(error.code == .unreadable)
    #expect(error.message.contains("folder"))
  }

  @Test func `a sound has no video`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("sound.wav")
    try wave(seconds: 1).write(to: URL(fileURLWithPath: path))
    let error = try #require(WrongInputTests.failure(path))
    #expect(error.code == .unreadable)
    #expect(error.message.contains("only 0: audio (pcm_s16le)"), "\(error.message)")
  }

  /// 60,000 × 60,000, and nothing at all.
  @Test(arguments: [[0, 0, 0xEA, 0x60], [0, 0, 0, 0]] as [[UInt8]])
  func `a picture whose header claims what cannot be tells what the decoder said`(side: [UInt8]) throws {
    let folder = try TemporaryFolder()
    let path = folder.path("picture.png")
    try writePicture(cornerPicture(width: 40, height: 30), to: path)
    var data = try Data(contentsOf: URL(fileURLWithPath: path))
    // Width and height follow the signature and the chunk's length and name.
    data.replaceSubrange(16..<24, with: side + side)
    try data.write(to: URL(fileURLWithPath: path))
    let error = try #require(WrongInputTests.failure(path))
    #expect(error.code == .unreadable)
    #expect(error.message.hasPrefix("not one frame could be decoded ("), "\(error.message)")
  }

  @Test(arguments: [16, 1_000, 300_000])
  func `random bytes are unreadable`(count: Int) throws {
    let folder = try TemporaryFolder()
    // The same ones each time: some others do begin like a picture or a sound of one frame.
    var generator = SeededGenerator(seed: 5)
    for name in ["noise", "noise.mp4", "noise.jpg", "noise.mkv"] {
      let path = folder.path(name)
      let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      #expect(WrongInputTests.failure(path)?.code == .unreadable, "\(name)")
    }
  }

  @Test(arguments: ["", "file:///nowhere/at/all.mp4"])
  func `names of nothing are no such input`(name: String) {
    #expect(WrongInputTests.failure(name)?.code == .noSuchInput)
  }

  @Test func `a protocol that nobody speaks is named`() {
    let error = WrongInputTests.failure("gopher2://example.org/clip.mp4")
    #expect(error?.code == .unreadable)
    #expect(error?.message.contains("protocol") == true)
  }

  @Test func `an opening that was cancelled before says so`() throws {
    let folder = try TemporaryFolder()
    try writeNumberedClip(folder.path("clip.mp4"), frames: 3)
    let options = SourceOptions()
    options.cancellation.cancel()
    #expect(WrongInputTests.failure(folder.path("clip.mp4"), options: options)?.code == .cancelled)
  }

  @Test func `pictures in memory must be pictures`() {
    let reader = PictureReader()
    for bytes in [[], Array("hello".utf8), [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A], [0xFF, 0xD8, 0xFF]] {
      #expect(throws: CaptureError.self) { _ = try reader.decode(bytes as [UInt8]) }
    }
  }

  @Test func `a file that cannot be written leaves nothing behind`() throws {
    let folder = try TemporaryFolder()
    let image = LumaImage(width: 4, height: 4)
    let error = #expect(throws: CaptureError.self) {
      try writePicture(image, to: folder.path("no/such/folder.png"))
    }
    #expect(error?.code == .inputOutput)
    try FileManager.default.createDirectory(atPath: folder.path("taken.png"), withIntermediateDirectories: true)
    #expect(throws: CaptureError.self) { try writePicture(image, to: folder.path("taken.png")) }
    #expect(throws: CaptureError.self) { _ = try VideoWriter(path: folder.path("clip.xyz"), width: 4, height: 4) }
    do { _ = try VideoWriter(path: folder.path("clip.mp4"), width: 4, height: 4) }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["taken.png"])
  }

  @Test(
    arguments: [
      ("clip.mp4", nil), ("a:b.mp4", nil), ("http://host/x", "http"), ("RTSP://host", "rtsp"), ("c:/x://y", nil),
      ("://x", nil), ("1http://x", nil), ("h2+tls.x-y://z", "h2+tls.x-y"),
    ] as [(String, String?)])
  func `a URL begins with a scheme`(input: String, scheme: String?) {
    #expect(InputLocation.scheme(of: input) == scheme)
  }
}

/// A mono 16-bit WAV file of silence.
func wave(seconds: Int) -> Data {
  func little(_ value: Int, _ bytes: Int) -> [UInt8] {
    (0..<bytes).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
  }
  let size = 8000 * 2 * seconds
  var bytes = Array("RIFF".utf8) + little(36 + size, 4) + Array("WAVEfmt ".utf8) + little(16, 4)
  bytes += little(1, 2) + little(1, 2) + little(8000, 4) + little(16000, 4) + little(2, 2) + little(16, 2)
  bytes += Array("data".utf8) + little(size, 4) + [UInt8](repeating: 0, count: size)
  return Data(bytes)
}
