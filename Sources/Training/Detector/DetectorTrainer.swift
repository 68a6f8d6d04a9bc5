import FaceCrop
public import Inference

/// Trains the face detector; see `DetectorRecipe` for what decides the result.
///
/// Make and use it on one thread.
public final class DetectorTrainer {
  /// One step's figures.
  public struct Progress: Codable, Sendable {
    public var step: Int
    public var loss: Float
    public var score: Float
    public var box: Float
    public var landmarks: Float
    /// Mean overlap of the positive cells' boxes with their faces.
    public var overlap: Float
    /// Positive cells per picture.
    public var positives: Float
    public var gradientNorm: Float
    public var learningRate: Float
    public var canvasesPerSecond: Float
  }

  public private(set) var recipe: DetectorRecipe
  /// Steps done.
  public private(set) var step = 0
  public var isFinished: Bool { step >= recipe.steps }

  private let store: ParameterStore
  /// One for each canvas size, with common parameters.
  private let graphs: [TrainableGraph]
  private let optimiser: AdamW
  private let average: ExponentialMovingAverage
  /// What the run did before it was resumed with other settings.
  private var earlier: [Phase] = []
  private let loss = DetectorLoss()

  /// - Parameter threads: of the computation; canvases are composed on one more.
  public init(recipe: DetectorRecipe, threads: Int) throws {
    try recipe.validate()
    self.recipe = recipe
    let spec = FaceDetectorSpec.model()
    store = ParameterStore(spec: spec, seed: recipe.seed)
    Self.prepareHeads(store)
    var graphs: [TrainableGraph] = []
    for canvas in recipe.canvases {
      graphs.append(
        try TrainableGraph(
          spec: spec, parameters: store, batchSize: canvas.batchSize, inputHeight: canvas.height,
          inputWidth: canvas.width, precision: recipe.precision, threads: threads))
    }
    self.graphs = graphs
    optimiser = AdamW(store, settings: AdamW.Settings(weightDecay: recipe.weightDecay))
    average = ExponentialMovingAverage(store, decay: recipe.averagingDecay)
  }

  /// Starts where nearly every cell says "no face" (RetinaNet's prior, Lin et al. 2017), so that the first steps are not
  /// spent on silencing thousands of cells.
  private static func prepareHeads(_ store: ParameterStore) {
    for stride in FaceDetectorSpec.strides {
      let name = FaceDetectorSpec.outputName(stride: stride)
      let weights = store.buffer("\(name).weight")
      for index in weights.indices { weights[index] *= 0.1 }
      let biases = store.buffer("\(name).bias")
      biases.update(repeating: 0)
      biases[0] = -4
    }
  }

  /// Runs to the end of the recipe.
  ///
  /// - Parameter report: called after each step; false ends the run after it.
  public func run(library: DetectorLibrary, report: (Progress) throws -> Bool) throws {
    guard !isFinished else { return }
    let loader = DetectorLoader(library: library, recipe: recipe, firstStep: step)
    defer { loader.stop() }
    let clock = ContinuousClock()
    var last = clock.now
    while !isFinished {
      var progress = try advance(loader.next())
      let now = clock.now
      progress.canvasesPerSecond =
        Float(recipe.canvas(atStep: step - 1).batchSize) / max(1e-6, Float((now - last) / .seconds(1)))
      last = now
      guard try report(progress) else { return }
    }
  }

