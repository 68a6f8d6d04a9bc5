import CFFmpeg
import Glibc
import Threads

/// Reads the packets of one stream and decodes them, with all errors counted.
final class StreamDecoder {
  let input: MediaInput
  let stream: UnsafeMutablePointer<AVStream>
  private let codec: UnsafeMutablePointer<AVCodecContext>
  private let packet: UnsafeMutablePointer<AVPacket>

  /// What the decoder complains of.
  private let errorLog = ErrorLog()
  /// Whether a decoded frame always belongs to the packet that was sent last.
  private let isImmediate: Bool

  /// Packets that were torn or could not be decoded, places where the container could not be read, and frames that
  /// the decoder had to repair.
  private(set) var errorCount = 0
  /// When the stream's newest packet came in, on the monotonic clock.
  private(set) var packetArrival: Int64 = 0
  /// Of live video alone.
  private var backlog: DecodingBacklog?
  /// Whether frames have been left out on purpose since the last one that came out.
  private(set) var leavesOut = false
  private var state = State.reading
  /// What ended the input early; thrown when all frames that came before it are out.
  private var failure: CaptureError?
  private var consecutiveReadErrors = 0
  /// Errors of the decoder since it got its last packet.
  private var decoderErrorRun = 0
  /// Whether what the demuxer complained of while it looked ahead is still to be counted.
  private var hasProbingComplaint: Bool
  /// Complaints that have been counted while the frame they are about is still to come.
  private var earlyComplaints = 0
  /// Position in the input of the last packet that came torn; -1 where none did.
  private var tornPosition: Int64 = -1

  private enum State {
    case reading
    /// The input is at its end; the decoder may hold frames back.
    case draining
    case finished
  }

  /// A container that is torn at one place is usually readable again a little later; one that fails this often in a row
  /// has ended (each frame missing at the end of a cut file is one error of the demuxer).
  private static let longestErrorRun = 256
  /// 16,384 × 16,384: beyond it, a damaged header is likelier than a picture.
  private static let largestPicture: Int64 = 1 << 28

  init(
    input: MediaInput, stream: UnsafeMutablePointer<AVStream>, options: SourceOptions
  ) throws(CaptureError) {
    self.input = input
    self.stream = stream
    let parameters = stream.pointee.codecpar!
    guard let decoder = avcodec_find_decoder(parameters.pointee.codec_id),
      let context = avcodec_alloc_context3(decoder)
    else {
      throw CaptureError(
        .unreadable, input: input.name,
        "no decoder for \(String(cString: avcodec_get_name(parameters.pointee.codec_id)))")
    }
    codec = context
    packet = av_packet_alloc()
    hasProbingComplaint = input.hasProbingComplaint
    isImmediate = decoder.pointee.capabilities & AV_CODEC_CAP_DELAY == 0 && options.threadCount <= 1
    avcodec_parameters_to_context(context, parameters)
    context.pointee.opaque = errorLog.opaque
    context.pointee.pkt_timebase = stream.pointee.time_base
    context.pointee.thread_count = Int32(clamping: max(1, options.threadCount))
    context.pointee.max_pixels = StreamDecoder.largestPicture
    // A frame that is damaged is delivered and marked rather than dropped: none of the input's frames may go missing.
    context.pointee.flags |= ferd_codec_flag_output_corrupt | ferd_codec_flag_unaligned
    context.pointee.err_recognition |= AV_EF_CRCCHECK
    if options.isLive, input.isNetwork {
      context.pointee.flags |= ferd_codec_flag_low_delay
      if !input.hasKnownDuration { backlog = DecodingBacklog() }
    }
    let code = avcodec_open2(context, decoder, nil)
    guard code >= 0 else {
      throw CaptureError(
        .unreadable, input: input.name,
        "cannot decode \(String(cString: decoder.pointee.name)): \(FFmpegLibrary.describe(code))")
    }
    _ = errorLog.takeCount()
  }

  /// What the decoder said last, for messages.
  var lastComplaint: String? { errorLog.lastMessage }

  deinit {
    var codec: UnsafeMutablePointer<AVCodecContext>? = codec
    avcodec_free_context(&codec)
    var packet: UnsafeMutablePointer<AVPacket>? = packet
    av_packet_free(&packet)
  }

