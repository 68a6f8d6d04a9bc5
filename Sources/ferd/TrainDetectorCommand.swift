import ArgumentParser
import Capture
import Foundation
import Inference
import Training

struct TrainDetectorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train-detector",
    abstract: "Trains the face detector on a folder of labelled pictures.",
    discussion: """
      The folder holds annotations.jsonl (one object a line: file, width, height, split, faces with box, landmarks and \
      ignore) and the pictures. Checkpoints, metrics.jsonl and the finished detector.safetensors go to --model-dir.
      """)

  @Option(help: "Folder with annotations.jsonl, itself or in faces/.")
  var dataDir: String

  @Option(help: "Where checkpoints, metrics and the model go.")
  var modelDir = "models"

  @Option(help: "Folder of 48x48 face crops with landmarks.csv whose training part is used too.")
  var crops: String?

  @Option(help: "Steps of the run; with --resume another number stretches the rest of the schedule.")
  var steps: Int?

  @Option(help: "Canvases per step.")
  var batchSize: Int?

  @Option(help: "Highest learning rate.")
  var learningRate: Float?

  @Option(help: "Governs initial weights and samples.")
  var seed: UInt64?

  @Option(help: "f32 or bf16.")
  var precision: Precision?

  @Option(help: "Threads of the computation; composing canvases takes one more.")
  var threads = 1

  @Option(help: "Steps between checkpoints.")
  var checkpointEvery = 500

  @Flag(help: "Go on from the checkpoint in --model-dir.")
  var resume = false

  @Option(help: "Draw a sheet of training canvases to this picture file and stop.")
  var preview: String?

  @Flag(help: "No progress on standard error.")
  var quiet = false

  private var checkpointPath: String { modelDir + "/detector.checkpoint" }

  func run() throws {
    let data = try DetectorData(folder: dataDir)
    var recipe =
      resume ? try DetectorTrainer.recipe(ofCheckpoint: checkpointPath) : DetectorRecipe()
    if let steps { recipe.steps = steps }
    if let batchSize { recipe.batchSize = batchSize }
    if let learningRate { recipe.learningRate = learningRate }
    if let seed { recipe.seed = seed }
    if let precision { recipe.precision = precision }
    try recipe.validate()

    let library = try data.readLibrary(cropFolder: crops) { done, total in
      if !quiet, done % 4096 == 0 || done == total { Diagnostics.note("read \(done) of \(total) pictures") }
    }
    if let preview {
      try writePicture(
        DetectorPreview.sheet(library: library, recipe: recipe, columns: 6, rows: 4), to: preview)
      return
    }
    try FileManager.default.createDirectory(atPath: modelDir, withIntermediateDirectories: true)
    let trainer = try DetectorTrainer(recipe: recipe, threads: threads)
    if resume { try trainer.restore(from: checkpointPath) }
    let metrics = try DetectorMetricsLog(path: modelDir + "/metrics.jsonl", isContinued: resume)
    var mean = DetectorTrainer.ProgressMean()
    try trainer.run(library: library) { progress in
      mean.add(progress)
      if progress.step % 100 == 0 || trainer.isFinished, let line = mean.take() {
        try metrics.append(line)
        if !quiet { Diagnostics.note(line.summary(of: recipe.steps)) }
      }
      if progress.step % checkpointEvery == 0 || trainer.isFinished { try trainer.save(to: checkpointPath) }
      return true
    }
  }
}
