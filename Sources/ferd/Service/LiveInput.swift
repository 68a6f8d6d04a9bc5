import Capture

/// What `ferd stream` reads, ready to be opened, again and again.
final class LiveInput: Sendable {
  /// As the user gave it.
  let name: String
  private let configuration: StreamConfiguration
  private let cancellation: CaptureCancellation
  /// Kept open while names of it are used; nil for what is no file.
  private let openable: OpenablePath?

  /// - Parameter path: the configuration's source by its bytes.
  /// - Throws: `CommandFailure` for a file with an odd name that cannot be opened.
  init(
    _ configuration: StreamConfiguration, path: RawPath, cancellation: CaptureCancellation
  ) throws(CommandFailure) {
    name = path.displayName
    self.configuration = configuration
    self.cancellation = cancellation
    let input = AnnotationInput(path: path)
    openable = input.isStandardInput || input.isURL ? nil : try OpenablePath(path)
  }

  func open() throws(CaptureError) -> any FrameSource {
    try openLiveSource(openable?.path ?? name, options: options)
  }

  private var options: LiveSourceOptions {
    LiveSourceOptions(
      playsAsCamera: configuration.playsAsCamera,
      camera: CameraOptions(size: configuration.size, rate: configuration.rate, format: configuration.format),
      loops: configuration.loops, cancellation: cancellation)
  }
}
