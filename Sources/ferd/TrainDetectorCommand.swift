import ArgumentParser
import Capture
import FaceCrop
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

  @Option(help: "Steps of the run.")
  var steps: Int?

  @Option(help: "Canvases per step.")
  var batchSize: Int?

  @Option(help: "Highest learning rate.")
  var learningRate: Float?

  @Option(help: "Governs initial weights and samples.")
  var seed: UInt64?

  @Option(help: "Number format of activations: f32 or bf16. Default: the fastest that the processor supports.")
  var precision: Precision?

  @Option(help: "Threads of the computation; composing canvases takes one more.")
  var threads = 1

  @Option(help: "Steps between checkpoints.")
  var checkpointEvery = 500

  @Option(
    help: ArgumentHelp(
      "Canvases of every second step: width x height x number.", valueName: "WxHxN"))
  var alternateCanvas: String?

  @Option(help: "How often backgrounds hold pasted pieces without faces, 0 to 1.")
  var distractorShare: Float?

  @Option(help: "How often a canvas is a crowd of small faces, 0 to 1.")
  var crowdShare: Float?

  @Option(help: "How often another canvas is one photograph at about its own size, 0 to 1.")
  var wholeShare: Float?

  @Option(help: "How often a face is one of the few that look aside, 0 to 1.")
  var turnedShare: Float?

  @Option(help: "How often a face is rolled by up to 37 degrees, 0 to 1.")
  var rollShare: Float?

  @Option(help: "How much of a large face's greater number of cells the loss takes back, 0 to 1.")
  var faceBalance: Float?

  @Flag(
    help: ArgumentHelp(
      "Go on from the checkpoint in --model-dir, with its settings.",
      discussion: "Settings that are given again hold for the rest of the run."))
  var resume = false

  @Option(help: "Draw a sheet of training canvases to this picture file and stop.")
  var preview: String?

  @Flag(
    help: ArgumentHelp(
      "Do not train: hold a detector against the validation part and print one JSON object.",
      discussion: "The detector is --detector, or else the averaged network of the checkpoint in --model-dir."))
  var evaluate = false

  @Flag(help: "With --evaluate: name each missed face and each false alarm.")
  var list = false

  @Flag(
    help: "With --evaluate: look once, as at the frames of a video, instead of four times, as at still pictures.")
  var oneLook = false

  @Flag(help: "With --evaluate: tell which sizes and rolls it finds, with validation portraits pasted into scenes.")
  var reach = false

  @Option(
    help: ArgumentHelp(
      "Score that is enough for a face.",
      discussion:
        "Default: the model's own, or the lowest one with a false alarm in at most every twentieth scene."))
  var threshold: Float?

  @OptionGroup(title: "Detector options") var detector: DetectorOptions

  @Flag(help: "No progress on standard error.")
  var quiet = false

  private var checkpointPath: String { modelDir + "/detector.checkpoint" }

  private var modelPath: String { modelDir + "/detector.safetensors" }

  func validate() throws {
    guard checkpointEvery > 0 else {
      throw ValidationError("--checkpoint-every takes a positive number, not \(checkpointEvery).")
    }
    guard 1...1024 ~= threads else {
      throw ValidationError("--threads takes a number from 1 to 1024, not \(threads).")
    }
    if let threshold, !(threshold > 0 && threshold < 1) {
      throw ValidationError("--threshold takes a number between 0 and 1, not \(threshold).")
    }
  }

  func run() throws {
    let data = try DetectorData(folder: dataDir)
    if evaluate { return try printEvaluation(data) }
    try train(data)
  }

  private func train(_ data: DetectorData) throws {
    var recipe =
      resume ? try DetectorTrainer.recipe(ofCheckpoint: checkpointPath) : DetectorRecipe()
    if let steps { recipe.steps = steps }
    if let batchSize { recipe.batchSize = batchSize }
    if let learningRate { recipe.learningRate = learningRate }
    if let seed { recipe.seed = seed }
    if let precision { recipe.precision = precision }
    if let distractorShare { recipe.distractorShare = distractorShare }
    if let crowdShare { recipe.crowdShare = crowdShare }
    if let wholeShare { recipe.wholeShare = wholeShare }
    if let turnedShare { recipe.turnedShare = turnedShare }
    if let rollShare { recipe.rollShare = rollShare }
    if let faceBalance { recipe.faceBalance = faceBalance }
    if let alternateCanvas {
      let numbers = alternateCanvas.split(separator: "x").compactMap { Int($0) }
      guard numbers.count == 3 else {
        throw CommandFailure(.wrongUsage, "--alternate-canvas takes WxHxN, not \(alternateCanvas).")
      }
      recipe.alternateCanvas = .init(width: numbers[0], height: numbers[1], batchSize: numbers[2])
    }
    try recipe.validate()

    let library = try data.readLibrary(cropFolder: crops) { done, total in
      if !quiet, done % 4096 == 0 || done == total { Diagnostics.note("read \(done) of \(total) pictures") }
    }
    if let preview {
      try writePicture(
        DetectorPreview.sheet(library: library, recipe: recipe, columns: 6, rows: 4), to: preview)
      return
    }
    do {
      try FileManager.default.createDirectory(atPath: modelDir, withIntermediateDirectories: true)
    } catch {
      throw CommandFailure(.inputOutput, "\(modelDir): cannot make the folder: \(error.localizedDescription)")
    }
    let signals = StopSignals { _ in }
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
      let goesOn = signals.signal == nil
      if progress.step % checkpointEvery == 0 || trainer.isFinished || !goesOn {
        try trainer.save(to: checkpointPath)
      }
      return goesOn
    }
    guard trainer.isFinished else {
      Diagnostics.note("stopped and saved; go on with --resume")
      throw ExitCode((signals.status ?? .internalError).rawValue)
    }
    let tensors = trainer.averagedTensors
    let report = try evaluation(
      of: FaceDetector(spec: FaceDetectorSpec.model(), weights: tensors, options: evaluationOptions), data
    ).report(threshold: threshold, detectSize: evaluationOptions.detectSize, lists: false)
    let model = try DetectorTrainer.model(
      tensors: tensors, phases: trainer.phases, data: trainingData(data, library), report: report)
    try model.write(to: modelPath)
    try StandardOutput.write(Self.json(report) + "\n")
  }

  private func trainingData(_ data: DetectorData, _ library: DetectorLibrary) -> String {
    "\(library.pictureCount) pictures of the training part\(crops == nil ? "" : ", with face crops")"
  }

  // MARK: Evaluation

  private var evaluationOptions: FaceDetector.Options {
    var options = FaceDetector.Options()
    if let detectSize = detector.detectSize { options.detectSize = detectSize }
    // Thresholds above this one are compared afterwards.
    options.scoreThreshold = 0.05
    options.threads = threads
    if let precision { options.precision = precision }
    return options
  }

  private func evaluation(of detector: FaceDetector, _ data: DetectorData) throws -> DetectorEvaluation {
    try DetectorEvaluation(
      pictures: data.validation, folder: data.folder, detector: detector, isThorough: evaluate && !oneLook)
  }

  private func printEvaluation(_ data: DetectorData) throws {
    let makeDetector: (FaceDetector.Options) throws -> FaceDetector
    var threshold = threshold
    if detector.detector == nil, FileManager.default.fileExists(atPath: checkpointPath) {
      let weights = try DetectorTrainer.averagedTensors(ofCheckpoint: checkpointPath)
      makeDetector = { try FaceDetector(spec: FaceDetectorSpec.model(), weights: weights, options: $0) }
    } else {
      let model = try ModelFile.read(from: detector.path())
      threshold = threshold ?? FaceDetector.scoreThreshold(of: model)
      makeDetector = { try FaceDetector(model: model, options: $0) }
    }
    var options = evaluationOptions
    var report = try evaluation(of: makeDetector(options), data).report(
      threshold: threshold, detectSize: options.detectSize, lists: list)
    if reach {
      options.scoreThreshold = report.threshold
      let detector = try makeDetector(options)
      let trials = try DetectorReach(data)
      report.reach = try DetectorReach.trials.map { try trials.run($0, detector) }
    }
    try StandardOutput.write(Self.json(report) + "\n")
  }

  private static func json(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }
}
