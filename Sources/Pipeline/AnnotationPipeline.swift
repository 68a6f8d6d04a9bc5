public import Capture

/// The way of a frame for inputs that must not lose one: read, find faces, tell emotions, write.
///
/// Each of the first three steps has a thread of its own, so that a machine with two processors is busy with different
/// frames at once; writing happens on the caller's thread. A fixed set of frames goes round through bounded queues:
/// whoever is slow, the reader of the output too, slows the others down instead of losing frames or filling memory.
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

  /// Frames under way at once: one in each step's hand and one waiting before it evens out unequal frames.
  static let frameCount = 8

  private let finder: any FaceFinder
  private let classifier: any FaceClassifier
  private let smoothingSeconds: Double
  private let cancellation: CaptureCancellation

  /// - Parameters:
  ///   - smoothingSeconds: time constant of the smoothing of videos; pictures are never smoothed. 0 = none.
  ///   - cancellation: the one that sources are opened with; after `cancel()` the frames under way come out, then
  ///     the stream ends with reason `signal`.
  public init(
    finder: any FaceFinder, classifier: any FaceClassifier, smoothingSeconds: Double,
    cancellation: CaptureCancellation
  ) {
    self.finder = finder
    self.classifier = classifier
    self.smoothingSeconds = smoothingSeconds
    self.cancellation = cancellation
  }

  /// Writes one stream from `hello` to `end`.
  ///
  /// - Parameter onFrame: called on the caller's thread after each line, with the number of frames so far.
  /// - Throws: `OutputError`, and what `finder` and `classifier` throw. A source that fails does not throw: its
  ///   frames come out and the `end` line says so.
  public func run(
    source: any FrameSource, header: StreamHeader, writer: AnnotationWriter, onFrame: (Int) -> Void = { _ in }
  ) throws -> Outcome {
    try writer.hello(header)
    try finder.beginStream(isStillPicture: source.info.isStillPicture)
    let run = StreamRun(
      source: source, finder: finder, classifier: classifier,
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
