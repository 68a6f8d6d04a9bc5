import CV4L2

extension V4L2Device {
  /// More than any driver has; ends the loop with one that never says that there are no more.
  private static let longestList: UInt32 = 1024

  /// All that the driver offers, in its order.
  func formats() -> [CameraFormat] {
    var formats: [CameraFormat] = []
    for index in 0..<V4L2Device.longestList {
      var raw = v4l2_fmtdesc()
      raw.index = index
      raw.type = bufferType
      guard control(ferd_vidioc_enum_fmt, &raw) == 0 else { break }
      formats.append(
        CameraFormat(
          code: FourCC(code: raw.pixelformat), description: V4L2Device.text(raw.description),
          sizes: sizes(of: raw.pixelformat)))
    }
    return formats
  }

  private func sizes(of format: UInt32) -> [CameraSizes] {
    var sizes: [CameraSizes] = []
    for index in 0..<V4L2Device.longestList {
      var raw = v4l2_frmsizeenum()
      raw.index = index
      raw.pixel_format = format
      guard control(ferd_vidioc_enum_framesizes, &raw) == 0 else { break }
      guard raw.type == V4L2_FRMSIZE_TYPE_DISCRETE.rawValue else {
        let steps = raw.stepwise
        // One entry stands for the whole grid. Rates usually depend on the size: those of the largest are safe.
        sizes.append(
          CameraSizes(
            widths: .init(
              smallest: Int(steps.min_width), largest: Int(steps.max_width), step: Int(steps.step_width)),
            heights: .init(
              smallest: Int(steps.min_height), largest: Int(steps.max_height), step: Int(steps.step_height)),
            rates: rates(of: format, width: steps.max_width, height: steps.max_height)))
        break
      }
      let size = raw.discrete
      sizes.append(
        CameraSizes(
          width: Int(size.width), height: Int(size.height),
          rates: rates(of: format, width: size.width, height: size.height)))
    }
    return sizes
  }

  private func rates(of format: UInt32, width: UInt32, height: UInt32) -> [CameraRates] {
    var rates: [CameraRates] = []
    for index in 0..<V4L2Device.longestList {
      var raw = v4l2_frmivalenum()
      raw.index = index
      raw.pixel_format = format
      raw.width = width
      raw.height = height
      guard control(ferd_vidioc_enum_frameintervals, &raw) == 0 else { break }
      guard raw.type == V4L2_FRMIVAL_TYPE_DISCRETE.rawValue else {
        // The shortest interval is the fastest rate.
        if let fastest = FrameInterval(raw.stepwise.min), let slowest = FrameInterval(raw.stepwise.max) {
          rates.append(CameraRates(slowest: slowest, fastest: fastest))
        }
        break
      }
      if let interval = FrameInterval(raw.discrete) { rates.append(CameraRates(interval)) }
    }
    return rates
  }

  /// Asks the driver for a format; what it makes of it comes back.
  ///
  /// - Throws: `deviceUnavailable`, also where the driver insists on something that cannot be read.
  func setFormat(_ mode: CameraMode) throws(CaptureError) -> PictureFormat {
    var raw = v4l2_format()
    raw.type = bufferType
    if isMultiplanar {
      raw.fmt.pix_mp.width = UInt32(mode.width)
      raw.fmt.pix_mp.height = UInt32(mode.height)
      raw.fmt.pix_mp.pixelformat = mode.format.code
      raw.fmt.pix_mp.field = V4L2_FIELD_NONE.rawValue
    } else {
      raw.fmt.pix.width = UInt32(mode.width)
      raw.fmt.pix.height = UInt32(mode.height)
      raw.fmt.pix.pixelformat = mode.format.code
      raw.fmt.pix.field = V4L2_FIELD_NONE.rawValue
    }
    let code = control(ferd_vidioc_s_fmt, &raw)
    guard code == 0 else { throw CameraErrors.using(path, doing: "set the format \(mode.format)", code: code) }
    return PictureFormat(raw, isMultiplanar: isMultiplanar)
  }

  /// The size that is set now.
  var currentSize: CameraOptions.Size {
    var raw = v4l2_format()
    raw.type = bufferType
    guard control(ferd_vidioc_g_fmt, &raw) == 0 else { return CameraOptions.Size(width: 640, height: 480) }
    let format = PictureFormat(raw, isMultiplanar: isMultiplanar)
    return CameraOptions.Size(width: format.width, height: format.height)
  }

  /// Sets the frame rate where the driver lets us.
  ///
  /// - Returns: what it is now; nil where the driver does not tell.
  func setInterval(_ interval: FrameInterval?) -> FrameInterval? {
    var raw = v4l2_streamparm()
    raw.type = bufferType
    guard control(ferd_vidioc_g_parm, &raw) == 0 else { return nil }
    if let interval, raw.parm.capture.capability & ferd_v4l2_cap_time_per_frame != 0 {
      var wanted = raw
      wanted.parm.capture.timeperframe = v4l2_fract(
        numerator: UInt32(interval.numerator), denominator: UInt32(interval.denominator))
      // A driver that refuses keeps its rate; the frames come with their times in any case.
      if control(ferd_vidioc_s_parm, &wanted) == 0 { raw = wanted }
    }
    return FrameInterval(raw.parm.capture.timeperframe)
  }

  /// What is wrong with the connection that the device watches; nil where nothing is or it does not tell.
  var inputProblem: String? {
    var index: Int32 = 0
    guard control(ferd_vidioc_g_input, &index) == 0 else { return nil }
    var raw = v4l2_input()
    raw.index = UInt32(index)
    guard control(ferd_vidioc_enuminput, &raw) == 0 else { return nil }
    let name = V4L2Device.text(raw.name)
    if raw.status & ferd_v4l2_input_no_power != 0 { return "its input \(name) has no power" }
    if raw.status & ferd_v4l2_input_no_signal != 0 { return "its input \(name) has no signal" }
    return nil
  }
}

extension FrameInterval {
  fileprivate init?(_ raw: v4l2_fract) {
    self.init(numerator: Int(raw.numerator), denominator: Int(raw.denominator))
  }
}
