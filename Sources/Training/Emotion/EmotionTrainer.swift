public import Foundation
public import Inference

/// Trains a classifier of face pictures from a recipe, and leaves everything in a folder: `last.ckpt`, `best.ckpt`,
/// `metrics.jsonl` and, at the end, `model.safetensors`.
///
/// A run that is killed at any moment and resumed gives the same weights, bit for bit, as one that was not, with the
/// same number of threads on the same kind of processor. Make and use it on the same thread.
public final class EmotionTrainer {
  public struct Settings: Sendable {
    public var recipe: TrainingRecipe
    /// Where the results go; made where it does not exist.
    public var folder: URL
    /// The model that a finished run writes; nil = `model.safetensors` in the folder.
    public var modelFile: URL?
    /// OpenMP threads.
    public var threads: Int
    public var precision: Precision
    /// Who is learned from beside the labels.
    public var distillation: Distillation?
    /// What the initial weights are and how much of them fits, a line each, for the record and the report. A resumed run
    /// keeps what its first part was told.
    public var weightsReport: [String]?
    /// Go on from `last.ckpt` where there is one.
    public var resumes: Bool
    /// Seconds after which a long epoch is saved on its way.
    public var checkpointInterval: Double = 600

    public init(recipe: TrainingRecipe, folder: URL, threads: Int, precision: Precision, resumes: Bool) {
      self.recipe = recipe
      self.folder = folder
      self.threads = threads
      self.precision = precision
      self.resumes = resumes
    }
  }

  public enum Outcome: Sendable {
    /// The model file is written.
    case finished(bestEpoch: Int)
    /// Stopped on demand, saved, and can be resumed.
    case stopped
  }

  let settings: Settings
  let data: TrainingData
  let report: (TrainingEvent) -> Void
  let spec: ModelSpec
  /// The model's record as far as it is known before training: classes and normalisation.
  let record: ModelRecord
  let store: ParameterStore
  let average: ExponentialMovingAverage
  var state: TrainingState
  /// The finished model on the test part.
  var testScores: EpochRecord.Scores?
  private let recipe: TrainingRecipe
  private var replicas: GraphReplicas?
  private let optimiser: any Optimiser
  private let loss: SoftmaxCrossEntropy
  private let schedule: CosineSchedule
  private let maker: BatchMaker
  /// From the moment the folder is read until the run ends.
  private var lock: FolderLock?
  private var lastSaved = ContinuousClock.now
  private var meter = SpeedMeter()

  /// - Parameters:
  ///   - initialWeights: What the network starts from instead of random values; parameters that are not among them
  ///     keep theirs.
  ///   - report: Called on the trainer's thread.
  /// - Throws: `TrainingError` for settings, data and checkpoints that do not fit, `InferenceError` for a network that
  ///   cannot be made.
  public init(
    _ settings: Settings, data: TrainingData, initialWeights: [String: Tensor]? = nil,
    report: @escaping (TrainingEvent) -> Void
  ) throws {
    var settings = settings
    try settings.recipe.validate()
    settings.recipe = settings.recipe.completed()
    let recipe = settings.recipe
    self.settings = settings
    self.data = data
    self.report = report
    self.recipe = recipe
    let training = data.training
    try settings.distillation?.check(training.labels)
    spec = try recipe.makeSpec(classes: training.labels.count)
    record = recipe.makeRecord(labels: training.labels)
    store = ParameterStore(spec: spec, seed: recipe.seed)
    if let initialWeights { try store.load(store.exportTensors().merging(initialWeights) { $1 }) }
    switch recipe.optimiser {
    case .sgd:
      optimiser = SGD(
        store, settings: .init(momentum: recipe.momentum, weightDecay: recipe.weightDecay),
        rateFactor: recipe.layerRates.factors(for: spec))
    case .adamw:
      optimiser = AdamW(
        store, settings: .init(weightDecay: recipe.weightDecay), rateFactor: recipe.layerRates.factors(for: spec))
    }
    average = ExponentialMovingAverage(store, decay: recipe.emaDecay)
    loss = recipe.makeLoss(classCounts: training.classCounts)
    maker = try BatchMaker(pictures: training, recipe: recipe)
    schedule = CosineSchedule(
      base: recipe.learningRate, warmupSteps: Int(recipe.warmupEpochs * Float(maker.stepsPerEpoch)),
      totalSteps: recipe.epochs * maker.stepsPerEpoch, finalShare: recipe.finalLearningRateShare,
      cycleSteps: recipe.restartEpochs * maker.stepsPerEpoch, cycleGrowth: recipe.restartGrowth)
    state = TrainingState(
      recipe: recipe, spec: spec, dataFingerprint: training.fingerprint,
      validationFingerprint: data.validationFingerprint, threads: settings.threads, precision: settings.precision,
      teachers: settings.distillation?.identity, weights: settings.weightsReport)
    try prepareFolder()
  }

