/// How the source of a live stream is opened.
public struct LiveSourceOptions: Sendable {
  /// Number of the stream inside a file's container; nil takes the best video.
  public var streamIndex: Int?
  /// Seconds that a server may take to answer, or to send the next piece, before it counts as gone.
  public var networkTimeoutSeconds: Double
  /// Whether recordings behave as a camera would: late readers lose frames. Otherwise they wait.
  public var playsAsCamera: Bool
  /// What cameras are asked for; its `cancellation` is not looked at.
  public var camera: CameraOptions
  /// Whether recordings start over at their ends.
  public var loops: Bool
  /// Ends opening and reading early.
  public var cancellation: CaptureCancellation

  public init(
    streamIndex: Int? = nil, networkTimeoutSeconds: Double = 10, playsAsCamera: Bool = false,
    camera: CameraOptions = CameraOptions(), loops: Bool = false,
    cancellation: CaptureCancellation = CaptureCancellation()
  ) {
    self.streamIndex = streamIndex
    self.networkTimeoutSeconds = networkTimeoutSeconds
    self.playsAsCamera = playsAsCamera
    self.camera = camera
    self.loops = loops
    self.cancellation = cancellation
  }
}

/// Opens what a live stream comes from: a camera (`/dev/video0`); a stream from a server as it arrives; a recording (a
/// file, a pipe, a file on a server) at its own pace.
///
/// - Throws: as `openSource`, and as `CameraSource.init`.
public func openLiveSource(
  _ input: String, options: LiveSourceOptions = LiveSourceOptions()
) throws(CaptureError) -> any FrameSource {
  if CameraSource.isMeant(by: input) {
    var camera = options.camera
    camera.cancellation = options.cancellation
    return try CameraSource(input, options: camera)
  }
  func open() throws(CaptureError) -> any FrameSource {
    try FFmpegSource(
      input,
      options: SourceOptions(
        streamIndex: options.streamIndex, networkTimeoutSeconds: options.networkTimeoutSeconds, isLive: true,
        cancellation: options.cancellation))
  }
  let source = try open()
  guard !source.info.isLive else { return source }
  return PacedSource(
    options.loops ? LoopingSource(source, open: open) : source, manner: options.playsAsCamera ? .camera : .player,
    cancellation: options.cancellation)
}
