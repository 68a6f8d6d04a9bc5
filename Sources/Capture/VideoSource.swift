/// How an input is opened.
public struct SourceOptions: Sendable {
  /// Number of the stream inside the container, as FFmpeg counts them (audio included); nil takes the best video.
  public var streamIndex: Int?
  /// Threads of the decoder. More than one decodes several frames at once, which costs memory and delay.
  public var threadCount: Int
  /// Seconds that a server may take to answer, or to send the next piece, before it counts as gone.
  /// Files and pipes may take as long as they want.
  public var networkTimeoutSeconds: Double
  /// Whether an input on the network is wanted as it happens: frames are stamped with the time they arrive, and the
  /// smallest delay goes before everything else. Files and pipes are the same either way.
  public var isLive: Bool
  /// Ends opening and reading early.
  public var cancellation: CaptureCancellation

  public init(
    streamIndex: Int? = nil, threadCount: Int = 1, networkTimeoutSeconds: Double = 10,
    isLive: Bool = false, cancellation: CaptureCancellation = CaptureCancellation()
  ) {
    self.streamIndex = streamIndex
    self.threadCount = threadCount
    self.networkTimeoutSeconds = networkTimeoutSeconds
    self.isLive = isLive
    self.cancellation = cancellation
  }
}

/// Opens a video or a still picture and decodes its first frame.
///
/// - Parameter input: a path, a URL (`http://`, `rtsp://` and whatever else FFmpeg speaks), or `-` for standard input.
/// - Throws: `noSuchInput` for a missing file or an unreachable server, `unreadable` where not one frame can be
///   decoded, `cancelled`.
public func openSource(
  _ input: String, options: SourceOptions = SourceOptions()
) throws(CaptureError) -> any FrameSource {
  try FFmpegSource(input, options: options)
}
