@testable import Capture
import Pixels
import Testing

/// One way of storing a picture without loss.
struct LosslessFormat: CustomTestStringConvertible, Sendable {
  var codec: String
  var pixelFormat: String
  var container: String
  var range = LumaRange.limited
  /// Of the luma, in levels.
  var tolerance = 2

  var testDescription: String { "\(pixelFormat) \(range) in \(codec)" }

  static let all: [LosslessFormat] =
    ["yuv420p", "yuv422p", "yuv444p", "yuv410p", "yuva420p", "yuv420p10le", "yuv422p10le", "yuv444p16le"]
    .flatMap { format in
      [LumaRange.limited, .full].map {
        LosslessFormat(codec: "ffv1", pixelFormat: format, container: "mkv", range: $0)
      }
    } + [
      .init(codec: "ffv1", pixelFormat: "gray", container: "mkv", range: .full),
      .init(codec: "ffv1", pixelFormat: "gray10le", container: "mkv", range: .full),
      .init(codec: "ffv1", pixelFormat: "gray16le", container: "mkv", range: .full),
      .init(codec: "ffv1", pixelFormat: "bgra", container: "mkv", range: .full),
      .init(codec: "ffv1", pixelFormat: "gbrp10le", container: "mkv", range: .full),
    ]
    + [
      "nv12", "nv21", "yuyv422", "uyvy422", "yuv420p10be", "yuv420p12le",
    ].map { .init(codec: "rawvideo", pixelFormat: $0, container: "nut") }
    + [
      "rgb24", "bgr24", "rgba", "bgra", "argb", "0rgb", "gbrp", "gray16be", "ya8", "rgb48le", "rgba64be",
    ].map { .init(codec: "rawvideo", pixelFormat: $0, container: "nut", range: .full) }
    + [
      // Five bits of red and blue, six of green.
      .init(codec: "rawvideo", pixelFormat: "rgb565le", container: "nut", range: .full, tolerance: 6),
      .init(codec: "png", pixelFormat: "rgb24", container: "mkv", range: .full),
      .init(codec: "png", pixelFormat: "gray16be", container: "mkv", range: .full),
      .init(codec: "libx264", pixelFormat: "nv12", container: "mp4"),
      .init(codec: "libx264", pixelFormat: "yuv420p10le", container: "mp4"),
    ]

  func write(_ image: LumaImage, to path: String) throws {
    var options = VideoWriterOptions()
    options.codec = codec
    options.pixelFormat = pixelFormat
    options.range = range
    options.keyFrameInterval = 1
    if codec == "libx264" { options.encoderOptions = ["qp": pixelFormat == "nv12" ? "0" : "1"] }
    try writeStillClip(path, of: image, frames: 2, options: options)
  }
}

struct PixelFormatTests {
  @Test(arguments: LosslessFormat.all)
  func `luma is right within two levels`(format: LosslessFormat) throws {
    let folder = try TemporaryFolder()
    let path = folder.path("clip.\(format.container)")
    let picture = cornerPicture(width: 64, height: 48)
    try format.write(picture, to: path)
    let frames = try readAll(path)
    #expect(frames.count == 2)
    for frame in frames {
      #expect(largestDifference(frame.image, picture) <= format.tolerance)
      #expect(frame.status == .ok)
    }
  }

  /// Black, white and every level between, in both ranges.
  @Test(arguments: ["yuv420p", "yuv420p10le", "yuv444p"])
  func `limited and full range give the same luma`(pixelFormat: String) throws {
    let folder = try TemporaryFolder()
    let ramp = LumaImage(width: 256, height: 2, pixels: (0..<512).map { UInt8($0 % 256) })
    var images: [LumaImage] = []
    for range in [LumaRange.limited, .full] {
      let path = folder.path("\(range).mkv")
      let format = LosslessFormat(codec: "ffv1", pixelFormat: pixelFormat, container: "mkv", range: range)
      try format.write(ramp, to: path)
      let source = try openSource(path)
      let frame = source.makeFrame()
      #expect(try source.read(into: frame))
      #expect(frame.luma?.range == range)
      images.append(LumaImage(copying: frame.luma!))
    }
    #expect(largestDifference(images[0], images[1]) <= 2)
    #expect(largestDifference(images[0], ramp) <= 2)
  }

  @Test(arguments: ["bgr4_byte", "gray"])
  func `a GIF with a palette is a video of grey levels`(pixelFormat: String) throws {
    let folder = try TemporaryFolder()
    let path = folder.path("clip.gif")
    var options = VideoWriterOptions()
    options.codec = "gif"
    options.pixelFormat = pixelFormat
    options.range = .full
    // Levels that both palettes hold.
    var picture = LumaImage(width: 40, height: 30, filledWith: 255)
    for index in 0..<600 { picture.pixels[index] = 0 }
    let writer = try VideoWriter(path: path, width: 40, height: 30, options: options)
    for _ in 0..<6 {
      try writer.append(picture)
      picture.pixels.reverse()
    }
    try writer.finish()

    let source = try openSource(path)
    #expect(!source.info.isStillPicture)
    let frames = try readAll(source)
    #expect(frames.count == 6)
    for frame in frames {
      #expect(largestDifference(frame.image, picture) <= 2, "frame \(frame.sequence)")
      picture.pixels.reverse()
    }
    #expect(frames.map(\.nanoseconds) == (0..<6).map { Int64($0) * 40_000_000 })
  }
}
