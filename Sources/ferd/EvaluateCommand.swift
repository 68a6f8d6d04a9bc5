public import ArgumentParser
import Foundation
import Inference
import Pipeline
import Threads
public import Training

struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Measure a model on folders of pictures whose emotions are known.",
    discussion: """
      Prints one JSON object: accuracy, recall and the rest with flip averaging and bias factors; under "raw" without \
      the factors, under "single_view" without flip averaging. Rows of "confusion" are the truth, in the order of \
      "per_class".

      The folder holds one folder per class, all of which is evaluated, or train/, validation/ and test/ with such \
      folders: then --split chooses one (default: validation where there is one, else test, else train). Folders that \
      are none of the model's classes are left out with a warning, as other collections have other classes.
      """)

  @Option(help: ArgumentHelp("Folder of the pictures.", valueName: "folder"))
  var dataDir: String

  @Option(help: "Part to evaluate: train, validation or test.")
  var split: DataSplit?

  @Option(
    help: ArgumentHelp("File with relative paths, one a line, of pictures to leave out.", valueName: "file"))
  var exclude: String?

  @Flag(
    help: ArgumentHelp(
      "Look for faces in the pictures first and take the largest; else they are face crops.",
      discussion: "Pictures in which no face is found are left out and counted under \"no_face\"."))
  var detect = false

  @Option(
    help: ArgumentHelp(
      "Folder for report.html with tables, pictures and the worst mistakes.", valueName: "folder"))
  var report: String?

  @Option(
    help: ArgumentHelp(
      "File for a CSV table of the probabilities of each picture.",
      discussion: "Flip-averaged, without bias factors. ferd train --soft-labels reads it.", valueName: "csv"))
  var scores: String?

  @Flag(help: "No progress; warnings and errors are still told.")
  var quiet = false

  @OptionGroup(title: "Model options") var model: ModelOptions
  @OptionGroup(title: "Detector options") var detector: DetectorOptions
  @OptionGroup(title: "Bias options") var bias: BiasOptions

  func run() throws {
    let path = try model.path()
    let precision = model.precision
    let declaration = model.declaration
    let makeEnsemble = { @Sendable in try EmotionEnsemble(path: path, as: declaration, precision: precision) }
    let ensemble = try makeEnsemble()
    let correction = try bias.correction(labels: ensemble.labels) ?? ensemble.bias
    let listing = try FolderListing.read(
      dataDir, labels: ClassLabels(ensemble.labels), needsAllClasses: false, leavesOutUnknown: true, part: split)
    let part = try listing.part(split, path: dataDir)
    let unknown = listing.unknownFolders.filter { $0.split == nil || $0.split == part }
    for folder in unknown {
      Diagnostics.warning(
        "\(folder.path)/ with \(ReportText.count(folder.files, "file")) is left out: it is none of the model's classes"
      )
    }
    let excluded = try exclude.map { try ExclusionList.read($0) } ?? []
    let all = listing.splits[part ?? .train] ?? []
    ExclusionList.warnAboutStrays(excluded, among: all, kind: "picture that is evaluated")
    let files = all.filter { !excluded.contains($0.path) }
    guard !files.isEmpty else { throw CommandFailure(.unreadable, "\(dataDir): every picture is excluded") }
    // Before the work, so that nobody waits for an error.
    let scoresFile = try scores.map { try ResultFile(path: $0) }
    let threads = model.threads ?? ProcessInfo.processInfo.activeProcessorCount
    let bar = Guarded(
      ProgressBar(
        name: "evaluating", total: detect ? 2 * files.count : files.count, isWanted: !quiet,
        resultsGoToStandardOutput: false))
    let showProgress = { @Sendable (done: Int) in bar.withLock { $0.update(done: done) } }
    let result = Result {
      try detect
        ? evaluateFaces(in: files, folder: listing.folder, threads: threads, onProgress: showProgress)
        : EnsembleEvaluation.run(
          files, folder: listing.folder, labels: ensemble.labels, threads: threads, makeEnsemble: makeEnsemble,
          onProgress: showProgress)
    }
    bar.withLock { $0.finish() }
    let evaluation = try result.get()
    for (path, problem) in evaluation.unreadable { Diagnostics.warning("\(path) is left out: \(problem)") }
    if let faceless = evaluation.faceless, faceless > 0 {
      Diagnostics.warning("no face was found in \(ReportText.count(faceless, "picture")): left out")
    }
    if let scoresFile { try Self.write(evaluation, to: scoresFile) }
    try StandardOutput.write("\(evaluation.json(bias: correction))\n")
    guard let report else { return }
    let precisions = Set(ensemble.members.map(\.precision.rawValue)).sorted().joined(separator: " and ")
    var facts = [
      ReportFact("Pictures", part.map { "\(dataDir), part \($0.rawValue)" } ?? dataDir),
      ReportFact("Model", "\(ensemble.identity) (\(path))"),
      ReportFact("Arithmetic", "\(precisions) on \(ReportText.count(threads, "thread"))"),
      ReportFact(
        "Speed",
        "\(Int(evaluation.imagesPerSecond)) flip-averaged images/s, decoding "
          + (detect ? "and finding faces included" : "excluded")),
    ]
    if !unknown.isEmpty {
      let list = unknown.map { "\($0.path)/ (\(ReportText.count($0.files, "picture")))" }
      facts.insert(ReportFact("No classes", "\(list.joined(separator: ", ")), left out"), at: 1)
    }
    if let faceless = evaluation.faceless {
      facts.insert(ReportFact("No face", "\(ReportText.count(faceless, "picture")), left out"), at: 1)
    }
    if let exclude {
      facts.insert(
        ReportFact("Left out", "\(ReportText.count(excluded.count, "picture")) named in \(exclude)"), at: 1)
    }
    let gnuplot = Gnuplot.find()
    let warnings = try EvaluationReport(
      command: CommandLine.arguments, facts: facts, version: Ferd.version, evaluation: evaluation,
      dataFolder: listing.folder, bias: correction, gnuplot: gnuplot
    ).write(to: URL(fileURLWithPath: report), gnuplot: gnuplot)
    for warning in warnings { Diagnostics.warning(warning) }
  }
}

extension DataSplit: ExpressibleByArgument {}
