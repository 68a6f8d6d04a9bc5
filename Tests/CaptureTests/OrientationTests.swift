@testable import Capture
import Foundation
import Pixels
import Testing

struct OrientationTests {
  /// What Exif says about where the stored picture's first row and column are seen.
  private static func reference(_ image: LumaImage, exif: Int) -> LumaImage {
    let (w, h) = (image.width, image.height)
    let swaps = exif >= 5
    var result = LumaImage(width: swaps ? h : w, height: swaps ? w : h)
    for y in 0..<result.height {
      for x in 0..<result.width {
        let (sx, sy) =
          switch exif {
          case 2: (w - 1 - x, y)
          case 3: (w - 1 - x, h - 1 - y)
          case 4: (x, h - 1 - y)
          case 5: (y, x)
          case 6: (y, h - 1 - x)
          case 7: (w - 1 - y, h - 1 - x)
          case 8: (w - 1 - y, x)
          default: (x, y)
          }
        result.pixels[y * result.width + x] = image.pixels[sy * w + sx]
      }
    }
    return result
  }

  private static func turned(_ image: LumaImage, _ orientation: Orientation) -> LumaImage {
    let (width, height) = orientation.uprightSize(width: image.width, height: image.height)
    var result = LumaImage(width: width, height: height)
    image.withPlane { plane in
      result.pixels.withUnsafeMutableBufferPointer { target in
        orientation.apply(
          from: plane.base, width: plane.width, height: plane.height, sourceStride: plane.bytesPerRow,
          to: target.baseAddress!)
      }
    }
    return result
  }

  @Test(arguments: 1...8, [(1, 1), (17, 31), (33, 32), (48, 40), (70, 5), (9, 75), (1, 40)])
  func `every symmetry puts each sample in its place`(exif: Int, size: (Int, Int)) throws {
    let count = size.0 * size.1
    let image = LumaImage(
      width: size.0, height: size.1, pixels: (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 73 &+ $0 / 251) })
    let orientation = try #require(Orientation(exif: exif))
    #expect(OrientationTests.turned(image, orientation) == OrientationTests.reference(image, exif: exif))
  }

  @Test func `a value that Exif does not know is refused`() {
    #expect(Orientation(exif: 0) == nil)
    #expect(Orientation(exif: 9) == nil)
  }

  @Test func `display matrices become the nearest symmetry`() {
    let one: Int32 = 65536
    #expect(Orientation(a: one, b: 0, c: 0, d: one).isUpright)
    #expect(Orientation(a: 0, b: 0, c: 0, d: 0).isUpright)
    // The matrix that a phone held upright writes: (x, y) is shown at (-y, x).
    #expect(Orientation(a: 0, b: one, c: -one, d: 0) == Orientation(exif: 6))
    #expect(Orientation(a: -one, b: 0, c: 0, d: -one) == Orientation(exif: 3))
    #expect(Orientation(a: 0, b: -one, c: one, d: 0) == Orientation(exif: 8))
    #expect(Orientation(a: 1000, b: one, c: -one, d: -900) == Orientation(exif: 6))
    #expect(Orientation(a: .min, b: .min, c: .min, d: .min) == Orientation(exif: 3))
  }

  @Test(arguments: [0, 90, 180, 270], ["mp4", "mov"])
  func `a video with rotation metadata comes upright`(rotation: Int, container: String) throws {
    let folder = try TemporaryFolder()
    let path = folder.path("turned.\(container)")
    let stored = cornerPicture(width: 96, height: 64)
    var options = VideoWriterOptions()
    options.rotation = rotation
    options.encoderOptions = ["qp": "4"]
    try writeStillClip(path, of: stored, options: options)

    let source = try openSource(path)
    let expected = OrientationTests.reference(stored, exif: [0: 1, 90: 6, 180: 3, 270: 8][rotation]!)
    #expect(source.info.width == expected.width && source.info.height == expected.height)
    let frames = try readAll(source)
    #expect(frames.count == 3)
    for frame in frames { #expect(largestDifference(frame.image, expected) <= 4) }
  }

  @Test(arguments: 1...8)
  func `a JPEG with an Exif orientation comes upright`(exif: Int) throws {
    let folder = try TemporaryFolder()
    let path = folder.path("picture.mjpeg")
    let stored = cornerPicture(width: 64, height: 40)
    var options = VideoWriterOptions()
    options.codec = "mjpeg"
    options.pixelFormat = "yuvj420p"
    options.range = .full
    options.encoderOptions = ["qmin": "1", "qmax": "1"]
    try writeStillClip(path, of: stored, frames: 1, options: options)
    var jpeg = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    // APP1: "Exif", then a big-endian TIFF directory with the one entry 0x0112.
    let tiff: [UInt8] =
      [0x4D, 0x4D, 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, UInt8(exif), 0, 0, 0, 0, 0, 0]
    let body = Array("Exif\0\0".utf8) + tiff
    jpeg.insert(contentsOf: [0xFF, 0xE1, 0, UInt8(body.count + 2)] + body, at: 2)
    let turned = folder.path("turned.jpg")
    try Data(jpeg).write(to: URL(fileURLWithPath: turned))

    let expected = OrientationTests.reference(stored, exif: exif)
    #expect(largestDifference(try readPicture(turned), expected) <= 6)
    let source = try openSource(turned)
    #expect(source.info.isStillPicture)
    #expect(source.info.width == expected.width && source.info.height == expected.height)
    #expect(largestDifference(try readAll(source)[0].image, expected) <= 6)
  }
}
