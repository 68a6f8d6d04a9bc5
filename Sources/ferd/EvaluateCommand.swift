public import ArgumentParser
import Foundation
import Inference
public import Training

struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Measure a model on folders of face crops whose emotions are known.",
    discussion: """
      Prints one JSON object: accuracy, recall and the rest with flip averaging and bias factors; under "raw" without \
      the factors, under "single_view" without flip averaging. Rows of "confusion" are the truth, in the order of \
      "per_class".

      The folder holds one folder per class, all of which is evaluated, or train/, validation/ and test/ with such \
      folders: then --split chooses one (default: validation where there is one, else test, else train).
      """)

  @Option(help: ArgumentHelp("Folder of the pictures.", valueName: "folder"))
  var dataDir: String

  @Option(help: "Part to evaluate: train, validation or test.")
  var split: DataSplit?

  @Option(
    help: ArgumentHelp("File with relative paths, one a line, of pictures to leave out.", valueName: "file"))
  var exclude: String?

  @Option(
    help: ArgumentHelp(
      "Folder for report.html with tables, pictures and the worst mistakes.", valueName: "folder"))
  var report: String?

  @OptionGroup(title: "Model options") var model: ModelOptions
  @OptionGroup(title: "Bias options") var bias: BiasOptions

  func run() throws {
    let path = try model.path()
    let precision = model.precision
    let declaration = model.declaration
    let makeEnsemble = { @Sendable in try EmotionEnsemble(path: path, as: declaration, precision: precision) }
    let ensemble = try makeEnsemble()
    let correction = try bias.correction(labels: ensemble.labels) ?? ensemble.bias
    let listing = try FolderListing.read(dataDir, labels: ClassLabels(ensemble.labels), needsAllClasses: false)
    let excluded = try exclude.map { try ExclusionList.read($0) } ?? []
    let part = try listing.part(split, path: dataDir)
    let files = (listing.splits[part ?? .train] ?? []).filter { !excluded.contains($0.path) }
    guard !files.isEmpty else { throw CommandFailure(.unreadable, "\(dataDir): every picture is excluded") }
    let threads = model.threads ?? ProcessInfo.processInfo.activeProcessorCount
    let evaluation = try EnsembleEvaluation.run(
      files, folder: listing.folder, threads: threads, makeEnsemble: makeEnsemble)
    for (path, problem) in evaluation.unreadable { Diagnostics.warning("\(path) is left out: \(problem)") }
    try StandardOutput.write("\(evaluation.json(bias: correction))\n")
    guard let report else { return }
    let precisions = Set(ensemble.members.map(\.precision.rawValue)).sorted().joined(separator: " and ")
    var facts = [
      ReportFact("Pictures", part.map { "\(dataDir), part \($0.rawValue)" } ?? dataDir),
      ReportFact("Model", "\(ensemble.identity) (\(path))"),
      ReportFact("Arithmetic", "\(precisions) on \(ReportText.count(threads, "thread"))"),
      ReportFact("Speed", "\(Int(evaluation.imagesPerSecond)) flip-averaged images/s, decoding excluded"),
    ]
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
