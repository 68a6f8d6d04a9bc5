import CFFmpeg

/// What concerns FFmpeg as a whole.
enum FFmpegLibrary {
  /// FFmpeg writes to standard error on its own; every error that matters comes back as a value.
  private static let silenced: Void = av_log_set_level(AV_LOG_QUIET)

  /// To be called before anything else of FFmpeg.
  static func prepare() { silenced }

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
