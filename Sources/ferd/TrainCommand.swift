import ArgumentParser
import Foundation
import Inference
import Training

struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Train an emotion network on folders of face crops.",
    discussion: """
      The data folder holds train/, validation/ and test/ with one folder per class, or the class folders alone. \
      Without validation/ a seeded, stratified tenth of train/ selects; without any split it is 80/10/10.

      --model-dir receives model.safetensors and report.html at the end, and metrics.jsonl, last.ckpt and best.ckpt as \
      it goes. A run that was interrupted goes on with the same command and --resume.
      """)

  @Option(help: ArgumentHelp("Folder of the pictures.", valueName: "folder"))
  var dataDir: String

  @Option(help: ArgumentHelp("Folder for the results.", valueName: "folder"))
  var modelDir = "models"

  @OptionGroup(title: "Recipe") var recipe: RecipeOptions

  @Option(help: ArgumentHelp("Crowd votes for the pictures (CSV with a column per class).", valueName: "csv"))
  var softLabels: String?

  @Option(
    help: ArgumentHelp(
      "File with relative paths, one a line, of pictures that training and selection leave out.", valueName: "file")
  )
  var exclude: String?

  @Option(
    help: ArgumentHelp(
      "Weights to start from: a model file, or a state dict of PyTorch (.pth, .safetensors).", valueName: "file"))
  var weights: String?

  @Flag(help: "Go on with the run in --model-dir.")
  var resume = false

  @Option(help: "Number format of activations: f32 or bf16. Default: the fastest that the processor supports.")
  var precision: Precision?

  @Flag(help: "Plain f32 arithmetic (the same as --precision f32).")
  var noAmp = false

  @Option(help: ArgumentHelp("Threads for the arithmetic. Default: all processors.", valueName: "n"))
  var threads: Int?

  @Flag(help: "No progress; errors are still told.")
  var quiet = false

  func validate() throws {
    if let threads, !(1...1024 ~= threads) {
      throw ValidationError("--threads takes a number from 1 to 1024, not \(threads).")
    }
    if noAmp, precision == .bf16 { throw ValidationError("--no-amp and --precision bf16 contradict each other.") }
  }

  func run() throws {
    let signals = StopSignals {}
    let recipe = try self.recipe.make()
    let display = TrainingDisplay(isQuiet: quiet)
    let folder = URL(fileURLWithPath: modelDir)
    let initial = try weights.map { path in
      guard FileManager.default.fileExists(atPath: path) else {
        throw CommandFailure(.noSuchInput, "\(path): no such model")
      }
      return try StateDict.read(from: path)
    }
    let data = try loadData(recipe, cacheFolder: folder, display: display)
    var settings = EmotionTrainer.Settings(
      recipe: recipe, folder: folder, threads: threads ?? ProcessInfo.processInfo.activeProcessorCount,
      precision: noAmp ? .f32 : precision ?? .fastest, resumes: resume)
    settings.checkpointInterval = 600
    let transfer = try initial.map {
      try WeightTransfer($0, to: try recipe.makeSpec(classes: data.training.labels.count))
    }
    for line in transfer?.report ?? [] { display.show(.note(line)) }
    let trainer = try EmotionTrainer(settings, data: data, initialWeights: transfer?.tensors) { display.show($0) }
    let outcome: EmotionTrainer.Outcome
    do {
      outcome = try trainer.run { signals.signal != nil }
    } catch {
      display.finish()
      // What it did until then tells more than the error alone.
      writeReport(trainer)
      throw error
    }
    display.finish()
    writeReport(trainer)
    if case .stopped = outcome, let status = signals.status {
      Diagnostics.note("stopped and saved; go on with --resume")
      throw ExitCode(status.rawValue)
    }
  }

  /// The model and the checkpoints are safe by now: a report that cannot be written is no reason to fail.
  private func writeReport(_ trainer: EmotionTrainer) {
    do {
      for warning in try trainer.writeReport(command: CommandLine.arguments, version: Ferd.version) {
        Diagnostics.warning(warning)
      }
    } catch {
      Diagnostics.warning("no report: \(error)")
    }
  }

  private func loadData(
    _ recipe: TrainingRecipe, cacheFolder: URL, display: TrainingDisplay
  ) throws -> TrainingData {
    let listing = try FolderListing.read(dataDir).splitForTraining(seed: recipe.seed)
    let excluded = try exclude.map { try ExclusionList.read($0) } ?? []
    let data = try TrainingData.read(
      listing, recipe: recipe, cacheFolder: cacheFolder, softLabels: softLabels, duplicates: excluded)
    for set in [data.training, data.validation] {
      for (path, problem) in set.unreadable { Diagnostics.warning("\(path) is left out: \(problem)") }
    }
    display.showClasses(data)
    return data
  }
}
