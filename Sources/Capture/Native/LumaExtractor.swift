import CFFmpeg
import Pixels

/// 64-byte aligned memory that grows when it must and is kept otherwise.
final class ReusableBuffer {
  private(set) var base: UnsafeMutablePointer<UInt8>
  private var capacity: Int

  /// Vector code may write this far beyond the last sample.
  private static let padding = 64

  init() {
    capacity = 0
    base = ReusableBuffer.allocate(0)
  }

  deinit { UnsafeMutableRawPointer(base).deallocate() }

  func reserve(_ count: Int) -> UnsafeMutablePointer<UInt8> {
    if count > capacity {
      UnsafeMutableRawPointer(base).deallocate()
      base = ReusableBuffer.allocate(count)
      capacity = count
    }
    return base
  }

  private static func allocate(_ count: Int) -> UnsafeMutablePointer<UInt8> {
    UnsafeMutableRawPointer.allocate(byteCount: count + padding, alignment: 64).assumingMemoryBound(to: UInt8.self)
  }
}

/// A decoded picture as FFmpeg hands it out, with the memory that its conversion needs.
final class DecodedPicture: FrameStorage {
  let frame: UnsafeMutablePointer<AVFrame>
  fileprivate let converted = ReusableBuffer()
  fileprivate let turned = ReusableBuffer()

  init() {
    frame = av_frame_alloc()
  }

  deinit {
    var frame: UnsafeMutablePointer<AVFrame>? = frame
    av_frame_free(&frame)
  }

  func clear() { av_frame_unref(frame) }
}

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

/// Where the luma samples of a pixel format lie in its first plane.
private struct LumaLayout {
  /// Bytes from one sample to the next.
  var step: Int
  /// Bytes before the first sample of a row.
  var offset: Int
  /// Bits that a sample is shifted right to become an 8-bit one.
  var shift: Int
  var isTwoBytes: Bool
  var isBigEndian: Bool

  /// nil for formats without a luma component, or with one that is not made of whole bytes.
  init?(format: AVPixelFormat, descriptor: UnsafePointer<AVPixFmtDescriptor>) {
    let flags = Int32(truncatingIfNeeded: descriptor.pointee.flags)
    let luma = descriptor.pointee.comp.0
    let unusable =
      AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_HWACCEL
      | AV_PIX_FMT_FLAG_BAYER | AV_PIX_FMT_FLAG_FLOAT
    guard flags & unusable == 0, luma.plane == 0, (8...16).contains(luma.depth),
      format != AV_PIX_FMT_XYZ12LE, format != AV_PIX_FMT_XYZ12BE
    else { return nil }
    step = Int(luma.step)
    offset = Int(luma.offset)
    shift = Int(luma.shift + luma.depth) - 8
    isTwoBytes = luma.shift + luma.depth > 8
    isBigEndian = flags & AV_PIX_FMT_FLAG_BE != 0
    guard luma.shift + luma.depth <= 16 else { return nil }
  }

  var isPlain8Bit: Bool { !isTwoBytes && step == 1 && offset == 0 }

  /// Copies the samples, the deeper ones rounded to 8 bits; their range stays what it was.
  func gather(
    from source: UnsafePointer<UInt8>, stride: Int, width: Int, height: Int, to target: UnsafeMutablePointer<UInt8>
  ) {
    for y in 0..<height {
      let row = UnsafeRawPointer(source + y * stride + offset)
      let out = target + y * width
      if !isTwoBytes {
        for x in 0..<width { out[x] = row.load(fromByteOffset: x * step, as: UInt8.self) }
      } else if step == 2 && !isBigEndian {
        // Nearly all deep video; plain enough for the compiler to vectorise.
        let samples = row.assumingMemoryBound(to: UInt16.self)
        let bits = UInt32(shift)
        let half = (UInt32(1) &<< bits) / 2
        for x in 0..<width {
          out[x] = UInt8(truncatingIfNeeded: min(255, (UInt32(samples[x]) &+ half) &>> bits))
        }
      } else {
        for x in 0..<width {
          let sample = row.loadUnaligned(fromByteOffset: x * step, as: UInt16.self)
          let value = Int(isBigEndian ? sample.bigEndian : sample.littleEndian)
          out[x] = UInt8(min(255, (value + (1 << shift) / 2) >> shift))
        }
      }
    }
  }
}
