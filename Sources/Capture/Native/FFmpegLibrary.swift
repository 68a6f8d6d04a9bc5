import CFFmpeg

/// What concerns FFmpeg as a whole.
enum FFmpegLibrary {
  private static let prepared: Void = {
    // FFmpeg would write to standard error on its own.
    av_log_set_level(AV_LOG_QUIET)
    av_log_set_callback { context, level, format, arguments in
      guard level <= AV_LOG_ERROR, let arguments else { return }
      ErrorLog.owning(context)?.note(context, level, format, arguments)
    }
  }()

  /// To be called before anything else of FFmpeg.
  static func prepare() { prepared }

  static func describe(_ code: Int32) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
      buffer.initialize(repeating: 0)
      av_strerror(code, buffer.baseAddress!, buffer.count)
      return String(cString: buffer.baseAddress!)
    }
  }
}

/// Options for FFmpeg's `open` functions, freed with the value.
struct OptionDictionary: ~Copyable {
  var handle: OpaquePointer?

  init(_ options: [String: String] = [:]) {
    for (key, value) in options { set(key, value) }
  }

  mutating func set(_ key: String, _ value: String) { av_dict_set(&handle, key, value, 0) }

  deinit {
    var handle = handle
    av_dict_free(&handle)
  }
}