  /// Decodes the next frame.
  ///
  /// - Returns: nil at the end of the input, otherwise the frame's state.
  /// - Throws: what broke the input off, after the last frame that came before.
  func decode(into frame: UnsafeMutablePointer<AVFrame>) throws(CaptureError) -> FrameStatus? {
    while state != .finished {
      if input.interruptGuard.cancellation.isCancelled {
        state = .finished
        return nil
      }
      let code = avcodec_receive_frame(codec, frame)
      switch code {
      case 0:
        return status(of: frame)
      case ferd_averror_eagain:
        if state == .reading { feed() }
      case ferd_averror_eof:
        state = .finished
      default:
        noteUndecodable()
        decoderErrorRun += 1
        if decoderErrorRun > StreamDecoder.longestErrorRun { state = .finished }
      }
    }
    if let failure {
      self.failure = nil
      throw failure
    }
    return nil
  }

  /// Gives the decoder the stream's next packet, or tells it that there are no more.
  private func feed() {
    let start = MonotonicClock.now()
    let code = input.read(into: packet)
    if input.errorLog.takeCount() > 0, code >= 0 || code == ferd_averror_eof { errorCount += 1 }
    guard code >= 0 else {
      noteReadError(code)
      return
    }
    consecutiveReadErrors = 0
    defer { av_packet_unref(packet) }
    let isTorn = packet.pointee.flags & AV_PKT_FLAG_CORRUPT != 0
    guard packet.pointee.stream_index == stream.pointee.index else {
      // Where the sound is torn the file is, and frames may be missing.
      if isTorn { errorCount += 1 }
      return
    }
    packetArrival = MonotonicClock.now()
    limitBacklog(waited: packetArrival - start)
    if isTorn { tornPosition = packet.pointee.pos }
    decoderErrorRun = 0
    let sent = avcodec_send_packet(codec, packet)
    if isTorn || sent < 0 { noteUndecodable() }
  }

  /// Leaves frames out where the decoder does not get through.
  private func limitBacklog(waited: Int64) {
    guard backlog != nil else { return }
    let stamp = packet.pointee.dts == ferd_av_nopts ? packet.pointee.pts : packet.pointee.dts
    let time = stamp == ferd_av_nopts ? nil : stamp.rescaledToNanoseconds(from: stream.pointee.time_base)
    backlog!.note(waited: waited, arrival: packetArrival, time: time)
    switch backlog!.effort {
    case .allFrames: codec.pointee.skip_frame = AVDISCARD_DEFAULT
    case .neededFrames: codec.pointee.skip_frame = AVDISCARD_NONREF
    case .keyFrames: codec.pointee.skip_frame = AVDISCARD_NONKEY
    }
    if backlog!.effort != .allFrames { leavesOut = true }
  }

  /// The frames that were left out have been counted.
  func resumeCounting() { leavesOut = backlog.map { $0.effort != .allFrames } ?? false }

  private func noteReadError(_ code: Int32) {
    if code == ferd_averror_eagain {
      usleep(1000)
      return
    }
    if input.interruptGuard.cancellation.isCancelled {
      state = .finished
      return
    }
    if code == ferd_averror_exit || input.interruptGuard.hasExpired {
      failure = input.timeoutError()
    } else if let transport = input.transportError {
      failure = CaptureError(
        .inputOutput, input: input.name, "the input broke off: \(FFmpegLibrary.describe(transport))")
    } else if code == ferd_averror_eof {
      if input.lacksTrailer || hasProbingComplaint { errorCount += 1 }
    } else {
      // A run of errors is one damaged place; when looking ahead, the demuxer stopped at the first one.
      if consecutiveReadErrors == 0 { errorCount += 1 }
      hasProbingComplaint = false
      consecutiveReadErrors += 1
      if consecutiveReadErrors < StreamDecoder.longestErrorRun { return }
    }
    state = .draining
    avcodec_send_packet(codec, nil)
  }

  /// Counts what is wrong with a frame, or with the packets that were decoded on the way to it.
  private func status(of frame: UnsafeMutablePointer<AVFrame>) -> FrameStatus {
    let hasComplaint = errorLog.takeCount() > 0
    let isDamaged = isMarkedDamaged(frame) || (hasComplaint && isImmediate)
    if hasComplaint {
      errorCount += 1
      if !isDamaged { earlyComplaints += 1 }
    } else if isDamaged {
      // With frames in another order than packets, the complaint came some frames earlier.
      if earlyComplaints > 0 { earlyComplaints -= 1 } else { errorCount += 1 }
    }
    return isDamaged ? .damaged : .ok
  }

  private func noteUndecodable() {
    errorCount += 1
    _ = errorLog.takeCount()
  }

  /// Whether FFmpeg says of this very frame that something is wrong with it.
  private func isMarkedDamaged(_ frame: UnsafeMutablePointer<AVFrame>) -> Bool {
    frame.pointee.flags & ferd_frame_corrupt != 0 || frame.pointee.decode_error_flags != 0
      || (tornPosition >= 0 && frame.pointee.pkt_pos == tornPosition)
  }
}
