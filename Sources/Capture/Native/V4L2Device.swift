import CV4L2
import Glibc

/// An open node below `/dev` that sends pictures.
final class V4L2Device {
  let path: String
  /// -1 when it is closed.
  private(set) var descriptor: Int32
  let capabilities: Capabilities
  /// Pixel formats, sizes and rates go by this kind of buffer.
  let bufferType: UInt32

  /// What a node says that it is.
  struct Capabilities {
    var card: String
    var driver: String
    var bus: String
    /// Of this very node, where the driver tells, otherwise of all nodes of the device.
    var flags: UInt32

    func has(_ flag: UInt32) -> Bool { flags & flag != 0 }
  }

  /// - Throws: `noSuchInput`, or `deviceUnavailable` for a node that is no camera or must not be opened.
  init(_ path: String) throws(CaptureError) {
    self.path = path
    var status = stat()
    let found = SystemCall.retrying { Int(stat(path, &status)) }
    guard found >= 0 else { throw CameraErrors.opening(path, code: Int32(-found)) }
    guard status.st_mode & S_IFMT == S_IFCHR else {
      throw CameraErrors.notACamera(path, because: "no device at all")
    }
    let opened = SystemCall.retrying { Int(open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)) }
    guard opened >= 0 else { throw CameraErrors.opening(path, code: Int32(-opened)) }
    let descriptor = Int32(opened)
    do throws(CaptureError) {
      capabilities = try V4L2Device.capabilities(of: descriptor, path: path)
      bufferType = try V4L2Device.bufferType(capabilities, path: path)
    } catch {
      Glibc.close(descriptor)
      throw error
    }
    self.descriptor = descriptor
  }

  deinit { close() }

  /// Lets go of it. Its buffers must have been closed.
  func close() {
    guard descriptor >= 0 else { return }
    Glibc.close(descriptor)
    descriptor = -1
  }

  var isMultiplanar: Bool { bufferType == V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE.rawValue }

  /// One request to the driver.
  ///
  /// - Returns: 0, or the errno.
  func control<Argument>(_ request: UInt, _ argument: inout Argument) -> Int32 {
    V4L2Device.control(descriptor, request, &argument)
  }

  static func control<Argument>(_ descriptor: Int32, _ request: UInt, _ argument: inout Argument) -> Int32 {
    withUnsafeMutablePointer(to: &argument) { pointer in
      let result = SystemCall.retrying { Int(ferd_v4l2_ioctl(descriptor, request, pointer)) }
      return result < 0 ? Int32(-result) : 0
    }
  }

  private static func capabilities(of descriptor: Int32, path: String) throws(CaptureError) -> Capabilities {
    var raw = v4l2_capability()
    let code = control(descriptor, ferd_vidioc_querycap, &raw)
    switch code {
    case 0: break
    case ENODEV: throw CameraErrors.using(path, doing: "ask what it is", code: code)
    default: throw CameraErrors.notACamera(path, because: "a device that is not for video")
    }
    return Capabilities(
      card: text(raw.card), driver: text(raw.driver), bus: text(raw.bus_info),
      flags: raw.capabilities & ferd_v4l2_cap_device_caps != 0 ? raw.device_caps : raw.capabilities)
  }

  private static func bufferType(_ capabilities: Capabilities, path: String) throws(CaptureError) -> UInt32 {
    let isSinglePlanar = capabilities.has(ferd_v4l2_cap_capture)
    guard isSinglePlanar || capabilities.has(ferd_v4l2_cap_capture_mplane) else {
      if capabilities.has(ferd_v4l2_cap_metadata) {
        throw CameraErrors.notACamera(path, because: "it carries a camera's metadata, no pictures")
      }
      if capabilities.has(ferd_v4l2_cap_output) {
        throw CameraErrors.notACamera(path, because: "a video output, which takes pictures and gives none")
      }
      if capabilities.has(ferd_v4l2_cap_m2m) {
        throw CameraErrors.notACamera(path, because: "a video codec or scaler")
      }
      throw CameraErrors.notACamera(path, because: "this node of \(capabilities.card) sends no pictures")
    }
    guard capabilities.has(ferd_v4l2_cap_streaming) else {
      throw CaptureError(
        .deviceUnavailable, input: path, "the driver \(capabilities.driver) lends no buffers, which ferd needs")
    }
    return isSinglePlanar ? V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue : V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE.rawValue
  }

  /// A fixed array of characters, which ends with a zero or is full.
  static func text<Tuple>(_ characters: Tuple) -> String {
    withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}
