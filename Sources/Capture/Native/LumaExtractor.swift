import CFFmpeg
import Pixels

/// Finds the luma of decoded pictures: where it lies if it is 8-bit, converted otherwise.
final class LumaExtractor {
  private var scaler: OpaquePointer?

  deinit { sws_freeContext(scaler) }

  /// - Parameter orientation: how the picture must be turned.
  /// - Returns: a plane that lives as long as `picture` keeps its content; nil where FFmpeg cannot convert its format.
  func luma(of picture: DecodedPicture, orientation: Orientation) -> LumaPlane? {
    guard let stored = storedLuma(of: picture) else { return nil }
    if orientation.isUpright { return stored }
    let (width, height) = orientation.uprightSize(width: stored.width, height: stored.height)
    let target = picture.turned.reserve(width * height)
    orientation.apply(
      from: stored.base, width: stored.width, height: stored.height, sourceStride: stored.bytesPerRow, to: target)
    return LumaPlane(base: target, width: width, height: height, bytesPerRow: width, range: stored.range)
  }

  private func storedLuma(of picture: DecodedPicture) -> LumaPlane? {
    let frame = picture.frame
    let format = AVPixelFormat(rawValue: frame.pointee.format)
    let width = Int(frame.pointee.width)
    let height = Int(frame.pointee.height)
    guard width > 0, height > 0, frame.pointee.data.0 != nil, let descriptor = av_pix_fmt_desc_get(format) else {
      return nil
    }
    guard let layout = LumaLayout(format: format, descriptor: descriptor) else {
      return convertedLuma(of: picture, format: format, width: width, height: height)
    }
    let range = LumaExtractor.range(of: frame, format: format, descriptor: descriptor)
    let source = UnsafePointer(frame.pointee.data.0!)
    let sourceStride = Int(frame.pointee.linesize.0)
    if layout.isPlain8Bit {
      return LumaPlane(base: source, width: width, height: height, bytesPerRow: sourceStride, range: range)
    }
    let target = picture.converted.reserve(width * height)
    layout.gather(from: source, stride: sourceStride, width: width, height: height, to: target)
    return LumaPlane(base: target, width: width, height: height, bytesPerRow: width, range: range)
  }

  /// RGB, palettes, bit maps, Bayer patterns, floats: swscale makes full-range grey of them.
  private func convertedLuma(
    of picture: DecodedPicture, format: AVPixelFormat, width: Int, height: Int
  ) -> LumaPlane? {
    let frame = picture.frame
    scaler = sws_getCachedContext(
      scaler, Int32(width), Int32(height), format, Int32(width), Int32(height), AV_PIX_FMT_GRAY8,
      SWS_POINT | SWS_ACCURATE_RND, nil, nil, nil)
    guard let scaler else { return nil }
    // Vector code writes whole registers, so rows are padded.
    let stride = (width + 63) & ~63
    let target = picture.converted.reserve(stride * height)
    var planes: (UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt8>?) = (target, nil)
    var strides = (Int32(stride), Int32(0))
    let rows = withUnsafeMutablePointer(to: &planes) { planes in
      withUnsafeMutablePointer(to: &strides) { strides in
        withUnsafePointer(to: &frame.pointee.data) { data in
          withUnsafePointer(to: &frame.pointee.linesize) { linesize in
            sws_scale(
              scaler,
              UnsafeRawPointer(data).assumingMemoryBound(to: UnsafePointer<UInt8>?.self),
              UnsafeRawPointer(linesize).assumingMemoryBound(to: Int32.self), 0, Int32(height),
              UnsafeRawPointer(planes).assumingMemoryBound(to: UnsafeMutablePointer<UInt8>?.self),
              UnsafeRawPointer(strides).assumingMemoryBound(to: Int32.self))
          }
        }
      }
    }
    guard rows == Int32(height) else { return nil }
    return LumaPlane(base: target, width: width, height: height, bytesPerRow: stride, range: .full)
  }

  private static func range(
    of frame: UnsafeMutablePointer<AVFrame>, format: AVPixelFormat, descriptor: UnsafePointer<AVPixFmtDescriptor>
  ) -> LumaRange {
    switch frame.pointee.color_range {
    case AVCOL_RANGE_JPEG: return .full
    case AVCOL_RANGE_MPEG: return .limited
    default: break
    }
    switch format {
    case AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUVJ444P, AV_PIX_FMT_YUVJ440P, AV_PIX_FMT_YUVJ411P:
      return .full
    default:
      // Grey without a word about its range is full range, as everywhere in FFmpeg.
      return descriptor.pointee.nb_components <= 2 ? .full : .limited
    }
  }
}
