public import Capture

/// The way of a frame for inputs that must not lose one: read, find faces, tell emotions, write.
///
/// Reading and finding have a thread each, and telling emotions, the dearest step, has one for each classifier: so the
/// processors are busy with different frames at once, and each network runs on one thread. Smoothing and writing happen on
/// the caller's thread, in the order of the frames. A fixed set of frames goes round through bounded queues: whoever is
/// slow, the reader of the output too, slows the others down instead of losing frames or filling memory.
/// Still pictures go through the same steps on the caller's thread alone.
public final class AnnotationPipeline {
  /// What came of one stream.
  public struct Outcome {
    /// As printed in the `end` line.
    public var summary: StreamSummary
    /// Why reading ended early; nil at a regular end and after a signal.
    public var sourceError: CaptureError?
    /// By step, in the order of the way.
    public var times: [StageTime]
  }

  /// Frames under way at once: one in each step's hand and one waiting before it evens out unequal frames. Of pictures
  /// beyond 8K fewer, so that no header can claim all memory: 2^28 pixels are 400 MB in 4:2:0.
  static func frameCount(classifiers: Int, pixels: Int) -> Int {
    max(2, min(6 + 2 * classifiers, (1 << 28) / max(1, pixels)))
  }

  private let finder: any FaceFinder
  private let classifiers: [any FaceClassifier]
  private let reclassifyEvery: Int
  private let smoothingSeconds: Double
  private let cancellation: CaptureCancellation

  /// - Parameters:
  ///   - classifiers: equal ones, each used by a thread of its own.
  ///   - reclassifyEvery: a face that hardly changes is classified again after so many frames at the latest; 1 = in
  ///     every frame.
  ///   - smoothingSeconds: time constant of the smoothing of videos; pictures are never smoothed. 0 = none.
  ///   - cancellation: the one that sources are opened with; after `cancel()` the frames under way come out, then
  ///     the stream ends with reason `signal`. A run that fails cancels it, to end reading.
  public init(
    finder: any FaceFinder, classifiers: [any FaceClassifier], reclassifyEvery: Int, smoothingSeconds: Double,
    cancellation: CaptureCancellation
  ) {
    precondition(!classifiers.isEmpty, "nobody to classify")
    self.finder = finder
    self.classifiers = classifiers
    self.reclassifyEvery = reclassifyEvery
    self.smoothingSeconds = smoothingSeconds
    self.cancellation = cancellation
  }

  /// Writes one stream from `hello` to `end`.
  ///
  /// - Parameter onFrame: called on the caller's thread after each line, with the number of frames so far.
  /// - Throws: `OutputError`, and what the finder and the classifiers throw. A source that fails does not throw: its
  ///   frames come out and the `end` line says so.
  public func run(
    source: any FrameSource, header: StreamHeader, writer: AnnotationWriter, onFrame: (Int) -> Void = { _ in }
  ) throws -> Outcome {
    try writer.hello(header)
    try finder.beginStream(isStillPicture: source.info.isStillPicture, frameRate: source.info.frameRate)
    let run = StreamRun(
      source: source, finder: finder, classifiers: classifiers,
      schedule: ClassificationSchedule(
        interval: reclassifyEvery, minimumInterval: TrackingFaceFinder.interval(frameRate: source.info.frameRate)),
      smoother: ProbabilitySmoother(timeConstant: source.info.isStillPicture ? 0 : smoothingSeconds),
      cancellation: cancellation)
    if source.info.isStillPicture {
      try run.runOnCallersThread(writer: writer, onFrame: onFrame)
    } else {
      try run.runOnThreads(writer: writer, onFrame: onFrame)
    }
    try writer.end(run.summary)
    return Outcome(
      summary: run.summary, sourceError: run.sourceError,
      times: [run.readTime, run.findTime, run.classifyTime, run.writeTime])
  }
}
