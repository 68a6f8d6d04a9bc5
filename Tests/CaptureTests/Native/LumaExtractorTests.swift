import CFFmpeg
import Pixels
import Testing

@testable import Capture

/// Pixel formats as decoders hand them out, without a file around them: some have no container that keeps them.
struct LumaExtractorTests {
  /// A picture in memory, converted by FFmpeg from grey.
  private static func picture(_ image: LumaImage, format: AVPixelFormat, range: LumaRange) -> DecodedPicture? {
    let picture = DecodedPicture()
    let frame = picture.frame
    frame.pointee.width = Int32(image.width)
    frame.pointee.height = Int32(image.height)
    frame.pointee.format = format.rawValue
    frame.pointee.color_range = range == .full ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG
    guard av_frame_get_buffer(frame, 0) >= 0,
      let scaler = sws_getContext(
        frame.pointee.width, frame.pointee.height, AV_PIX_FMT_GRAY8, frame.pointee.width, frame.pointee.height,
        format,
        SWS_POINT | SWS_ACCURATE_RND, nil, nil, nil)
    else { return nil }
    defer { sws_freeContext(scaler) }
    let coefficients = sws_getCoefficients(SWS_CS_ITU601)
    sws_setColorspaceDetails(scaler, coefficients, 1, coefficients, range == .full ? 1 : 0, 0, 1 << 16, 1 << 16)
    image.withPlane { plane in
      var source: (UnsafePointer<UInt8>?, UnsafePointer<UInt8>?) = (plane.base, nil)
      var stride: (Int32, Int32) = (Int32(plane.bytesPerRow), 0)
      withUnsafeMutablePointer(to: &source) { source in
        withUnsafeMutablePointer(to: &stride) { stride in
          withUnsafeMutablePointer(to: &frame.pointee.data) { data in
            withUnsafeMutablePointer(to: &frame.pointee.linesize) { linesize in
              _ = sws_scale(
                scaler, UnsafeRawPointer(source).assumingMemoryBound(to: UnsafePointer<UInt8>?.self),
                UnsafeRawPointer(stride).assumingMemoryBound(to: Int32.self), 0, frame.pointee.height,
                UnsafeRawPointer(data).assumingMemoryBound(to: UnsafeMutablePointer<UInt8>?.self),
                UnsafeRawPointer(linesize).assumingMemoryBound(to: Int32.self))
            }
          }
        }
      }
    }
    return picture
  }

  /// Every format that FFmpeg can both read and write, with a tolerance by its depth.
  private static let formats: [(name: String, range: LumaRange, tolerance: Int)] = {
    var list: [(String, LumaRange, Int)] = []
    var descriptor: UnsafePointer<AVPixFmtDescriptor>? = nil
    while let next = av_pix_fmt_desc_next(descriptor) {
      descriptor = next
      let format = av_pix_fmt_desc_get_id(next)
      guard sws_isSupportedInput(format) > 0, sws_isSupportedOutput(format) > 0 else { continue }
      let depth = Int(next.pointee.comp.0.depth)
      let isRGB = next.pointee.flags & UInt64(AV_PIX_FMT_FLAG_RGB) != 0
      // Bit maps are dithered, XYZ goes through a gamma curve and back, and swscale's writing of floats is not exact.
      let isFloat = next.pointee.flags & UInt64(AV_PIX_FMT_FLAG_FLOAT) != 0
      guard depth >= 4, !isFloat, format != AV_PIX_FMT_XYZ12LE, format != AV_PIX_FMT_XYZ12BE else { continue }
      let tolerance = depth >= 8 ? 2 : depth == 5 ? 8 : 20
      let hasRange = !isRGB && next.pointee.nb_components > 2
      list.append((String(cString: next.pointee.name), .full, tolerance))
      if hasRange, !String(cString: next.pointee.name).hasPrefix("yuvj") {
        list.append((String(cString: next.pointee.name), .limited, tolerance))
      }
    }
    return list
  }()

