import ArgumentParser
import Capture
import Foundation
import Inference
import Threads
import Training

struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Train an emotion network on folders of face crops.",
    discussion: """
      The data folder holds train/, validation/ and test/ with one folder per class, or the class folders alone. \
      Without validation/ a seeded, stratified tenth of train/ selects; without any split it is 80/10/10. The finished \
      model is measured once on test/, which chooses nothing.

      --model-dir receives model.safetensors and report.html at the end, and metrics.jsonl, last.ckpt and best.ckpt as \
      it goes. A run that was interrupted goes on with the same command and --resume.

      With --pretrain only the first of two phases is run: a network that specialises on the classes with few pictures. \
      It is left as pretrained.safetensors, from which the next run there starts unless --weights says otherwise.
      """)

  @OptionGroup(title: "Data") var source: TrainingDataOptions

  @Option(help: ArgumentHelp("Folder for the results.", valueName: "folder"))
  var modelDir = "models"

  @OptionGroup(title: "Recipe") var recipe: RecipeOptions

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Weights to start from: a model file, or a state dict of PyTorch (.pth, .safetensors); with --backbones one for "
        + "some or all of them, in any order.", valueName: "file"))
  var weights: [String] = []

  @Option(
    help: ArgumentHelp(
      "Learn from this model or ensemble too: its probabilities for each picture become a part of the targets.",
      valueName: "path"))
  var distill: String?

  @Flag(
    help: ArgumentHelp(
      "Run the first phase only: \(TrainingRecipe.pretrainingEpochs) epochs on the under-represented classes.",
      discussion: "Its checkpoints and its report go to pretrain/ in --model-dir."))
  var pretrain = false

  @Option(
    help: ArgumentHelp(
      "Draw what augmentation makes of each class, at each level, to this picture file, and stop.", valueName: "png"
    ))
  var preview: String?

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
    guard !modelDir.isEmpty else { throw ValidationError("--model-dir is empty.") }
    if recipe.distillShare != nil, distill == nil {
      throw ValidationError("--distill-share says how much --distill counts, which is not given.")
    }
    if let threads, !(1...1024 ~= threads) {
      throw ValidationError("--threads takes a number from 1 to 1024, not \(threads).")
    }
    if noAmp, precision == .bf16 { throw ValidationError("--no-amp and --precision bf16 contradict each other.") }
  }

  func run() throws {
    // Until training begins there is nothing to save; a preview has a folder to remove.
    let hasNothingToSave = Guarded(preview == nil)
    let signals = StopSignals { status in
      hasNothingToSave.withLock { if $0 { _exit(status.rawValue) } }
    }
    var recipe = try self.recipe.make(isPretraining: pretrain, hasVotes: source.softLabels != nil)
    let display = TrainingDisplay(isQuiet: quiet)
    let folder = URL(fileURLWithPath: modelDir)
    let runFolder = pretrain ? folder.appending(path: "pretrain") : folder
    if preview == nil { try EmotionTrainer.checkFolder(runFolder, resumes: resume) }
    // A run that goes on has weights of its own.
    let goesOn = resume && preview == nil && EmotionTrainer.holdsRun(runFolder)
    let startsFromPretrained =
      !goesOn && weights.isEmpty && !pretrain && FileManager.default.fileExists(atPath: pretrainedPath)
    let initial = try initialWeights(goesOn ? [] : startsFromPretrained ? [pretrainedPath] : weights, recipe)
    let data = try loadData(recipe, cacheFolder: folder)
    if let votes = data.votes {
      display.show(.note("votes for \(votes.voted) of \(votes.pictures) training pictures"))
    }
    if pretrain {
      recipe = recipe.pretraining(labels: data.training.labels, classCounts: data.training.classCounts)
      let focus = recipe.focus.isEmpty ? "no class" : recipe.focus.joined(separator: ", ")
      display.show(.note("pre-training, with \(focus) in focus"))
    }
    try display.showClasses(data, recipe)
    if recipe.hasIdleLoss(classCounts: data.training.classCounts) {
      display.show(
        .note("the sampling already evens out the classes: \(recipe.loss.rawValue) is plain cross-entropy here"))
    }
    if let status = signals.status { throw ExitCode(status.rawValue) }
    if let preview { return try draw(AugmentationPreview(data.training, recipe: recipe), to: preview) }
    var settings = EmotionTrainer.Settings(
      recipe: recipe, folder: runFolder,
      threads: threads ?? ProcessInfo.processInfo.activeProcessorCount,
      precision: noAmp ? .f32 : precision ?? .fastest, resumes: resume)
    settings.checkpointInterval = 600
    settings.distillation = try distillation()
    if pretrain { settings.modelFile = URL(fileURLWithPath: pretrainedPath) }
    let transfer = try initial.map { parameters in
      let spec = try recipe.makeSpec(classes: data.training.labels.count)
      do {
        return try AnnotationEngine.naming(parameters.path) {
          try WeightTransfer(parameters, to: spec, labels: data.training.labels.names)
        }
      } catch InferenceError.unreadableFile(let path, let problem) where startsFromPretrained {
        throw CommandFailure(
          .unreadable,
          "\(path): \(problem); it was left by --pretrain: remove it, or say with --weights what to start from")
      }
    }
    settings.weightsReport = transfer?.report
    for line in transfer?.report ?? [] { display.show(.note(line)) }
    let trainer = try EmotionTrainer(settings, data: data, initialWeights: transfer?.tensors) { display.show($0) }
    hasNothingToSave.withLock { $0 = false }
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

  /// The test part is for the finished model alone, not for what the main run starts from.
  private func loadData(_ recipe: TrainingRecipe, cacheFolder: URL) throws -> TrainingData {
    guard preview != nil else {
      return try source.load(recipe, cacheFolder: cacheFolder, passingOver: cacheFolder, takesTest: !pretrain)
    }
    // Nothing is trained, so nothing shall be left in --model-dir. The pictures stay mapped when their file is gone.
    let temporary = FileManager.default.temporaryDirectory.appending(path: "ferd-preview-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: temporary) }
    return try source.load(recipe, cacheFolder: temporary, passingOver: cacheFolder, takesTest: false)
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

  private var pretrainedPath: String { modelDir + "/pretrained.safetensors" }

  private func initialWeights(_ files: [String], _ recipe: TrainingRecipe) throws -> StateDict? {
    guard !files.isEmpty else { return nil }
    let limit = max(1, recipe.backbones.count)
    guard files.count <= limit else {
      throw ValidationError("--weights names \(files.count) files for \(limit) of --backbones.")
    }
    for file in files { try ModelLocator.checkExistence(of: file) }
    let parts = try files.map { file in try AnnotationEngine.naming(file) { try StateDict.read(from: file) } }
    guard !recipe.backbones.isEmpty else { return parts[0] }
    return try .fused(parts, for: try recipe.fusedBackbones())
  }

  private func distillation() throws -> Distillation? {
    guard let distill else { return nil }
    try ModelLocator.checkExistence(of: distill)
    return try Distillation { try EmotionEnsemble(path: distill) }
  }

  private func draw(_ preview: AugmentationPreview, to path: String) throws {
    try writePicture(preview.sheet, to: path)
    guard !quiet else { return }
    Diagnostics.note("wrote \(path); its rows from the top, the unchanged picture first:")
    for row in preview.rows { Diagnostics.note("  \(row)") }
  }
}
