import CFFmpeg
import Pixels

/// Finds the luma in a camera's buffers, in whatever format it comes.
final class CameraPictureReader {
  struct Result {
    /// Lives as long as the picture, and the buffer where that is kept.
    var luma: LumaPlane
    var status: FrameStatus
    /// Whether `luma` lies in the driver's buffer.
    var keepsBuffer: Bool
  }

  private enum Way {
    case plane(LumaLayout)
    case jpeg(PictureDecoder, LumaExtractor)
    case library(FormatConverter)
  }

  private let format: PictureFormat
  private let way: Way
  /// What was wrong with the last picture; nil when it could be used.
  private(set) var lastComplaint: String?

  convenience init(
    _ format: PictureFormat, mode: CameraMode, options: CameraOptions, device: V4L2Device
  ) throws(CaptureError) {
    guard format.code == mode.format || options.format == nil else {
      throw CaptureError(
        .deviceUnavailable, input: device.path, "the driver gives \(format.code) instead of \(mode.format)")
    }
    try self.init(format, descriptor: device.descriptor, name: device.path)
  }

  /// - Parameter descriptor: of the camera; nil for none, in tests.
  init(_ format: PictureFormat, descriptor: Int32?, name: String) throws(CaptureError) {
    guard 1...16384 ~= format.width, 1...16384 ~= format.height else {
      throw CaptureError(.unreadable, input: name, "pictures of \(format.width)x\(format.height)")
    }
    self.format = format
    if let layout = format.code.lumaLayout {
      way = .plane(layout)
    } else if format.code.reading == .decoded {
      way = .jpeg(try PictureDecoder(AV_CODEC_ID_MJPEG, name: name), LumaExtractor())
    } else {
      way = .library(try FormatConverter(format, descriptor: descriptor, name: name))
    }
  }

  /// - Parameter mayKeepBuffer: whether the luma may stay in the driver's buffer.
  /// - Returns: nil where nothing of the picture can be used.
  func read(_ filled: CameraBuffers.Filled, into picture: CameraPicture, mayKeepBuffer: Bool) -> Result? {
    lastComplaint = nil
    var result: Result?
    switch way {
    case .plane(let layout): result = plane(filled, layout, into: picture, mayKeepBuffer: mayKeepBuffer)
    case .jpeg(let decoder, let extractor): result = decode(filled, decoder, extractor, into: picture)
    case .library(let converter):
      if let (luma, status) = converter.luma(
        of: filled.base, count: filled.byteCount, capacity: filled.capacity, in: picture.samples)
      {
        result = Result(luma: luma, status: status, keepsBuffer: false)
      } else {
        lastComplaint = "libv4l: \(converter.lastComplaint)"
      }
    }
    if filled.isDamaged { result?.status = .damaged }
    return result
  }

  private func plane(
    _ filled: CameraBuffers.Filled, _ layout: LumaLayout, into picture: CameraPicture, mayKeepBuffer: Bool
  ) -> Result? {
    let stride = format.lumaStride(layout)
    let base = UnsafePointer(filled.base.assumingMemoryBound(to: UInt8.self))
    let wanted = format.lumaByteCount(layout)
    guard filled.capacity >= wanted else {
      lastComplaint = "\(filled.capacity) bytes instead of \(wanted)"
      return nil
    }
    // What is missing of a picture cut short is what the buffer held before.
    let status = filled.byteCount < wanted ? FrameStatus.damaged : .ok
    let width = format.width
    let height = format.height
    func plane(_ base: UnsafePointer<UInt8>, _ bytesPerRow: Int) -> LumaPlane {
      LumaPlane(base: base, width: width, height: height, bytesPerRow: bytesPerRow, range: format.lumaRange)
    }
    if layout.isPlain8Bit, mayKeepBuffer {
      return Result(luma: plane(base, stride), status: status, keepsBuffer: true)
    }
    let target = picture.samples.reserve(width * height)
    layout.gather(from: base, stride: stride, width: width, height: height, to: target)
    return Result(luma: plane(target, width), status: status, keepsBuffer: false)
  }

  private func decode(
    _ filled: CameraBuffers.Filled, _ decoder: PictureDecoder, _ extractor: LumaExtractor,
    into picture: CameraPicture
  ) -> Result? {
    let bytes = UnsafeRawBufferPointer(start: filled.base, count: filled.byteCount)
    let (code, status) = decoder.decode(copying: bytes, into: picture.decoded.frame)
    guard code >= 0, let luma = extractor.luma(of: picture.decoded, orientation: .upright) else {
      lastComplaint = "JPEG: \(decoder.lastComplaint ?? FFmpegLibrary.describe(code))"
      return nil
    }
    return Result(luma: luma, status: status, keepsBuffer: false)
  }
}
