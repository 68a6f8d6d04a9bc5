import Glibc

/// What the errors of a camera's driver mean to its user.
enum CameraErrors {
  /// Where a node below `/dev` cannot be opened.
  static func opening(_ path: String, code: Int32) -> CaptureError {
    switch code {
    case ENOENT, ENOTDIR:
      return CaptureError(.noSuchInput, input: path, "no such camera; \"ferd devices\" lists those that there are")
    case EACCES, EPERM:
      return CaptureError(
        .deviceUnavailable, input: path,
        "no permission to open it; cameras belong to the group \"video\": as root run \"usermod -aG video USER\", then "
          + "log in again")
    case ENODEV, ENXIO:
      return CaptureError(.deviceUnavailable, input: path, "no camera is behind this node any more (\(text(code)))")
    default: return using(path, doing: "open it", code: code)
    }
  }

  /// Where a driver refuses what it is asked to do.
  ///
  /// - Parameter doing: completes "cannot".
  static func using(_ path: String, doing: String, code: Int32) -> CaptureError {
    switch code {
    case EBUSY:
      return CaptureError(
        .deviceUnavailable, input: path,
        "busy: another program uses the camera; \"fuser -v \(path)\" tells which one to end")
    case ENODEV, ENXIO, ESHUTDOWN:
      return CaptureError(.deviceUnavailable, input: path, "the camera is gone (unplugged?)")
    case ENOSPC:
      return CaptureError(
        .deviceUnavailable, input: path,
        "the USB bus has no bandwidth left for this camera; use another port, a smaller size, or MJPG")
    case EIO:
      return CaptureError(.deviceUnavailable, input: path, "the camera's driver reports a failure (\(text(code)))")
    default: return CaptureError(.deviceUnavailable, input: path, "cannot \(doing): \(text(code))")
    }
  }

  /// Where there is a device, but no camera.
  static func notACamera(_ path: String, because reason: String) -> CaptureError {
    CaptureError(
      .deviceUnavailable, input: path, "not a camera: \(reason); \"ferd devices\" lists those that there are")
  }

  private static func text(_ code: Int32) -> String { SystemCall.describe(errno: code) }
}