  @Test func `every pixel format gives its luma within two levels`() throws {
    let image = cornerPicture(width: 70, height: 34)
    let extractor = LumaExtractor()
    var checked = 0
    for (name, range, tolerance) in LumaExtractorTests.formats {
      guard let picture = LumaExtractorTests.picture(image, format: av_get_pix_fmt(name), range: range) else {
        continue
      }
      let luma = try #require(extractor.luma(of: picture, orientation: .upright), "\(name)")
      let difference = largestDifference(LumaImage(copying: luma), image)
      #expect(difference <= tolerance, "\(name) \(range): \(difference)")
      checked += 1
    }
    #expect(checked > 150)
  }

  @Test(arguments: ["nv12", "nv24", "yuv420p", "yuv444p", "yuva420p", "gray"])
  func `eight-bit luma is used where it lies`(name: String) throws {
    let image = cornerPicture(width: 70, height: 34)
    let picture = try #require(LumaExtractorTests.picture(image, format: av_get_pix_fmt(name), range: .full))
    let luma = try #require(LumaExtractor().luma(of: picture, orientation: .upright))
    #expect(luma.base == UnsafePointer(picture.frame.pointee.data.0))
    #expect(luma.bytesPerRow == Int(picture.frame.pointee.linesize.0))
  }

  @Test(arguments: ["gbrpf32le", "grayf32le"])
  func `floats between 0 and 1 become levels`(name: String) throws {
    let picture = DecodedPicture()
    let frame = picture.frame
    frame.pointee.width = 16
    frame.pointee.height = 4
    frame.pointee.format = av_get_pix_fmt(name).rawValue
    try #require(av_frame_get_buffer(frame, 0) >= 0)
    for plane in [frame.pointee.data.0, frame.pointee.data.1, frame.pointee.data.2] {
      guard let plane else { continue }
      let samples = UnsafeMutableRawPointer(plane).assumingMemoryBound(to: Float.self)
      for index in 0..<Int(frame.pointee.linesize.0) / 4 * 4 { samples[index] = 0.5 }
    }
    let luma = try #require(LumaExtractor().luma(of: picture, orientation: .upright))
    #expect(abs(Int(luma.base[luma.bytesPerRow + 3]) - 128) <= 2)
  }

  @Test func `a palette gives the luma of its colours`() throws {
    let picture = DecodedPicture()
    let frame = picture.frame
    frame.pointee.width = 19
    frame.pointee.height = 5
    frame.pointee.format = AV_PIX_FMT_PAL8.rawValue
    try #require(av_frame_get_buffer(frame, 0) >= 0)
    let palette = UnsafeMutableRawPointer(frame.pointee.data.1!).assumingMemoryBound(to: UInt32.self)
    for index in 0..<256 { palette[index] = 0xFF00_0000 }
    palette[7] = 0xFF64_6464
    palette[9] = 0xFFFF_FFFF
    palette[11] = 0xFFFF_0000
    for y in 0..<5 {
      for x in 0..<19 { frame.pointee.data.0![y * Int(frame.pointee.linesize.0) + x] = UInt8(5 + 2 * (x % 4)) }
    }
    let luma = try #require(LumaExtractor().luma(of: picture, orientation: .upright))
    let levels = (0..<4).map { Int(luma.base[4 * luma.bytesPerRow + $0]) }
    // BT.601: red counts 0.299.
    #expect(zip(levels, [0, 100, 255, 76]).allSatisfy { abs($0 - $1) <= 2 }, "\(levels)")
    #expect(luma.range == .full)
  }

  @Test func `the luma of the decoder's own frame is handed out`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("clip.mp4")
    try writeNumberedClip(path, frames: 5)
    let source = try openSource(path)
    let frame = source.makeFrame()
    while try source.read(into: frame) {
      let picture = try #require(frame.storage as? DecodedPicture)
      #expect(frame.luma!.base == UnsafePointer(picture.frame.pointee.data.0))
    }
  }
}
