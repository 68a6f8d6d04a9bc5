import Pipeline

/// Results that are no stream of frames.
enum StandardOutput {
  /// Writes a text at once. A reader who is gone does not want it, which is no failure.
  static func write(_ text: String) throws {
    var line = LineBuffer()
    line.append(bytes: Array(text.utf8))
    do {
      try DescriptorSink.standardOutput().write(line)
    } catch OutputError.readerGone {
      return
    }
  }
}
