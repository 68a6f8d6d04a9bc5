import ArgumentParser
import Foundation
import Training

struct TuneBiasCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tune-bias",
    abstract: "Search factors for classes that a model calls too rarely or too often.",
    discussion: """
      Sends each picture through the networks once, as ferd annotate does, then searches factors on what they said. Prints \
      one JSON object and leaves it as bias.json with a report.html in --output-dir; ferd annotate --bias \
      DIR/bias.json uses it. Factors are recommended only where their gain holds for pictures that the search did not \
      see (cross-validation); else all are 1. docs/bias.md tells more.

      The folder holds one folder per class; or train/, validation/ and test/ with such folders; or just pictures, for the \
      objective distribution. With --test the answer on one picture before and after is shown instead.
      """)

  @Option(help: ArgumentHelp("Folder of the pictures.", valueName: "folder"))
  var imageDir: String?

  @Option(help: ArgumentHelp("Where bias.json and report.html go.", valueName: "folder"))
  var outputDir = "bias"

  @OptionGroup(title: "Search") var search: BiasSearchOptions

  @Option(help: "Part of the pictures: train, validation or test.")
  var split: DataSplit?

  @Option(help: ArgumentHelp("File with relative paths, one a line, of pictures to leave out.", valueName: "file"))
  var exclude: String?

  @Flag(help: "Look for faces in the pictures first and take the largest; else they are face crops.")
  var detect = false

  @Flag(
    help: ArgumentHelp(
      "Search on the mean of each picture and its mirror image, as ferd evaluate counts first.",
      discussion: "annotate, predict and stream look at each face once, and that is what is searched on by default."
    ))
  var averageFlips = false

  @Flag(help: "Search on what the pictures show: their folders' names, or --ground-truth-file.")
  var useGroundTruth = false

  @Option(
    help: ArgumentHelp(
      "JSON that says what each picture shows; only these pictures are used.", valueName: "file"))
  var groundTruthFile: String?

  @Flag(
    help: ArgumentHelp(
      "Write such a JSON from the folders' names, to --ground-truth-file or ground_truth.json in --output-dir.",
      discussion:
        "Ends there unless --use-ground-truth is given, too. An existing file is replaced only by --force."))
  var createGroundTruth = false

  @Option(
    help: ArgumentHelp(
      "Show the answer on this picture before and after.",
      discussion: "With the factors in --output-dir where there are some, else after a search.", valueName: "file"))
  var test: String?

  @Flag(help: "Write the factors into the ensemble.json of the model.")
  var apply = false

  @Flag(help: "Take the best factors even where their gain may be chance.")
  var force = false

  @Option(
    help: ArgumentHelp(
      "Where the networks' answers are kept for the next time. Default: $XDG_CACHE_HOME/ferd or ~/.cache/ferd.",
      valueName: "folder"))
  var cacheDir: String?

  @Flag(help: "No progress, notes and warnings; errors are still told.")
  var quiet = false

  @OptionGroup(title: "Model options") var model: ModelOptions
  @OptionGroup(title: "Detector options") var detector: DetectorOptions

  func validate() throws {
    if imageDir == nil, test == nil { throw ValidationError("Name the folder of the pictures with --image-dir.") }
    if createGroundTruth, imageDir == nil { throw ValidationError("--create-ground-truth needs --image-dir.") }
    if apply, imageDir == nil {
      throw ValidationError("--apply belongs to a search; name its pictures with --image-dir.")
    }
  }

  func run() throws {
    let signals = StopSignals { _ in }
    if let test, hasFactors || imageDir == nil { return try preview(test) }
    // The parser made sure of one of the two.
    guard let imageDir else { return }
    let model = try BiasModel(model)
    if apply { try model.checkApplicable() }
    if createGroundTruth {
      try writeGroundTruth(imageDir, ClassLabels(model.labels))
      guard useGroundTruth else { return }
    }
    let pictures = try pictures(imageDir, ClassLabels(model.labels))
    // Before the networks run, so that nobody waits for an error.
    let settings = try search.settings(
      labels: model.labels, truth: pictures.truth, usesTruth: usesTruth, isForced: force)
    try check(pictures, settings, model.labels)
    let material = try material(of: pictures, model, settings, signals: signals)
    try searchAndWrite(material, model, signals: signals)
    if let status = signals.status { throw ExitCode(status.rawValue) }
    if let test { try preview(test) }
  }

  var biasPath: String { "\(outputDir)/\(BiasFile.fileName)" }

  private var hasFactors: Bool { FileManager.default.fileExists(atPath: biasPath) }

  var usesTruth: Bool { useGroundTruth || groundTruthFile != nil }

  /// Of pictures that are classified at the same time.
  var workers: Int { model.threads ?? ProcessInfo.processInfo.activeProcessorCount }

  func note(_ message: String) {
    if !quiet { Diagnostics.note(message) }
  }

  func warn(_ message: String) {
    if !quiet { Diagnostics.warning(message) }
  }
}
