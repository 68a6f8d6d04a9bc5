import CFFmpeg

/// Decodes pictures that come one in each packet.
final class PictureDecoder {
  private let errorLog = ErrorLog()
  private let packet: UnsafeMutablePointer<AVPacket> = av_packet_alloc()
  private let codec: UnsafeMutablePointer<AVCodecContext>
  /// Holds what a decoder must be able to read behind a packet.
  private var input: UnsafeMutablePointer<AVBufferRef>?

  let id: AVCodecID

  /// - Parameter name: what to call the input in errors.
  init(_ id: AVCodecID, name: String) throws(CaptureError) {
    FFmpegLibrary.prepare()
    self.id = id
    guard let decoder = avcodec_find_decoder(id), let context = avcodec_alloc_context3(decoder) else {
      throw CaptureError(.unreadable, input: name, "no decoder for \(String(cString: avcodec_get_name(id)))")
    }
    codec = context
    context.pointee.opaque = errorLog.opaque
    context.pointee.thread_count = 1
    context.pointee.max_pixels = 1 << 28
    context.pointee.err_recognition |= AV_EF_CRCCHECK
    context.pointee.flags |= ferd_codec_flag_unaligned
    let code = avcodec_open2(context, decoder, nil)
    guard code >= 0 else { throw CaptureError(.unreadable, input: name, FFmpegLibrary.describe(code)) }
  }

  deinit {
    var codec: UnsafeMutablePointer<AVCodecContext>? = codec
    avcodec_free_context(&codec)
    var packet: UnsafeMutablePointer<AVPacket>? = packet
    av_packet_free(&packet)
    av_buffer_unref(&input)
  }

  /// What the decoder said last, for messages.
  var lastComplaint: String? { errorLog.lastMessage }

  /// - Parameters:
  ///   - bytes: followed by `AV_INPUT_BUFFER_PADDING_SIZE` zeros.
  ///   - count: without these.
  /// - Returns: FFmpeg's code: 0, or what ended decoding; and whether something is wrong with the picture.
  func decode(
    _ bytes: UnsafeMutablePointer<UInt8>, count: Int, into frame: UnsafeMutablePointer<AVFrame>
  ) -> (code: Int32, status: FrameStatus) {
    packet.pointee.data = bytes
    packet.pointee.size = Int32(clamping: count)
    return decodePacket(into: frame)
  }

  /// Decodes from memory that has no padding; the bytes are copied once and no memory is taken for it once the largest
  /// picture has come.
  func decode(
    copying bytes: UnsafeRawBufferPointer, into frame: UnsafeMutablePointer<AVFrame>
  ) -> (code: Int32, status: FrameStatus) {
    let padding = Int(AV_INPUT_BUFFER_PADDING_SIZE)
    if input.map({ $0.pointee.size < bytes.count + padding || av_buffer_is_writable($0) == 0 }) ?? true {
      av_buffer_unref(&input)
      input = av_buffer_alloc(bytes.count + bytes.count / 4 + padding)
    }
    guard let input, let source = bytes.baseAddress else { return (ferd_averror_invalid_data, .damaged) }
    let target = UnsafeMutableRawPointer(input.pointee.data!)
    target.copyMemory(from: source, byteCount: bytes.count)
    memset(target + bytes.count, 0, padding)
    packet.pointee.buf = av_buffer_ref(input)
    return decode(input.pointee.data, count: bytes.count, into: frame)
  }

  private func decodePacket(into frame: UnsafeMutablePointer<AVFrame>) -> (code: Int32, status: FrameStatus) {
    // Without it the PNG decoder adds the picture before, as animated PNGs want it.
    packet.pointee.flags |= AV_PKT_FLAG_KEY
    var code = avcodec_send_packet(codec, packet)
    if code >= 0 { code = avcodec_receive_frame(codec, frame) }
    av_packet_unref(packet)
    if code < 0 { avcodec_flush_buffers(codec) }
    let isSound =
      errorLog.takeCount() == 0 && code >= 0 && frame.pointee.decode_error_flags == 0
      && frame.pointee.flags & ferd_frame_corrupt == 0
    return (code, isSound ? .ok : .damaged)
  }
}
