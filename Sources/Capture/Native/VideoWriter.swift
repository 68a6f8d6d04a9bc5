import CFFmpeg
import Glibc
public import Pixels

/// How a video is encoded.
public struct VideoWriterOptions: Sendable {
  /// FFmpeg's name of the encoder; nil takes H.264 where it is built in, MPEG-4 otherwise.
  public var codec: String?
  /// FFmpeg's name of the pixel format.
  public var pixelFormat = "yuv420p"
  /// Levels of the luma samples.
  public var range = LumaRange.limited
  /// Frames per second as a fraction.
  public var frameRate = (numerator: 25, denominator: 1)
  /// Frames from one key frame to the next.
  public var keyFrameInterval = 12
  public var maximumBFrames = 0
  public var isInterlaced = false
  /// Degrees that a player must turn the picture clockwise: 0, 90, 180 or 270. Only in MP4 and QuickTime files.
  public var rotation = 0
  /// Private options of the encoder, such as `crf` or `qp`.
  public var encoderOptions: [String: String] = [:]
  /// Options of the container, such as `movflags`.
  public var containerOptions: [String: String] = [:]

  public init() {}
}

/// Writes a video of grey pictures, all of one size, for test clips and demonstrations.
///
/// The file appears under its name when `finish()` succeeds; until then, and for good where it fails, there is only a
/// temporary file beside it. The same pictures give the same bytes.
public final class VideoWriter {
  private let path: String
  private let temporaryPath: String
  private let width: Int
  private let height: Int
  private let range: LumaRange
  private let frameRate: (numerator: Int, denominator: Int)
  private let encoder: Encoder
  private let picture = DecodedPicture()
  private var container: UnsafeMutablePointer<AVFormatContext>?
  private var stream: UnsafeMutablePointer<AVStream>
  private var scaler: OpaquePointer?
  private var count: Int64 = 0
  private var lastTimestamp: Int64 = -1
  private var isFinished = false

  /// - Parameters:
  ///   - path: its extension chooses the container (mp4, mkv, avi, gif, …).
  ///   - width: in pixels; encoders with subsampled colour may want even numbers.
  ///   - height: in pixels.
  public init(
    path: String, width: Int, height: Int, options: VideoWriterOptions = VideoWriterOptions()
  ) throws(CaptureError) {
    FFmpegLibrary.prepare()
    func fail(_ message: String) -> CaptureError { CaptureError(.inputOutput, input: path, message) }
    self.path = path
    self.width = width
    self.height = height
    range = options.range
    frameRate = options.frameRate
    temporaryPath = SystemCall.temporaryName(beside: path)

    guard let format = av_guess_format(nil, path, nil) else { throw fail("no container format for this extension") }
    let names = options.codec.map { [$0] } ?? ["libx264", "mpeg4"]
    guard let encoder = names.lazy.compactMap({ Encoder(name: $0) }).first else {
      throw fail("FFmpeg has no encoder \(names.joined(separator: " or "))")
    }
    self.encoder = encoder
    let pixelFormat = av_get_pix_fmt(options.pixelFormat)
    guard pixelFormat != AV_PIX_FMT_NONE else { throw fail("no pixel format \(options.pixelFormat)") }
    guard avformat_alloc_output_context2(&container, format, nil, temporaryPath) >= 0, let container,
      let stream = avformat_new_stream(container, nil)
    else { throw fail("cannot make a container") }
    self.stream = stream

    let context = encoder.context
    context.pointee.width = Int32(width)
    context.pointee.height = Int32(height)
    context.pointee.pix_fmt = pixelFormat
    context.pointee.color_range = range == .full ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG
    // Fine enough for any frame rate, and within what MPEG-4 can count (16 bits).
    context.pointee.time_base = AVRational(
      num: Int32(options.frameRate.denominator), den: Int32(options.frameRate.numerator))
    context.pointee.framerate = AVRational(
      num: Int32(options.frameRate.numerator), den: Int32(options.frameRate.denominator))
    context.pointee.gop_size = Int32(options.keyFrameInterval)
    context.pointee.max_b_frames = Int32(options.maximumBFrames)
    // Small pictures too get enough for their headers.
    context.pointee.bit_rate = max(100_000, Int64(width * height) * 8)
    if options.isInterlaced { context.pointee.flags |= ferd_codec_flag_interlaced }
    if container.pointee.oformat.pointee.flags & AVFMT_GLOBALHEADER != 0 {
      context.pointee.flags |= ferd_codec_flag_global_header
    }
    var code = encoder.open(options.encoderOptions)
    guard code >= 0 else { throw fail("cannot open the encoder: \(FFmpegLibrary.describe(code))") }

    container.pointee.flags |= AVFMT_FLAG_BITEXACT
    stream.pointee.time_base = context.pointee.time_base
    stream.pointee.avg_frame_rate = context.pointee.framerate
    avcodec_parameters_from_context(stream.pointee.codecpar, context)
    if options.rotation % 360 != 0 {
      let matrix = av_stream_new_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, 36)!
      matrix.withMemoryRebound(to: Int32.self, capacity: 9) {
        av_display_rotation_set($0, Double(options.rotation))
      }
    }
    code = avio_open(&container.pointee.pb, "file:" + temporaryPath, AVIO_FLAG_WRITE)
    if code >= 0 {
      var dictionary = OptionDictionary(options.containerOptions)
      code = avformat_write_header(container, &dictionary.handle)
    }
    guard code >= 0 else { throw fail("cannot write: \(FFmpegLibrary.describe(code))") }

