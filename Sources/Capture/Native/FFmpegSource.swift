import CFFmpeg
import Pixels

/// A video, stream or still picture that FFmpeg decodes.
///
/// Its first frame is decoded when it is opened, so that whatever opens has a picture and a size; of formats that hold one
/// picture as well as many (GIF, AVIF, pictures on a pipe) also the second one, which tells.
public final class FFmpegSource: FrameSource {
  public private(set) var info: SourceInfo
  public var decodeErrors: Int { decoder.errorCount + unusableFrames }

  private let input: MediaInput
  private let decoder: StreamDecoder
  private let extractor = LumaExtractor()
  private let streamOrientation: Orientation
  /// How much shorter than announced a recording may be, in nanoseconds.
  private static let durationTolerance: Int64 = 2_000_000_000
  /// Whether frames come from the network as they happen, without an end that anybody knows.
  private let isLive: Bool
  private var clock: StreamClock
  private var sequence = 0
  /// Of the last frame, on the stream's clock.
  private var lastTime: Int64 = 0
  /// The frames that were decoded on opening, the next one last, until they are read.
  private var decodedFrames: [Frame] = []
  /// What broke the input off behind them.
  private var failure: CaptureError?
  /// Frames that were decoded but whose samples cannot be used.
  private var unusableFrames = 0

  /// Opens `name` (a path, a URL, or `-`) and decodes the first frame.
  public init(_ name: String, options: SourceOptions = SourceOptions()) throws(CaptureError) {
    input = try MediaInput(name, options: options)
    let stream = try input.selectStream(options.streamIndex)
    decoder = try StreamDecoder(input: input, stream: stream, options: options)
    streamOrientation = Orientation(stream: stream)

    isLive = options.isLive && input.isNetwork && !input.hasKnownDuration

    let rate = FFmpegSource.frameRate(of: stream)
    clock = StreamClock(usualDuration: Int64(1e9 / (rate ?? 25)))
    info = SourceInfo(
      name: name, width: 0, height: 0, frameRate: rate,
      estimatedFrameCount: FFmpegSource.estimatedFrameCount(stream: stream, input: input, frameRate: rate),
      isStillPicture: false, isLive: isLive, isReopened: options.isLive && input.isNetwork)

    let frame = makeFrame()
    guard try decodeNext(into: frame), let luma = frame.luma else {
      throw options.cancellation.isCancelled
        ? CaptureError(.cancelled, input: name, "cancelled before its first frame")
        : CaptureError(
          .unreadable, input: name,
          "not one frame could be decoded" + (decoder.lastComplaint.map { " (\($0))" } ?? ""))
    }
    decodedFrames = [frame]
    info.width = luma.width
    info.height = luma.height
    if input.isOnePictureInAFile || (input.mayBeOnePicture && !hasSecondFrame()) {
      info.isStillPicture = true
      info.frameRate = nil
      info.estimatedFrameCount = 1
    }
  }

  private func hasSecondFrame() -> Bool {
    let second = makeFrame()
    do throws(CaptureError) {
      guard try decodeNext(into: second) else { return false }
      decodedFrames.insert(second, at: 0)
    } catch {
      failure = error
    }
    return true
  }

  /// Ends a blocked read from another thread; the same as cancelling `SourceOptions.cancellation`.
  public var cancellation: CaptureCancellation { input.interruptGuard.cancellation }

  public func makeFrame() -> Frame { Frame(storage: DecodedPicture()) }

  public func read(into frame: Frame) throws(CaptureError) -> Bool {
    if let decoded = decodedFrames.popLast() {
      frame.clear()
      frame.exchange(with: decoded)
      return true
    }
    if let failure {
      self.failure = nil
      throw failure
    }
    if try decodeNext(into: frame) { return true }
    guard !cancellation.isCancelled else { return false }
    if isLive { throw CaptureError(.inputOutput, input: info.name, "the server ended the stream") }
    if let length = input.announcedDuration, lastTime < length - Self.durationTolerance {
      throw CaptureError(
        .inputOutput, input: info.name,
        "the server ended the stream after \(lastTime / 1_000_000_000) of \(length / 1_000_000_000) seconds")
    }
    return false
  }

