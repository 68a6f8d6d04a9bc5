import CFFmpeg
import Glibc

/// An opened container: the demuxer and what it reads from.
final class MediaInput {
  let name: String
  let context: UnsafeMutablePointer<AVFormatContext>
  let interruptGuard: InterruptGuard
  let isNetwork: Bool
  /// What the demuxer complains of.
  let errorLog = ErrorLog()
  /// Whether the demuxer complained while it looked ahead for what the streams are. It may have read a short file to its
  /// end by then, and will not say again that it is cut off.
  private(set) var hasProbingComplaint = false
  private let networkTimeoutSeconds: Double
  private let bytes: ByteInput?

  init(_ name: String, options: SourceOptions) throws(CaptureError) {
    FFmpegLibrary.prepare()
    self.name = name
    let location = try InputLocation(name)
    networkTimeoutSeconds = options.networkTimeoutSeconds
    interruptGuard = InterruptGuard(cancellation: options.cancellation)

    // With a pattern type other than `none`, a picture called "100%d.png" would be taken for a sequence.
    var dictionary = OptionDictionary(["pattern_type": "none"])
    var format: UnsafeMutablePointer<AVFormatContext>? = avformat_alloc_context()
    format!.pointee.interrupt_callback = interruptGuard.callback
    format!.pointee.opaque = errorLog.opaque
    var url: String
    switch location {
    case .file(let path):
      url = "file:" + path
      bytes = nil
      isNetwork = false
    case .descriptor(let descriptor, let owned):
      url = ""
      let input = ByteInput(descriptor: descriptor, owned: owned, interruptGuard: interruptGuard)
      format!.pointee.pb = input.context
      bytes = input
      isNetwork = false
    case .url(let text):
      url = text
      bytes = nil
      isNetwork = true
      // RTSP over UDP loses packets without a word and needs open ports; TCP is what cameras are used with.
      dictionary.set("rtsp_transport", "tcp")
      if options.isLive {
        // Microseconds of the stream to look at before the first frame. Not `nobuffer` as well: it throws away what was
        // looked at, the first key frame too, and what was kept is decoded at once and gives way to what is newer.
        dictionary.set("analyzeduration", "1000000")
        dictionary.set("fpsprobesize", "8")
        dictionary.set("tcp_nodelay", "1")
      }
      interruptGuard.allow(seconds: networkTimeoutSeconds)
    }

    var code = avformat_open_input(&format, url, nil, &dictionary.handle)
    // The function frees the context where it fails.
    guard code >= 0, let opened = format else {
      throw MediaInput.openingError(
        code, name: name, location: location, interruptGuard: interruptGuard, timeout: networkTimeoutSeconds,
        detail: errorLog.lastMessage)
    }
    context = opened
    _ = errorLog.takeCount()
    // A live stream is watched for some seconds of its own time to learn its rate.
    if isNetwork { interruptGuard.allow(seconds: networkTimeoutSeconds + 10) }
    code = avformat_find_stream_info(context, nil)
    guard code >= 0, !interruptGuard.shouldStop else {
      throw MediaInput.openingError(
        code, name: name, location: location, interruptGuard: interruptGuard, timeout: networkTimeoutSeconds,
        detail: errorLog.lastMessage)
    }
    hasProbingComplaint = errorLog.takeCount() > 0
  }

  deinit {
    interruptGuard.allow(seconds: isNetwork ? 2 : nil)
    // Our own byte reader survives this and is freed with `bytes`.
    var format: UnsafeMutablePointer<AVFormatContext>? = context
    avformat_close_input(&format)
  }

  /// Whether the container says how long it is, as recordings on a server do and streams cannot.
  var hasKnownDuration: Bool { context.pointee.duration > 0 }

  /// Short name of the container format, such as `mov,mp4,m4a,3gp,3g2,mj2`.
  var formatName: String { String(cString: context.pointee.iformat.pointee.name) }

  /// In nanoseconds, of a recording that comes by RTSP. Where its connection breaks, FFmpeg tells an end like any other.
  var announcedDuration: Int64? {
    guard hasKnownDuration, formatName == "rtsp" else { return nil }
    return context.pointee.duration * (1_000_000_000 / Int64(AV_TIME_BASE))
  }

  var streams: UnsafeBufferPointer<UnsafeMutablePointer<AVStream>?> {
    UnsafeBufferPointer(start: context.pointee.streams, count: Int(context.pointee.nb_streams))
  }

  /// The next packet of any stream; FFmpeg's code. A server that sends nothing for too long makes it return
  /// `AVERROR_EXIT`.
  func read(into packet: UnsafeMutablePointer<AVPacket>) -> Int32 {
    if isNetwork { interruptGuard.allow(seconds: networkTimeoutSeconds) }
    return av_read_frame(context, packet)
  }

  /// Whether the mark that ends every file of this format is missing. Asked at the end of the input: of the formats
  /// with such a mark, FFmpeg looks for it in all but GIF.
  var lacksTrailer: Bool {
    guard formatName == "gif", let io = context.pointee.pb, io.pointee.seekable != 0 else { return false }
    guard avio_seek(io, avio_size(io) - 1, SEEK_SET) >= 0 else { return true }
    return avio_r8(io) != 0x3B
  }

  /// The error of the transport (disk, network) below the demuxer; nil where the bytes themselves come as they should.
  var transportError: Int32? {
    guard let io = context.pointee.pb, io.pointee.error < 0, io.pointee.error != ferd_averror_eof else {
      return nil
    }
    return io.pointee.error
  }

  func timeoutError() -> CaptureError {
    CaptureError(.inputOutput, input: name, "nothing came for \(networkTimeoutSeconds.formattedSeconds)")
  }

  private static func openingError(
    _ code: Int32, name: String, location: InputLocation, interruptGuard: InterruptGuard, timeout: Double,
    detail: String?
  ) -> CaptureError {
    if interruptGuard.cancellation.isCancelled {
      return CaptureError(.cancelled, input: name, "cancelled while it was opened")
    }
    if case .url = location {
      if interruptGuard.hasExpired || code == -ETIMEDOUT {
        return CaptureError(.noSuchInput, input: name, "no answer within \(timeout.formattedSeconds)")
      }
      switch code {
      case ferd_averror_http_not_found:
        return CaptureError(.noSuchInput, input: name, "the server does not have it (404)")
      case ferd_averror_no_protocol:
        return CaptureError(.unreadable, input: name, "FFmpeg does not speak this protocol")
      // A name that no name server knows comes as EIO.
      case -EIO, -ECONNREFUSED, -EHOSTUNREACH, -ENETUNREACH, -ENETDOWN, -ECONNRESET, -ENOENT, -EADDRNOTAVAIL:
        return CaptureError(.noSuchInput, input: name, "cannot reach it: \(FFmpegLibrary.describe(code))")
      default: break
      }
    }
    guard code == ferd_averror_invalid_data || code == ferd_averror_eof else {
      return CaptureError(.unreadable, input: name, FFmpegLibrary.describe(code))
    }
    return CaptureError(
      .unreadable, input: name,
      "expected a video or a picture, found neither (\(detail ?? "no format that FFmpeg knows"))")
  }
}

extension Double {
  /// A number of seconds for messages.
  fileprivate var formattedSeconds: String { self == rounded() ? "\(Int(self)) s" : "\(self) s" }
}
