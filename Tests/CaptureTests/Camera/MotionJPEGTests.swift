@testable import Capture
import Foundation
import Pixels
import Testing

/// Pictures as a camera in MJPEG mode leaves them in its buffers.
struct MotionJPEGTests {
  private let picture = cornerPicture(width: 160, height: 120)
  private let jpeg: [UInt8]
  private let reader: CameraPictureReader

  init() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("picture.mjpeg")
    var options = VideoWriterOptions()
    options.codec = "mjpeg"
    options.pixelFormat = "yuv422p"
    options.range = .full
    options.encoderOptions = ["qmin": "2", "qmax": "2", "huffman": "default"]
    let writer = try VideoWriter(path: path, width: 160, height: 120, options: options)
    try writer.append(picture)
    try writer.finish()
    jpeg = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    reader = try MotionJPEGTests.makeReader()
  }

  private static func makeReader() throws -> CameraPictureReader {
    try CameraPictureReader(
      PictureFormat(code: FourCC("MJPG")!, width: 160, height: 120, byteCount: 160 * 120 * 2), descriptor: nil,
      name: "camera")
  }

  /// Buffers are larger than what lies in them, and hold the picture before.
  private func read(_ bytes: [UInt8], isDamaged: Bool = false) -> (image: LumaImage, status: FrameStatus)? {
    let buffer = DriverBuffer(bytes, capacity: max(bytes.count, 160 * 120 * 2), isDamaged: isDamaged)
    let storage = CameraPicture()
    return reader.read(buffer.filled, into: storage, mayKeepBuffer: true).map {
      #expect(!$0.keepsBuffer)
      return (LumaImage(copying: $0.luma), $0.status)
    }
  }

  /// Where the segments with a marker lie, up to the scan.
  private func segments(_ marker: UInt8) -> [Range<Int>] {
    var found: [Range<Int>] = []
    var position = 2
    while position + 4 <= jpeg.count, jpeg[position] == 0xFF, jpeg[position + 1] != 0xDA {
      let length = Int(jpeg[position + 2]) << 8 | Int(jpeg[position + 3])
      if jpeg[position + 1] == marker { found.append(position..<position + 2 + length) }
      position += 2 + length
    }
    return found
  }

  private func removing(_ ranges: [Range<Int>]) -> [UInt8] {
    var bytes = jpeg
    for range in ranges.reversed() { bytes.removeSubrange(range) }
    return bytes
  }

  @Test func `a whole picture is decoded, in full range`() throws {
    let result = try #require(read(jpeg))
    #expect(result.status == .ok)
    #expect(largestDifference(result.image, picture) <= 4)
  }

  /// Most webcams leave the Huffman tables out, as AVI files do: the standard's own ones are meant.
  @Test func `a picture without Huffman tables is decoded with the usual ones`() throws {
    let tables = segments(0xC4)
    #expect(!tables.isEmpty)
    let avi: [UInt8] = [0xFF, 0xE0, 0, 16] + Array("AVI1".utf8) + Array(repeating: 0, count: 10)
    var bytes = removing(tables + segments(0xE0))
    bytes.insert(contentsOf: avi, at: 2)
    let result = try #require(read(bytes))
    #expect(result.status == .ok)
    #expect(largestDifference(result.image, picture) <= 4)
  }

  @Test func `zeros behind the picture are no damage`() throws {
    let result = try #require(read(jpeg + Array(repeating: 0, count: 512)))
    #expect(result.status == .ok)
    #expect(largestDifference(result.image, picture) <= 4)
  }

  @Test(arguments: [0.5, 0.7, 0.9])
  func `a picture cut short is damaged, or nothing, never whole`(share: Double) throws {
    let result = read(Array(jpeg.prefix(Int(Double(jpeg.count) * share))))
    #expect(result?.status != .ok)
    // The next one is not harmed by it.
    #expect(try #require(read(jpeg)).status == .ok)
  }

  @Test func `what the driver calls damaged is damaged`() throws {
    #expect(try #require(read(jpeg, isDamaged: true)).status == .damaged)
  }

  @Test func `garbage is nothing, with a reason, and the next picture is whole`() throws {
    var generator = SeededGenerator(seed: 3)
    let noise = (0..<5000).map { _ in UInt8.random(in: 0...255, using: &generator) }
    let headless = Array(jpeg.dropFirst(jpeg.count / 3))
    for bytes in [[], [0xFF], [0xFF, 0xD8], [0xFF, 0xD8, 0xFF, 0xD9], noise, headless, Array(jpeg.prefix(100))] {
      #expect(read(bytes) == nil, "\(bytes.count) bytes")
      #expect(reader.lastComplaint?.hasPrefix("JPEG: ") == true)
      #expect(try #require(read(jpeg)).status == .ok)
    }
  }

  /// Every byte of the headers and some of the picture, in all sorts of ways: nothing may crash, and the next picture is
  /// whole.
  @Test func `bit errors do no harm beyond their picture`() throws {
    var generator = SeededGenerator(seed: 4)
    for index in Array(0..<min(700, jpeg.count)) + Array(stride(from: 700, to: jpeg.count, by: 97)) {
      var bytes = jpeg
      bytes[index] ^= UInt8.random(in: 1...255, using: &generator)
      _ = read(bytes)
    }
    let result = try #require(read(jpeg))
    #expect(result.status == .ok)
    #expect(largestDifference(result.image, picture) <= 4)
  }

  /// Memory for the compressed picture is taken once.
  @Test func `the size of pictures may change on the way`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("small.mjpeg")
    var options = VideoWriterOptions()
    options.codec = "mjpeg"
    options.pixelFormat = "yuv420p"
    options.range = .full
    try writeStillClip(path, of: cornerPicture(width: 80, height: 64), frames: 1, options: options)
    let small = try #require(read([UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))))
    #expect(small.status == .ok)
    #expect(small.image.width == 80)
    #expect(try #require(read(jpeg)).image.width == 160)
  }
}