  /// Trains until the last epoch, or until `stopRequested` says true.
  public func run(stopRequested: @escaping @Sendable () -> Bool = { false }) throws -> Outcome {
    defer { lock = nil }
    if !state.isFinished {
      let loader = BatchLoader(
        maker, fromEpoch: state.epoch, step: state.stepInEpoch * recipe.accumulation, epochs: recipe.epochs)
      defer { loader.stop() }
      while !state.isFinished {
        loader.beginEpoch(weights: state.samplingWeights)
        guard try trainEpoch(loader, stopRequested) else {
          try save()
          return .stopped
        }
        // An evaluation that is stopped is made again after resuming: until then the epoch is not finished.
        guard try finishEpoch(stopRequested) else {
          try save()
          return .stopped
        }
        try save()
      }
    }
    // All is saved: what is stopped here is made again after resuming.
    guard try exportModel(isStopped: stopRequested) else { return .stopped }
    return .finished(bestEpoch: state.bestEpoch)
  }

  /// - Returns: False where it was stopped on the way.
  private func trainEpoch(_ loader: BatchLoader, _ stopRequested: @escaping @Sendable () -> Bool) throws -> Bool {
    let steps = maker.stepsPerEpoch
    let replicas = try replicas(imageSize: recipe.imageSize(inEpoch: state.epoch))
    while state.stepInEpoch < steps {
      if stopRequested() { return false }
      let start = ContinuousClock.now
      let value = try passes(loader, replicas)
      guard value.isFinite else {
        throw TrainingError.diverged(
          "the loss is \(value) at step \(state.step + 1); try a lower learning rate or a longer warm-up")
      }
      if recipe.clipNorm > 0 { store.clipGradients(maximumNorm: recipe.clipNorm) }
      let rate = schedule.learningRate(atStep: state.step)
      optimiser.step(learningRate: rate)
      if recipe.emaDecay > 0 { average.update() }
      state.step += 1
      state.stepInEpoch += 1
      state.lossSum += value
      state.optimiserSteps = optimiser.stepCount
      state.averageUpdates = average.updateCount
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      state.stepSeconds = (state.stepSeconds ?? 0) + seconds
      meter.addStep(seconds)
      report(.step(progress(rate)))
      if (ContinuousClock.now - lastSaved) / .seconds(1) >= settings.checkpointInterval { try save() }
    }
    return true
  }

  /// Adds up the gradients of one step.
  ///
  /// - Returns: The mean loss.
  private func passes(_ loader: BatchLoader, _ replicas: GraphReplicas) throws -> Double {
    let count = recipe.accumulation
    store.zeroGradients()
    var sum = 0.0
    for part in 0..<count {
      // Every batch drops other elements, the same ones after a resume.
      sum += try replicas.pass(
        loader.next(), classes: data.training.labels.count, loss: loss, share: 1 / Float(count),
        dropoutSeed: recipe.seed << 32 ^ UInt64(state.step * count + part))
    }
    return sum / Double(count)
  }

