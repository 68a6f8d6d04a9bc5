import CV4L2
import Pixels

/// How a camera's pictures lie in their buffers, as its driver has settled it.
struct PictureFormat: Equatable {
  var code: FourCC
  var width: Int
  var height: Int
  /// Of the first plane; 0 for compressed formats.
  var bytesPerRow: Int
  /// The most that a buffer's first plane holds.
  var byteCount: Int
  var colorspace: UInt32
  var quantization: UInt32

  init(_ raw: v4l2_format, isMultiplanar: Bool) {
    if isMultiplanar {
      let format = raw.fmt.pix_mp
      code = FourCC(code: format.pixelformat)
      width = Int(format.width)
      height = Int(format.height)
      bytesPerRow = Int(format.plane_fmt.0.bytesperline)
      byteCount = Int(format.plane_fmt.0.sizeimage)
      colorspace = format.colorspace
      quantization = UInt32(format.quantization)
    } else {
      let format = raw.fmt.pix
      code = FourCC(code: format.pixelformat)
      width = Int(format.width)
      height = Int(format.height)
      bytesPerRow = Int(format.bytesperline)
      byteCount = Int(format.sizeimage)
      colorspace = format.colorspace
      quantization = format.quantization
    }
  }

  /// For tests.
  init(
    code: FourCC, width: Int, height: Int, bytesPerRow: Int = 0, byteCount: Int = 0, colorspace: UInt32 = 0,
    quantization: UInt32 = 0
  ) {
    self.code = code
    self.width = width
    self.height = height
    self.bytesPerRow = bytesPerRow
    self.byteCount = byteCount
    self.colorspace = colorspace
    self.quantization = quantization
  }

  /// Of formats that hold luma. Where the driver leaves it open, only what comes from JPEG (as in
  /// `V4L2_MAP_QUANTIZATION_DEFAULT` of videodev2.h), straight from the sensor or without chroma is full.
  var lumaRange: LumaRange {
    switch quantization {
    case V4L2_QUANTIZATION_FULL_RANGE.rawValue: return .full
    case V4L2_QUANTIZATION_LIM_RANGE.rawValue: return .limited
    default:
      let full = [V4L2_COLORSPACE_JPEG.rawValue, V4L2_COLORSPACE_RAW.rawValue]
      return full.contains(colorspace) || code.isGrey ? .full : .limited
    }
  }

  /// Bytes from one row of luma to the next. Some drivers count chroma in, or say nothing.
  func lumaStride(_ layout: LumaLayout) -> Int {
    let least = width * layout.step
    let chroma = Int(Double(bytesPerRow * height) * code.chromaShare)
    let end = bytesPerRow * (height - 1) + least + chroma
    return bytesPerRow >= least && end <= byteCount ? bytesPerRow : least
  }

  /// Bytes up to the end of the last row of luma.
  func lumaByteCount(_ layout: LumaLayout) -> Int { lumaStride(layout) * (height - 1) + width * layout.step }

  /// As V4L2's single-planar API has it, for the library that converts.
  var raw: v4l2_format {
    var raw = v4l2_format()
    raw.type = V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue
    raw.fmt.pix.width = UInt32(width)
    raw.fmt.pix.height = UInt32(height)
    raw.fmt.pix.pixelformat = code.code
    raw.fmt.pix.field = V4L2_FIELD_NONE.rawValue
    raw.fmt.pix.bytesperline = UInt32(bytesPerRow)
    raw.fmt.pix.sizeimage = UInt32(byteCount)
    raw.fmt.pix.colorspace = colorspace
    raw.fmt.pix.quantization = quantization
    return raw
  }
}