    let frame = picture.frame
    frame.pointee.width = Int32(width)
    frame.pointee.height = Int32(height)
    frame.pointee.format = pixelFormat.rawValue
    frame.pointee.color_range = context.pointee.color_range
    frame.pointee.interlaced_frame = options.isInterlaced ? 1 : 0
    frame.pointee.top_field_first = options.isInterlaced ? 1 : 0
    scaler = sws_getContext(
      Int32(width), Int32(height), AV_PIX_FMT_GRAY8, Int32(width), Int32(height), pixelFormat,
      SWS_POINT | SWS_ACCURATE_RND, nil, nil, nil)
    guard let scaler, av_frame_get_buffer(frame, 0) >= 0 else {
      throw fail("cannot convert grey to \(options.pixelFormat)")
    }
    let coefficients = sws_getCoefficients(SWS_CS_ITU601)
    sws_setColorspaceDetails(
      scaler, coefficients, 1, coefficients, range == .full ? 1 : 0, 0, 1 << 16, 1 << 16)
  }

  deinit {
    sws_freeContext(scaler)
    if let container {
      if container.pointee.pb != nil { avio_closep(&container.pointee.pb) }
      avformat_free_context(container)
    }
    if !isFinished { unlink(temporaryPath) }
  }

  /// Appends a picture.
  ///
  /// - Parameter timestamp: in units of one over the frame rate, larger than the last one; nil follows the last one.
  ///   Leaving numbers out makes a variable frame rate.
  public func append(_ image: LumaImage, timestamp: Int? = nil) throws(CaptureError) {
    precondition(
      image.width == width && image.height == height, "\(image.width)x\(image.height) in \(width)x\(height)")
    let frame = picture.frame
    guard av_frame_make_writable(frame) >= 0 else { throw failure("no memory", 0) }
    image.withPlane { plane in
      withUnsafeTemporaryAllocation(of: UnsafePointer<UInt8>?.self, capacity: 4) { source in
        source.initialize(repeating: nil)
        source[0] = plane.base
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: 4) { strides in
          strides.initialize(repeating: 0)
          strides[0] = Int32(plane.bytesPerRow)
          withUnsafeMutablePointer(to: &frame.pointee.data) { data in
            withUnsafePointer(to: &frame.pointee.linesize) { linesize in
              _ = sws_scale(
                scaler, source.baseAddress!, strides.baseAddress!, 0, Int32(height),
                UnsafeRawPointer(data).assumingMemoryBound(to: UnsafeMutablePointer<UInt8>?.self),
                UnsafeRawPointer(linesize).assumingMemoryBound(to: Int32.self))
            }
          }
        }
      }
    }
    lastTimestamp = timestamp.map { Int64($0) } ?? lastTimestamp + 1
    frame.pointee.pts = lastTimestamp
    try encode(frame)
  }

  /// Writes what the encoder holds back and the container's index, and gives the file its name.
  public func finish() throws(CaptureError) {
    precondition(!isFinished, "finished twice")
    try encode(nil)
    var code = av_write_trailer(container)
    if code >= 0 { code = avio_closep(&container!.pointee.pb) }
    guard code >= 0 else { throw failure("cannot write", code) }
    let renamed = SystemCall.retrying { Int(rename(temporaryPath, path)) }
    guard renamed >= 0 else {
      throw CaptureError(.inputOutput, input: path, SystemCall.describe(errno: Int32(-renamed)))
    }
    isFinished = true
  }

  private func encode(_ frame: UnsafeMutablePointer<AVFrame>?) throws(CaptureError) {
    var code = avcodec_send_frame(encoder.context, frame)
    while code >= 0 {
      code = avcodec_receive_packet(encoder.context, encoder.packet)
      if code == ferd_averror_eagain || code == ferd_averror_eof { return }
      guard code >= 0 else { break }
      // The muxer may have chosen another time base than it was asked for.
      encoder.packet.pointee.duration = 1
      av_packet_rescale_ts(encoder.packet, encoder.context.pointee.time_base, stream.pointee.time_base)
      encoder.packet.pointee.stream_index = stream.pointee.index
      code = av_interleaved_write_frame(container, encoder.packet)
    }
    throw failure("cannot encode", code)
  }

  private func failure(_ doing: String, _ code: Int32) -> CaptureError {
    CaptureError(.inputOutput, input: path, "\(doing): \(FFmpegLibrary.describe(code))")
  }
}