  /// Made anew when the size of the pictures changes.
  private func replicas(imageSize: Int) throws -> GraphReplicas {
    if let replicas, replicas.imageSize == imageSize { return replicas }
    replicas = nil
    let made = try GraphReplicas(
      spec: spec, store: store, batchSize: recipe.batchSize, imageSize: imageSize, precision: settings.precision,
      threads: settings.threads, record: record, lessons: lessons)
    replicas = made
    return made
  }

  private var lessons: Lessons? {
    settings.distillation.map {
      Lessons(
        distillation: $0, share: recipe.distillationShare, normalisation: recipe.normalisation,
        labels: data.training.labels.names)
    }
  }

  private var imagesPerSecond: Double { Double(recipe.batchSize * recipe.accumulation) / meter.secondsPerStep }

  private func progress(_ rate: Float) -> TrainingProgress {
    let steps = maker.stepsPerEpoch
    let stepsLeft = Double(recipe.epochs * steps - state.step)
    return TrainingProgress(
      epoch: state.epoch + 1, epochs: recipe.epochs, step: state.stepInEpoch, steps: steps,
      loss: state.lossSum / Double(state.stepInEpoch), learningRate: rate,
      imagesPerSecond: imagesPerSecond,
      secondsLeft: stepsLeft * meter.secondsPerStep
        + Double(recipe.epochs - state.epoch) * meter.secondsPerEvaluation)
  }

  /// - Returns: False where it was stopped on the way.
  private func finishEpoch(_ stopRequested: @escaping @Sendable () -> Bool) throws -> Bool {
    let start = ContinuousClock.now
    report(.measuring("epoch \(state.epoch + 1)/\(recipe.epochs) on the validation part"))
    let weights = recipe.emaDecay > 0 ? average.exportTensors() : store.exportTensors()
    let diverged = TrainingError.diverged(
      "the weights are no numbers any more after epoch \(state.epoch + 1) at step \(state.step); try a lower "
        + "learning rate or a longer warm-up")
    guard weights.values.allSatisfy({ $0.values.allSatisfy(\.isFinite) }) else { throw diverged }
    guard
      let result = try ClassifierEvaluation.run(
        spec: spec, weights: weights, pictures: data.validation, record: self.record,
        precision: settings.precision, threads: settings.threads, isStopped: stopRequested)
    else { return false }
    guard result.flipAveraged.allSatisfy(\.isFinite) else { throw diverged }
    let all = data.metrics(result.flipAveraged, withoutDuplicates: false)
    let deduplicated = data.duplicates.isEmpty ? nil : data.metrics(result.flipAveraged, withoutDuplicates: true)
    let selecting = deduplicated ?? all
    let score = try recipe.score(selecting, labels: data.validation.labels)
    let isBest = state.bestScore.map { score > $0 } ?? true
    let record = EpochRecord(
      epoch: state.epoch + 1, step: state.step, learningRate: schedule.learningRate(atStep: state.step - 1),
      trainLoss: state.lossSum / Double(maker.stepsPerEpoch),
      imagesPerSecond: imagesPerSecond,
      validation: .init(all), deduplicated: deduplicated.map { EpochRecord.Scores($0) }, score: score,
      isBest: isBest, sampled: maker.sampler.quotas(weights: state.samplingWeights),
      seconds: (state.stepSeconds ?? 0) + (ContinuousClock.now - start) / .seconds(1))
    state.epoch += 1
    state.stepInEpoch = 0
    state.lossSum = 0
    state.stepSeconds = nil
    if recipe.dynamicSampling {
      state.samplingWeights = DynamicSampling.next(
        state.samplingWeights, recall: selecting.perClass.map { $0.support > 0 ? $0.recall : nil })
    }
    if isBest {
      state.bestScore = score
      state.bestEpoch = state.epoch
      try saveBest(weights, record: record)
    }
    let isPatient = recipe.patience == 0 || state.epoch - state.bestEpoch < recipe.patience
    state.isFinished = state.epoch == recipe.epochs || !isPatient
    try MetricsLog(folder: settings.folder).append(record)
    meter.addEvaluation((ContinuousClock.now - start) / .seconds(1))
    report(.epoch(record))
    return true
  }
}