  /// One step.
  func advance(_ batch: DetectorBatch) throws -> Progress {
    precondition(batch.step == step)
    let graph = graphs[step % graphs.count]
    let levels = zip(FaceDetectorSpec.strides, graph.outputShapes).map {
      DetectorTargets.LevelShape(stride: $0, rows: $1.height, columns: $1.width)
    }
    fill(graph.input, from: batch)
    store.zeroGradients()
    try graph.forward(.train)
    var targets = DetectorTargets(faces: batch.faces, levels: levels, balance: recipe.faceBalance ?? 0)
    let outputs = levels.indices.map { graph.output($0) }
    loss.updateQualities(&targets, outputs: outputs)
    let value = loss.evaluate(targets, outputs: outputs, gradients: levels.indices.map { graph.outputGradient($0) })
    try graph.backward()
    let norm = store.clipGradients(maximumNorm: recipe.maximumGradientNorm)
    guard value.total.isFinite, norm.isFinite else {
      throw TrainingError.diverged("step \(step): the loss is \(value.total), the gradient's norm \(norm)")
    }
    let schedule = CosineSchedule(
      base: recipe.learningRate, warmupSteps: recipe.warmUpSteps, totalSteps: recipe.steps)
    let rate = schedule.learningRate(atStep: step)
    optimiser.step(learningRate: rate)
    average.update()
    step += 1
    return Progress(
      step: step, loss: value.total, score: value.score, box: value.box, landmarks: value.landmarks,
      overlap: value.overlap, positives: Float(value.positives) / Float(batch.faces.count), gradientNorm: norm,
      learningRate: rate, canvasesPerSecond: 0)
  }

  private func fill(_ input: UnsafeMutableBufferPointer<Float>, from batch: DetectorBatch) {
    let scale = 1 / (255 * FaceDetectorSpec.inputStandardDeviation)
    let offset = -FaceDetectorSpec.inputMean / FaceDetectorSpec.inputStandardDeviation
    let target = input.baseAddress!
    precondition(batch.pixels.count == input.count)
    batch.pixels.withUnsafeBufferPointer { pixels in
      for index in 0..<pixels.count { target[index] = Float(pixels[index]) * scale + offset }
    }
  }

  /// The averaged network: what is evaluated and stored.
  public var averagedTensors: [String: Tensor] { average.exportTensors() }
}

// MARK: - Checkpoints

extension DetectorTrainer {
  /// Settings that a part of a run went by.
  public struct Phase: Codable, Equatable, Sendable {
    /// The first step that went by others.
    public var endStep: Int
    public var recipe: DetectorRecipe
  }

  /// All settings the run went by, in order.
  public var phases: [Phase] { earlier + [Phase(endStep: step, recipe: recipe)] }

  private struct State: Codable {
    var recipe: DetectorRecipe
    var earlier: [Phase]?
    var step: Int
    var optimiserSteps: Int
    var averageUpdates: Int
  }

  private var buffers: [(name: String, values: UnsafeMutableBufferPointer<Float>)] {
    [("values", store.values), ("statistics", store.statistics)]
      + optimiser.state.map { ("optimiser." + $0.name, $0.values) }
      + average.state.map { ("average." + $0.name, $0.values) }
  }

  /// Writes all that a resumed run needs to give the same weights as one that was never interrupted.
  public func save(to path: String) throws(TrainingError) {
    var checkpoint = try Checkpoint(
      state: State(
        recipe: recipe, earlier: earlier, step: step, optimiserSteps: optimiser.stepCount,
        averageUpdates: average.updateCount))
    for (name, values) in buffers { checkpoint.append(name, UnsafeBufferPointer(values)) }
    try checkpoint.write(to: path)
  }

  /// Goes back to where a run was saved. What is left of it goes by this trainer's recipe; where that is not the saved
  /// run's, `phases` tells both.
  public func restore(from path: String) throws(TrainingError) {
    let checkpoint = try Checkpoint.read(from: path)
    let state = try checkpoint.decodeState(State.self, path: path)
    try checkpoint.restore(buffers, path: path)
    step = state.step
    earlier = state.earlier ?? []
    if state.recipe != recipe { earlier.append(Phase(endStep: step, recipe: state.recipe)) }
    optimiser.stepCount = state.optimiserSteps
    average.updateCount = state.averageUpdates
  }

  /// The recipe of a saved run.
  public static func recipe(ofCheckpoint path: String) throws(TrainingError) -> DetectorRecipe {
    try Checkpoint.read(from: path).decodeState(State.self, path: path).recipe
  }

  /// The averaged network of a saved run.
  public static func averagedTensors(ofCheckpoint path: String) throws -> [String: Tensor] {
    let trainer = try DetectorTrainer(recipe: recipe(ofCheckpoint: path), threads: 1)
    try trainer.restore(from: path)
    return trainer.averagedTensors
  }
}
