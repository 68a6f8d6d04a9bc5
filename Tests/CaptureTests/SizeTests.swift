import Capture
import Pixels
import Testing

struct SizeTests {
  @Test(
    arguments: [(1, 1), (1, 7), (7, 1), (17, 31), (63, 65)],
    [
      ("ffv1", "yuv420p", "mkv"), ("ffv1", "bgra", "mkv"), ("mpeg4", "yuv420p", "mp4"),
      ("libx264", "yuv444p", "mp4"),
    ])
  func `odd sizes come out whole`(size: (Int, Int), format: (codec: String, pixelFormat: String, container: String))
    throws
  {
    let folder = try TemporaryFolder()
    let path = folder.path("odd.\(format.container)")
    let picture = cornerPicture(width: size.0, height: size.1)
    var options = VideoWriterOptions()
    options.codec = format.codec
    options.pixelFormat = format.pixelFormat
    options.range = format.pixelFormat == "bgra" ? .full : .limited
    options.encoderOptions = ["qp": "1", "qmin": "1", "qmax": "1"]
    try writeStillClip(path, of: picture, options: options)

    let source = try openSource(path)
    #expect(source.info.width == size.0 && source.info.height == size.1)
    let frames = try readAll(source)
    #expect(frames.count == 3)
    for frame in frames {
      #expect(frame.image.width == size.0 && frame.image.height == size.1)
      #expect(largestDifference(frame.image, picture) <= (format.codec == "ffv1" ? 2 : 8))
    }
  }

  @Test(arguments: [("libx264", 0), ("mpeg4", 90)])
  func `a large picture comes out whole`(codec: String, rotation: Int) throws {
    let folder = try TemporaryFolder()
    let path = folder.path("large.mp4")
    // Four quarters, each of one level.
    let row = { (left: UInt8, right: UInt8) in
      [UInt8](repeating: left, count: 2048) + [UInt8](repeating: right, count: 2048)
    }
    var pixels: [UInt8] = []
    for y in 0..<2160 { pixels += y < 1080 ? row(40, 90) : row(140, 220) }
    var options = VideoWriterOptions()
    options.codec = codec
    options.rotation = rotation
    if codec == "libx264" { options.encoderOptions = ["preset": "ultrafast"] }
    try writeStillClip(path, of: LumaImage(width: 4096, height: 2160, pixels: pixels), frames: 2, options: options)

    let frames = try readAll(path)
    #expect(frames.count == 2)
    for frame in frames {
      let image = frame.image
      #expect(image.width == (rotation == 0 ? 4096 : 2160) && image.height == (rotation == 0 ? 2160 : 4096))
      func level(_ x: Double, _ y: Double) -> Int {
        Int(image.pixels[Int(Double(image.height) * y) * image.width + Int(Double(image.width) * x)])
      }
      let seen = [level(0.2, 0.2), level(0.8, 0.2), level(0.2, 0.8), level(0.8, 0.8)]
      let expected = rotation == 0 ? [40, 90, 140, 220] : [140, 40, 220, 90]
      #expect(zip(seen, expected).allSatisfy { abs($0 - $1) <= 3 }, "\(seen)")
    }
  }
}
