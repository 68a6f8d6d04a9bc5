import CFFmpeg
import Threads

/// The errors that one demuxer or decoder has reported.
///
/// FFmpeg mends a good deal without telling its caller: a JPEG cut short, a GIF whose compression has gone astray, a
/// Matroska file without its end come out as if nothing had happened. Only its log knows.
final class ErrorLog: Sendable {
  private struct State {
    var count = 0
    var lastMessage: String?
  }
  private let state = Guarded(State())

  /// Number of messages since the last call.
  func takeCount() -> Int {
    state.withLock { state in
      defer { state.count = 0 }
      return state.count
    }
  }

  /// What FFmpeg said last, without the names of its parts.
  var lastMessage: String? { state.withLock { $0.lastMessage } }

  /// For the `opaque` of an `AVFormatContext` or `AVCodecContext`; valid as long as the log lives.
  var opaque: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

  /// The log that belongs to whoever reports; nil for contexts of others.
  ///
  /// - Parameter context: what FFmpeg gives to its log callback: a structure that begins with a pointer to its class.
  static func owning(_ context: UnsafeMutableRawPointer?) -> ErrorLog? {
    guard let context, let type = context.load(as: UnsafePointer<AVClass>?.self) else { return nil }
    let opaque: UnsafeMutableRawPointer?
    if type == avcodec_get_class() {
      opaque = context.assumingMemoryBound(to: AVCodecContext.self).pointee.opaque
    } else if type == avformat_get_class() {
      opaque = context.assumingMemoryBound(to: AVFormatContext.self).pointee.opaque
    } else {
      opaque = nil
    }
    return opaque.map { Unmanaged<ErrorLog>.fromOpaque($0).takeUnretainedValue() }
  }

  func note(
    _ context: UnsafeMutableRawPointer?, _ level: Int32, _ format: UnsafePointer<CChar>?,
    _ arguments: CVaListPointer
  ) {
    let message = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
      var printsPrefix: Int32 = 0
      av_log_format_line2(nil, level, format, arguments, buffer.baseAddress!, Int32(buffer.count), &printsPrefix)
      return String(cString: buffer.baseAddress!).filter { $0 != "\n" }
    }
    state.withLock { state in
      state.count += 1
      state.lastMessage = message
    }
  }
}
