import CFFmpeg
import Glibc
import Pixels
import Threads

/// A camera, read through V4L2.
///
/// Opening starts it. Frames carry the driver's numbers, so what it dropped is missing in `sequence`; pictures that come
/// damaged say so; those of which nothing can be decoded are counted in `decodeErrors` and missing in `sequence`.
public final class CameraSource: FrameSource {
  public private(set) var info: SourceInfo
  public private(set) var decodeErrors = 0
  /// What the camera was set to, for people: `YUYV 640x480, 30 frames/s, from HD Webcam (usb-0000:00:14.0-3)`.
  public let settings: String

  private let device: V4L2Device
  private let buffers: CameraBuffers
  private let reader: CameraPictureReader
  private let cancellation: CaptureCancellation
  private let silenceNanoseconds: Int64

  private var clock: StreamClock
  private var sequence = DriverSequence()
  private var lastPictureNanoseconds = MonotonicClock.now()

  /// How long to wait before looking whether somebody has cancelled, in milliseconds.
  private static let patience: Int32 = 50
  /// With fewer buffers left, the driver would drop frames: pictures are copied then.
  private static let fewestInDriver = 2

  /// Opens the camera at `path` and starts it.
  ///
  /// - Throws: `noSuchInput` where nothing is there; `deviceUnavailable` for a camera that is busy, forbidden or gone, and
  ///   for what is no camera; `unreadable` where it does not offer what the options ask for.
  public init(_ path: String, options: CameraOptions = CameraOptions()) throws(CaptureError) {
    let device = try V4L2Device(path)
    self.device = device
    cancellation = options.cancellation
    let mode = try CameraMode.choose(
      from: device.formats(), options: options, current: device.currentSize, name: path)
    let format = try device.setFormat(mode)
    reader = try CameraPictureReader(format, mode: mode, options: options, device: device)
    let interval = device.setInterval(mode.interval)
    buffers = try CameraBuffers(device)
    clock = StreamClock(usualDuration: Int64(1e9 / (interval?.rate ?? CameraMode.usualRate)))
    silenceNanoseconds = Int64(max(options.silenceSeconds, 5 / (interval?.rate ?? 1)) * 1e9)
    info = SourceInfo(
      name: path, width: format.width, height: format.height, frameRate: interval?.rate, estimatedFrameCount: nil,
      isStillPicture: false, isLive: true, isReopened: true)
    settings =
      "\(format.code) \(format.width)x\(format.height)"
      + (interval.map { ", \(CameraSource.text(rate: $0.rate)) frames/s" } ?? "")
      + ", from \(device.capabilities.card) (\(device.capabilities.bus))"
  }

  deinit { close() }

  /// Stops the camera and lets go of it; frames that were read stay as they are. Happens by itself with the last reference.
  public func close() {
    buffers.close()
    device.close()
  }

  public func makeFrame() -> Frame { Frame(storage: CameraPicture()) }

  public func read(into frame: Frame) throws(CaptureError) -> Bool {
    do {
      return try readNext(into: frame)
    } catch {
      // Whoever opens the camera again may still refer to this, and a camera can be opened once only.
      close()
      throw error
    }
  }

  private func readNext(into frame: Frame) throws(CaptureError) -> Bool {
    guard let picture = frame.storage as? CameraPicture else {
      preconditionFailure("a frame of another kind of source")
    }
    frame.clear()
    while let filled = try next() {
      let number = sequence.number(of: filled.counter)
      let now = MonotonicClock.now()
      let stamp = DriverTime.usable(stamp: filled.stamp, isMonotonic: filled.isMonotonic, now: now)
      let keepsBuffer = buffers.countInDriver >= CameraSource.fewestInDriver
      let result = reader.read(filled, into: picture, mayKeepBuffer: keepsBuffer)
      if result?.keepsBuffer == true {
        picture.hold(filled.index, of: buffers)
      } else {
        buffers.giveBack(filled.index)
      }
      guard let result else {
        decodeErrors += 1
        picture.clear()
        continue
      }
      if result.status == .damaged { decodeErrors += 1 }
      lastPictureNanoseconds = now
      frame.sequence = number
      // Drivers that reckon where the frame ends are sometimes ahead of it.
      frame.captureNanoseconds = min(stamp, now)
      frame.presentationTimeNanoseconds = clock.time(of: stamp)
      frame.status = result.status
      frame.luma = result.luma
      return true
    }
    return false
  }

  /// Waits for the next filled buffer.
  ///
  /// - Returns: nil after somebody cancelled.
  private func next() throws(CaptureError) -> CameraBuffers.Filled? {
    while !cancellation.isCancelled {
      if let filled = try buffers.take() { return filled }
      if MonotonicClock.now() - lastPictureNanoseconds > silenceNanoseconds { throw silence() }
      var request = pollfd(fd: device.descriptor, events: Int16(POLLIN), revents: 0)
      let ready = SystemCall.retrying { Int(poll(&request, 1, CameraSource.patience)) }
      // A driver in trouble says so at once, every time; what it is, the next request tells.
      if ready < 0 || (ready > 0 && request.revents & Int16(POLLIN) == 0) { usleep(5000) }
    }
    return nil
  }

  private func silence() -> CaptureError {
    let seconds = CameraSource.text(rate: Double(silenceNanoseconds) / 1e9)
    if let complaint = reader.lastComplaint {
      return CaptureError(
        .deviceUnavailable, input: info.name,
        "for \(seconds) seconds no picture of the camera could be used (\(complaint))")
    }
    let reason = device.inputProblem.map { ": \($0)" } ?? ""
    return CaptureError(
      .deviceUnavailable, input: info.name, "the camera has sent nothing for \(seconds) seconds\(reason)")
  }

  /// With two decimals at most.
  private static func text(rate: Double) -> String {
    let hundredths = Int((rate * 100).rounded())
    let text = "\(hundredths / 100)"
    guard hundredths % 100 != 0 else { return text }
    let decimals = hundredths % 100
    return text + (decimals % 10 == 0 ? ".\(decimals / 10)" : decimals < 10 ? ".0\(decimals)" : ".\(decimals)")
  }
}
