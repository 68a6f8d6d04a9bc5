import Capture
import Foundation
import Pixels

/// A folder for one test's files, removed with the value.
final class TemporaryFolder {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appending(path: "capture-tests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func path(_ name: String) -> String { url.appending(path: name).path }
}

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014): the same numbers each run.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// A smooth picture whose four corners differ, so that every way of turning it shows.
func cornerPicture(width: Int, height: Int) -> LumaImage {
  var image = LumaImage(width: width, height: height)
  for y in 0..<height {
    for x in 0..<width {
      let u = width > 1 ? Double(x) / Double(width - 1) : 0
      let v = height > 1 ? Double(y) / Double(height - 1) : 0
      image.pixels[y * width + x] = UInt8(20 + 160 * u + 60 * v)
    }
  }
  return image
}

/// The brightness that stands for a frame's number: far enough apart to survive an encoder.
func brightness(ofFrame number: Int) -> UInt8 { UInt8(20 + number * 37 % 216) }

/// Writes a clip whose frames are plain, each in the brightness of its number.
func writeNumberedClip(
  _ path: String, frames: Int, width: Int = 64, height: Int = 48, timestamps: [Int]? = nil,
  options: VideoWriterOptions = VideoWriterOptions()
) throws {
  let writer = try VideoWriter(path: path, width: width, height: height, options: options)
  for index in 0..<frames {
    try writer.append(
      LumaImage(width: width, height: height, filledWith: brightness(ofFrame: index)), timestamp: timestamps?[index]
    )
  }
  try writer.finish()
}

/// Writes a clip that shows one picture all the time.
func writeStillClip(
  _ path: String, of image: LumaImage, frames: Int = 3, options: VideoWriterOptions = VideoWriterOptions()
) throws {
  let writer = try VideoWriter(path: path, width: image.width, height: image.height, options: options)
  for _ in 0..<frames { try writer.append(image) }
  try writer.finish()
}

/// What came out of a source.
struct ReadFrame {
  var sequence: Int
  var nanoseconds: Int64
  var status: FrameStatus
  var image: LumaImage
  /// Full-range brightness in the middle.
  var middle: Int { Int(image.pixels[image.height / 2 * image.width + image.width / 2]) }
}

/// Reads a source to its end.
func readAll(_ source: any FrameSource) throws -> [ReadFrame] {
  var frames: [ReadFrame] = []
  let frame = source.makeFrame()
  while try source.read(into: frame) {
    frames.append(
      ReadFrame(
        sequence: frame.sequence, nanoseconds: frame.presentationTimeNanoseconds, status: frame.status,
        image: LumaImage(copying: frame.luma!)))
  }
  return frames
}

func readAll(_ path: String) throws -> [ReadFrame] { try readAll(try openSource(path)) }

/// The largest difference of two pictures of one size.
func largestDifference(_ a: LumaImage, _ b: LumaImage) -> Int {
  guard a.width == b.width, a.height == b.height else { return 256 }
  return zip(a.pixels, b.pixels).map { abs(Int($0) - Int($1)) }.max() ?? 0
}