// MARK: - Files

extension EmotionTrainer {
  private static func lastPath(in folder: URL) -> String { folder.appending(path: "last.ckpt").path }

  private var lastPath: String { Self.lastPath(in: settings.folder) }

  private var buffers: [(name: String, values: UnsafeMutableBufferPointer<Float>)] {
    [("values", store.values), ("statistics", store.statistics)] + optimiser.state + average.state
  }

  /// Puts the whole state into `last.ckpt`.
  private func save() throws(TrainingError) {
    var checkpoint = try Checkpoint(state: state)
    for buffer in buffers { checkpoint.append(buffer.name, UnsafeBufferPointer(buffer.values)) }
    try checkpoint.write(to: lastPath)
    lastSaved = .now
  }

  /// Whether a folder has a run in it that can be gone on with.
  public static func holdsRun(_ folder: URL) -> Bool {
    FileManager.default.fileExists(atPath: lastPath(in: folder))
  }

  /// Refuses a folder with a run in it that shall not be gone on with; quick, so it can come before pictures are read.
  public static func checkFolder(_ folder: URL, resumes: Bool) throws(TrainingError) {
    guard !resumes, holdsRun(folder) else { return }
    throw .invalidSettings("\(folder.path) holds a run already; go on with --resume, or name another folder")
  }

  /// Makes the folder, or takes up the run that it holds.
  private func prepareFolder() throws(TrainingError) {
    do {
      try FileManager.default.createDirectory(at: settings.folder, withIntermediateDirectories: true)
    } catch {
      throw .inputOutput(path: settings.folder.path, "cannot be made: \(error.localizedDescription)")
    }
    lock = try FolderLock(settings.folder)
    try Self.checkFolder(settings.folder, resumes: settings.resumes)
    guard Self.holdsRun(settings.folder) else {
      if settings.resumes { report(.note("nothing to resume in \(settings.folder.path); starting anew")) }
      return try MetricsLog(folder: settings.folder).truncate(afterEpoch: 0)
    }
    let checkpoint = try Checkpoint.read(from: lastPath)
    let stored = try checkpoint.decodeState(TrainingState.self, path: lastPath)
    if let obstacle = stored.obstacle(to: state) { throw .invalidCheckpoint(path: lastPath, obstacle) }
    guard stored.epoch <= recipe.epochs else {
      throw .invalidCheckpoint(
        path: lastPath, "has finished \(stored.epoch) epochs; a run cannot be shortened to \(recipe.epochs)")
    }
    // Otherwise it would be missed only at the end.
    if stored.bestEpoch > 0 { _ = try readBest(of: stored) }
    try checkpoint.restore(buffers, path: lastPath)
    let validationFingerprint = state.validationFingerprint
    state = stored
    state.recipe = recipe
    state.validationFingerprint = validationFingerprint
    if stored.recipe != recipe {
      // Useful where time turns out shorter or longer than was thought.
      state.isFinished = stored.epoch >= recipe.epochs
      report(
        .note(
          "\(recipe.epochs) epochs instead of \(stored.recipe.epochs): the learning rate follows the new length"))
    }
    optimiser.stepCount = stored.optimiserSteps
    average.updateCount = stored.averageUpdates
    try MetricsLog(folder: settings.folder).truncate(afterEpoch: stored.epoch)
    if stored.threads != settings.threads {
      // How many parts a batch has decides what batch norm sees.
      report(
        .note("the run had \(stored.threads) threads so far; with \(settings.threads) it will end otherwise"))
    }
    report(
      .note(
        state.isFinished
          ? "all \(stored.epoch) epochs are done"
          : "resuming at epoch \(stored.epoch + 1), step \(stored.stepInEpoch + 1)"
      ))
  }
}
