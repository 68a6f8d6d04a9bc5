public import Capture
import Pixels
import Threads

/// The way of a frame for what happens now: capture → mailbox for the newest frame → faces → emotions → lines.
///
/// Capturing and finding have a thread each, telling emotions one for each classifier; lines are made and published on the
/// caller's thread, in order. Whoever captures from a camera never waits for the others. Frames for which there is no
/// time are skipped, evenly, and `gap` lines stand for them.
public final class LivePipeline: Sendable {
  /// What happens on the way, for logs; told on any thread.
  public enum Event: Sendable {
    /// The stream has begun.
    case opened(SourceInfo)
    case source(ReconnectingSource.Event)
    /// So many frames have been skipped since the last such event; at most once a second.
    case skipping(frames: Int)
  }

  /// What the first lines of a stream say of where it comes from.
  public struct Identity: Sendable {
    /// The program's version.
    public var version: String
    /// The input as the user gave it.
    public var source: String

    public init(version: String, source: String) {
      self.version = version
      self.source = source
    }
  }

  private struct State {
    var models: LiveModels
    var run: LiveRun?
  }

  private let state: Guarded<State>
  private let settings: LiveSettings
  private let metrics: StreamMetrics
  private let cancellation: CaptureCancellation

  /// - Parameter cancellation: the one that the source is opened with. After `cancel()` the stream ends within a second
  ///   with reason `signal`, whatever the source and the networks are doing. A run that fails cancels it.
  public init(
    models: LiveModels, settings: LiveSettings, metrics: StreamMetrics, cancellation: CaptureCancellation
  ) {
    state = Guarded(State(models: models))
    self.settings = settings
    self.metrics = metrics
    self.cancellation = cancellation
  }

  /// Publishes one stream from `hello` to `end`; returns at its end. Blocks: not for the cooperative pool.
  ///
  /// - Parameters:
  ///   - cancellationReason: why the stream ended, for its last line, where it was cancelled.
  ///   - open: opens the source, and opens it again where `SourceInfo.isReopened` says so; called on the capturing thread.
  ///   - output: gets the lines on the caller's thread.
  /// - Throws: `CaptureError` where the first opening fails, or is cancelled: nothing has been published then. What the
  ///   finder and the classifiers throw: an `end` with reason `error` has been published then. A source that breaks
  ///   off for good later does not throw.
  public func run(
    identity: Identity, output: any LiveOutput, onEvent: @escaping @Sendable (Event) -> Void = { _ in },
    cancellationReason: () -> StreamEndReason = { .signal },
    open: @escaping @Sendable () throws(CaptureError) -> any FrameSource
  ) throws -> AnnotationPipeline.Outcome {
    let first = state.withLock { $0.models }
    // The networks need not know the source to be made ready, and a camera should not wait for them.
    try prepareClassifiers(first)
    let capture = LiveCapture(
      settings: settings, classifiers: first.classifiers.count, metrics: metrics, cancellation: cancellation,
      onEvent: onEvent)
    // One frame in each step's hand: more would wait, and be late.
    let opening = try capture.open(spareFrames: first.classifiers.count + 1, with: open)
    defer { state.withLock { $0.run = nil } }
    let run: LiveRun
    do {
      run = try makeRun(opening, capture: capture, identity: identity, output: output)
    } catch {
      capture.finish(waiting: true)
      throw error
    }
    onEvent(.opened(opening.info))
    return try run.run(cancellationReason: cancellationReason)
  }

  private func makeRun(
    _ opening: LiveCapture.Opening, capture: LiveCapture, identity: Identity, output: any LiveOutput
  ) throws -> LiveRun {
    while true {
      let models = state.withLock { $0.models }
      try prepareFinder(models, for: opening.info)
      let lines = LiveLines(
        identity: identity, opening: opening, settings: settings, metrics: metrics, output: output)
      let run = LiveRun(
        opening: opening, capture: capture, models: LoadedModels(models), settings: settings, metrics: metrics,
        cancellation: cancellation, output: lines)
      let isCurrent = state.withLock { state in
        guard state.models.finder === models.finder else { return false }
        state.run = run
        return true
      }
      // Otherwise they were replaced meanwhile.
      if isCurrent { return run }
    }
  }

  /// Takes other models from the next frame on: no frame is lost, and faces keep their numbers. Any thread; takes as long
  /// as the networks need to get ready.
  ///
  /// - Throws: what the networks throw at a first, empty picture. The old models then stay.
  public func replace(models: LiveModels) throws {
    try prepareClassifiers(models)
    if let info = state.withLock({ $0.run?.info }) { try prepareFinder(models, for: info) }
    state.withLock { state in
      precondition(
        models.classifiers.count == state.models.classifiers.count,
        "\(models.classifiers.count) classifiers for \(state.models.classifiers.count) threads")
      state.models = models
      state.run?.replace(LoadedModels(models))
    }
  }

  private func prepareFinder(_ models: LiveModels, for info: SourceInfo) throws {
    try models.finder.prepare(width: info.width, height: info.height)
    try models.finder.beginStream(isStillPicture: info.isStillPicture, frameRate: info.frameRate)
  }

  /// Compiles the networks, and lets them run once: what comes with the first use would cost the first frames their time.
  private func prepareClassifiers(_ models: LiveModels) throws {
    let size = 64
    var probabilities: [Float] = []
    try LumaImage(width: size, height: size, filledWith: 128).withPlane { plane throws in
      let face = FaceAnnotation(
        track: 1, box: Rect(x: 0, y: 0, width: Float(size), height: Float(size)), detectionScore: 1, landmarks: nil)
      for classifier in models.classifiers {
        try classifier.prepare()
        probabilities.removeAll(keepingCapacity: true)
        try classifier.classify([face], in: plane, into: &probabilities)
      }
    }
  }
}
