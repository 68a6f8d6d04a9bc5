import ArgumentParser
import Capture
import Foundation
import Pipeline

struct PredictCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict",
    abstract: "Tell the emotions of the faces in pictures.",
    discussion: """
      Each picture is a stream of one frame, as ferd annotate prints it (docs/output.schema.json). With --cropped a \
      picture counts as one face that fills it, framed like FER2013's, and no detector runs.
      """)

  @Option(parsing: .upToNextOption, help: ArgumentHelp("Pictures.", valueName: "file"))
  var image: [String] = []

  @Flag(help: "The pictures are face crops already: no detector.")
  var cropped = false

  @Option(help: "Form of the results: jsonl or csv (one row for each face).")
  var format = OutputFormat.jsonl

  @Option(help: "Which members of the ensemble to use: full (all) or fast (the first).")
  var profile = EnsembleProfile.full

  @Flag(help: "No warnings; errors are still told.")
  var quiet = false

  @OptionGroup(title: "Model options") var model: ModelOptions
  @OptionGroup(title: "Detector options") var detector: DetectorOptions
  @OptionGroup(title: "Bias options") var bias: BiasOptions

  func validate() throws {
    guard !image.isEmpty else { throw ValidationError("Name at least one picture with --image.") }
  }

  func run() throws {
    let cancellation = CaptureCancellation()
    let signals = StopSignals { _ in cancellation.cancel() }
    // One picture after the other: all threads work on each.
    let engine = try AnnotationEngine.load(
      model: model, detector: cropped ? nil : detector, bias: bias, profile: profile, detectEvery: 1,
      classifiers: 1,
      threadsEach: model.threads ?? ProcessInfo.processInfo.activeProcessorCount)
    let session = AnnotationSession(
      engine: engine,
      settings: AnnotationSession.Settings(format: format, takesPicturesOnly: true, isQuiet: quiet),
      cancellation: cancellation, signals: signals)
    var arguments = RawArguments.ofProgram
    let entries = image.map { InputExpansion.Entry.input(AnnotationInput(path: arguments.path(for: $0))) }
    try session.run(entries)
    if session.status != .done { throw ExitCode(session.status.rawValue) }
  }
}
