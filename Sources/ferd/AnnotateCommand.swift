import ArgumentParser
import Capture
import Foundation
import Pipeline

struct AnnotateCommand: ParsableCommand {
  /// τ for videos where the user names none: long enough to calm single frames, short enough for expressions, which
  /// last from half a second on.
  static let defaultSmoothingSeconds = 0.3
  /// At 25 frames a second the network looks at least eight times a second, even at a face that seems to be the same.
  static let defaultReclassifyEvery = 3

  /// Classifying threads: one for each processor; more than four wait for the detector.
  private static var defaultThreads: Int { min(4, ProcessInfo.processInfo.activeProcessorCount) }
  /// Each has a network of its own and frames under way: more than there are processors cost memory and nothing else.
  private static var mostThreads: Int { max(16, ProcessInfo.processInfo.activeProcessorCount) }

  static let configuration = CommandConfiguration(
    commandName: "annotate",
    abstract: "Tell the emotions of all faces in videos and pictures.",
    discussion: """
      Prints one stream of JSON lines for each input: a "hello", one "frame" for each frame, faces or not, and an \
      "end" (docs/output.schema.json). Goes on after an input that cannot be read, and ends with the highest exit \
      status of all.
      """)

  @Argument(
    help: ArgumentHelp(
      "Videos, pictures, folders of them, URLs (http, rtsp, …), or - for standard input.", valueName: "input"))
  var inputs: [String]

  @Option(
    help: ArgumentHelp(
      "Write one result file for each input into this folder instead of standard output.",
      discussion: """
        A file appears only when it is complete. Its name is the input's, with .jsonl or .csv behind it; inputs of \
        the same name keep their folders.
        """, valueName: "folder"))
  var output: String?

  @Option(help: "Form of the results: jsonl or csv (one row for each face).")
  var format = OutputFormat.jsonl

  @Option(
    help: ArgumentHelp(
      "Look for faces in every n-th frame of a video at least, and at once when the picture changes.",
      discussion: """
        Default: so that it is 12 times a second. In between faces are followed. 1 = in every frame; slower.
        """, valueName: "n"))
  var detectEvery: Int?

  @Option(
    help: ArgumentHelp(
      "Classify a face of a video again in every n-th frame at least, and at once when it looks different.",
      discussion: """
        In a frame in which nobody looks for faces (--detect-every) it waits for the next look. 1 = in every frame; slower.
        """, valueName: "n"))
  var reclassifyEvery = AnnotateCommand.defaultReclassifyEvery

  @Option(
    help: ArgumentHelp(
      "Time constant of the exponential smoothing of a face's scores in videos; 0 switches it off.",
      discussion: "Default: \(AnnotateCommand.defaultSmoothingSeconds). Pictures are never smoothed.",
      valueName: "seconds"))
  var smooth = AnnotateCommand.defaultSmoothingSeconds

  @Option(help: "Which members of the ensemble to use: full (all) or fast (the first).")
  var profile = EnsembleProfile.full

  @Option(
    help: ArgumentHelp(
      "Number of the video stream inside the file, counted from 0 over all its streams. Default: the best.",
      valueName: "n"))
  var stream: Int?

  @Flag(help: "No progress and no warnings; errors are still told.")
  var quiet = false

  @Flag(help: "Tell at the end of each input what each step and the whole cost, in time and memory.")
  var timings = false

  @OptionGroup(title: "Model options") var model: ModelOptions
  @OptionGroup(title: "Detector options") var detector: DetectorOptions
  @OptionGroup(title: "Bias options") var bias: BiasOptions

  func validate() throws {
    guard !inputs.isEmpty else { throw ValidationError("Name at least one input.") }
    if let detectEvery, !(1...1000 ~= detectEvery) {
      throw ValidationError("--detect-every takes a number from 1 to 1000, not \(detectEvery).")
    }
    guard 1...1000 ~= reclassifyEvery else {
      throw ValidationError("--reclassify-every takes a number from 1 to 1000, not \(reclassifyEvery).")
    }
    guard smooth.isFinite, 0...3600 ~= smooth else {
      throw ValidationError("--smooth takes seconds from 0 to 3600, not \(smooth).")
    }
    if let stream, stream < 0 { throw ValidationError("--stream takes a number from 0, not \(stream).") }
  }

  func run() throws {
    let cancellation = CaptureCancellation()
    let signals = StopSignals { _ in cancellation.cancel() }
    let engine = try AnnotationEngine.load(
      model: model, detector: detector, bias: bias, profile: profile, detectEvery: detectEvery,
      classifiers: min(model.threads ?? Self.defaultThreads, Self.mostThreads))
    let session = AnnotationSession(
      engine: engine,
      settings: AnnotationSession.Settings(
        format: format, outputFolder: output, streamIndex: stream, reclassifyEvery: reclassifyEvery,
        smoothingSeconds: smooth, isQuiet: quiet, showsTimings: timings),
      cancellation: cancellation, signals: signals)
    var arguments = RawArguments.ofProgram
    try session.run(InputExpansion.expand(inputs.map { arguments.path(for: $0) }))
    if session.status != .done { throw ExitCode(session.status.rawValue) }
  }
}