  private func decodeNext(into frame: Frame) throws(CaptureError) -> Bool {
    guard let picture = frame.storage as? DecodedPicture else {
      preconditionFailure("a frame of another kind of source")
    }
    frame.clear()
    while let status = try decoder.decode(into: picture.frame) {
      let orientation = Orientation(frame: picture.frame, streamOrientation: streamOrientation)
      frame.presentationTimeNanoseconds = time(of: picture.frame)
      guard let luma = extractor.luma(of: picture, orientation: orientation) else {
        unusableFrames += 1
        picture.clear()
        continue
      }
      if decoder.leavesOut { countFramesLeftOut(before: frame.presentationTimeNanoseconds) }
      lastTime = frame.presentationTimeNanoseconds
      frame.sequence = sequence
      sequence += 1
      frame.status = status
      frame.luma = luma
      if isLive { frame.captureNanoseconds = decoder.packetArrival }
      return true
    }
    return false
  }

  /// The decoder left frames out because it could not keep up: their numbers are missing, as if they had been lost.
  private func countFramesLeftOut(before time: Int64) {
    decoder.resumeCounting()
    let frames = Double(time - lastTime) / Double(clock.usualDuration)
    sequence += max(0, Int(min(frames, 1e9).rounded()) - 1)
  }

  private func time(of frame: UnsafeMutablePointer<AVFrame>) -> Int64 {
    let base = decoder.stream.pointee.time_base
    let timestamp = frame.pointee.best_effort_timestamp
    let nanoseconds = timestamp == ferd_av_nopts ? nil : timestamp.rescaledToNanoseconds(from: base)
    return clock.time(of: nanoseconds, duration: frame.pointee.pkt_duration.rescaledToNanoseconds(from: base))
  }

  private static func frameRate(of stream: UnsafeMutablePointer<AVStream>) -> Double? {
    for rate in [stream.pointee.avg_frame_rate, stream.pointee.r_frame_rate] where rate.num > 0 && rate.den > 0 {
      let value = Double(rate.num) / Double(rate.den)
      // Streams without timing show their time base (90,000, 1,000,000) here.
      if value < 1001 { return value }
    }
    return nil
  }

  private static func estimatedFrameCount(
    stream: UnsafeMutablePointer<AVStream>, input: MediaInput, frameRate: Double?
  ) -> Int? {
    if stream.pointee.nb_frames > 0 { return Int(stream.pointee.nb_frames) }
    guard let frameRate else { return nil }
    var seconds = 0.0
    if stream.pointee.duration > 0 {
      seconds = Double(stream.pointee.duration) * av_q2d(stream.pointee.time_base)
    } else if input.context.pointee.duration > 0 {
      seconds = Double(input.context.pointee.duration) / Double(AV_TIME_BASE)
    }
    let count = (seconds * frameRate).rounded()
    return count >= 1 && count < 1e12 ? Int(count) : nil
  }
}

extension MediaInput {
  /// Whether the format knows files of one picture only. On a pipe, pictures may come in a row.
  fileprivate var isOnePictureInAFile: Bool {
    formatName == "image2" || (formatName.hasSuffix("_pipe") && context.pointee.pb?.pointee.seekable != 0)
  }

  /// Whether a single picture comes in this format as well as many.
  fileprivate var mayBeOnePicture: Bool {
    if ["gif", "apng"].contains(formatName) || formatName.hasSuffix("_pipe") { return true }
    // AVIF and HEIF pictures look like a film of one frame.
    guard let brand = av_dict_get(context.pointee.metadata, "major_brand", nil, 0) else { return false }
    return ["avif", "avis", "heic", "heix", "mif1", "msf1"].contains(String(cString: brand.pointee.value))
  }
}

extension Int64 {
  /// Stream time to nanoseconds, clamped where it does not fit.
  func rescaledToNanoseconds(from base: AVRational) -> Int64 {
    av_rescale_q_rnd(self, base, AVRational(num: 1, den: 1_000_000_000), AV_ROUND_NEAR_INF)
  }
}
