import Foundation
import Inference
import Threads
import Testing

@testable import Training

struct EmotionTrainerTests {
  static let labels = ClassLabels(["angry", "happy", "sad"])

  /// A quick run that still uses everything: batch norm, dropout, mixup, averaging, two sizes of pictures.
  static var recipe: TrainingRecipe {
    var recipe = TrainingRecipe()
    recipe.widths = [8, 16]
    recipe.imageSize = 16
    recipe.earlyImageSize = 16
    recipe.batchSize = 16
    recipe.epochs = 4
    recipe.learningRate = 0.05
    recipe.emaDecay = 0.9
    return recipe
  }

  static func pictures(_ count: Int, seed: UInt64) -> PictureSet {
    let files = (0..<count).map { PictureFile(path: "\($0)", label: $0 % 3) }
    var random = RandomGenerator(seed: seed)
    let pixels = files.flatMap { file in
      (0..<256).map { UInt8(($0 / 16 * 3 / 16 == file.label ? 150 : 50) + random.uniform(0, 60)) }
    }
    return PictureSet(imageSize: 16, labels: labels, files: files, pixels: pixels)
  }

  static let data = TrainingData(
    training: pictures(80, seed: 1), validation: pictures(30, seed: 2), duplicates: ["3", "4", "foreign"])

  struct Run {
    var outcome: EmotionTrainer.Outcome
    var epochs: [EpochRecord]
    var notes: [String]
  }

  static func train(
    _ recipe: TrainingRecipe, on data: TrainingData = data, in folder: URL, teachers: Distillation? = nil,
    threads: Int = 2, precision: Precision = .f32, resumes: Bool = false, stopAfterSteps limit: Int = .max
  ) throws -> Run {
    var settings = EmotionTrainer.Settings(
      recipe: recipe, folder: folder, threads: threads, precision: precision, resumes: resumes)
    settings.distillation = teachers
    let steps = Guarded(0)
    var epochs: [EpochRecord] = []
    var notes: [String] = []
    let trainer = try EmotionTrainer(settings, data: data) { event in
      switch event {
      case .note(let text): notes.append(text)
      case .step: steps.withLock { $0 += 1 }
      case .measuring: break
      case .epoch(let record): epochs.append(record)
      }
    }
    let outcome = try trainer.run { steps.withLock { $0 >= limit } }
    return Run(outcome: outcome, epochs: epochs, notes: notes)
  }

  /// The folders of two runs by one recipe: one that ended by itself, and one that was stopped after 7 steps.
  static func trainWholeAndStopped(_ recipe: TrainingRecipe) throws -> (TemporaryFolder, TemporaryFolder) {
    let (whole, stopped) = (try TemporaryFolder(), try TemporaryFolder())
    _ = try train(recipe, in: whole.url)
    _ = try train(recipe, in: stopped.url, stopAfterSteps: 7)
    return (whole, stopped)
  }

  private func buffers(_ folder: TemporaryFolder) throws -> [[UInt32]] {
    let checkpoint = try Checkpoint.read(from: folder.url.appending(path: "last.ckpt").path)
    return checkpoint.bufferNames.map { checkpoint.values($0)!.map(\.bitPattern) }
  }

  @Test func theMeasurementOfTheFinishedModelCanBeStoppedAndComesAfterResuming() throws {
    let folder = try TemporaryFolder()
    var recipe = Self.recipe
    recipe.epochs = 2
    var measured: [String] = []
    let isLast = Guarded(false)
    let settings = EmotionTrainer.Settings(
      recipe: recipe, folder: folder.url, threads: 2, precision: .f32, resumes: false)
    let trainer = try EmotionTrainer(settings, data: Self.data) { event in
      guard case .measuring(let what) = event else { return }
      measured.append(what)
      isLast.withLock { $0 = what == "the finished model" }
    }
    let outcome = try trainer.run { isLast.withLock { $0 } }
    let epochs = (1...2).map { "epoch \($0)/2 on the validation part" }
    #expect(measured == epochs + ["the finished model"])
    let model = folder.url.appending(path: "model.safetensors").path
    guard case .stopped = outcome else { return #expect(Bool(false), "\(outcome)") }
    #expect(!FileManager.default.fileExists(atPath: model))
    let resumed = try Self.train(recipe, in: folder.url, resumes: true)
    #expect(resumed.epochs.isEmpty && FileManager.default.fileExists(atPath: model))
  }

  @Test func learnsAndLeavesAModelThatKnowsIt() throws {
    let folder = try TemporaryFolder()
    var recipe = Self.recipe
    recipe.epochs = 12
    let run = try Self.train(recipe, in: folder.url)
    #expect(run.epochs.count == 12)
    let last = try #require(run.epochs.max { $0.score < $1.score })
    #expect(last.validation.accuracy > 0.9, "\(run.epochs.map(\.validation.accuracy))")
    #expect(last.validation.images == 30 && last.deduplicated?.images == 28)
    #expect(MetricsLog(folder: folder.url).records == run.epochs)

    let model = try ModelFile.read(from: folder.url.appending(path: "model.safetensors").path)
    #expect(model.record.labels == Self.labels.names)
    let evaluation = try #require(
      try ClassifierEvaluation.run(
        spec: model.spec, weights: model.tensors, pictures: Self.data.validation, record: model.record,
        precision: .f32, threads: 1))
    let metrics = Self.data.metrics(evaluation.flipAveraged, withoutDuplicates: false)
    #expect(EpochRecord.Scores(metrics) == last.validation)
    #expect(model.record.training?["recipe"]?["seed"] == .number(1))
    guard case .number(let accuracy)? = model.record.metrics?["f32"]?["flip_averaged"]?["validation"]?["accuracy"]
    else { throw TrainingError.invalidSettings("no accuracy in the record") }
    #expect(accuracy == metrics.accuracy)
  }

  @Test(arguments: [1, 3, 5, 11]) func aStoppedAndResumedRunEndsBitForBitTheSame(steps: Int) throws {
    let whole = try TemporaryFolder()
    let broken = try TemporaryFolder()
    let uninterrupted = try Self.train(Self.recipe, in: whole.url)
    let first = try Self.train(Self.recipe, in: broken.url, stopAfterSteps: steps)
    guard case .stopped = first.outcome else {
      Issue.record("was not stopped")
      return
    }
    let second = try Self.train(Self.recipe, in: broken.url, resumes: true)
    #expect(try buffers(whole) == buffers(broken))
    let scores = [uninterrupted.epochs, first.epochs + second.epochs].map { epochs in
      epochs.map { [$0.trainLoss, $0.score, $0.validation.nll] }
    }
    #expect(scores[0] == scores[1])
    let models = try [whole, broken].map {
      try ModelFile.read(from: $0.url.appending(path: "model.safetensors").path)
    }
    #expect(models[0] == models[1])
  }

  @Test func aRunWithEverythingElseResumesBitForBitToo() throws {
    var recipe = Self.recipe
    recipe.batchSize = 8
    recipe.accumulation = 2
    recipe.optimiser = .adamw
    recipe.learningRate = 0.01
    recipe.layerRates = LayerRates(stem: 0.1, body: 0.5, head: 2)
    recipe.restartEpochs = 1
    recipe.restartGrowth = 2
    recipe.dynamicSampling = true
    recipe.samplerPower = 1
    let (whole, broken) = try Self.trainWholeAndStopped(recipe)
    _ = try Self.train(recipe, in: broken.url, resumes: true)
    #expect(try buffers(whole) == buffers(broken))
  }

  @Test func fusedBackbonesTrainAsOneNetwork() throws {
    let folder = try TemporaryFolder()
    var recipe = Self.recipe
    recipe.backbones = ["fer48", "mobilenet_v3_small"]
    recipe.epochs = 1
    _ = try Self.train(recipe, in: folder.url)
    let model = try ModelFile.read(from: folder.url.appending(path: "model.safetensors").path)
    #expect(model.spec.name == "fer48+mobilenet_v3_small")
    recipe.backbones = ["fer48", "fer48"]
    #expect(throws: TrainingError.self) { try recipe.validate() }
    recipe.backbones = ["fer48", "vgg"]
    #expect(throws: TrainingError.self) { try recipe.validate() }
  }

  @Test func theReportTellsOfBothPartsOfAnInterruptedRun() throws {
    let folder = try TemporaryFolder()
    func report(resumes: Bool, stopAfterSteps limit: Int) throws -> (page: String, loss: [Substring]) {
      let steps = Guarded(0)
      let trainer = try EmotionTrainer(
        .init(recipe: Self.recipe, folder: folder.url, threads: 1, precision: .f32, resumes: resumes),
        data: Self.data
      ) { if case .step = $0 { steps.withLock { $0 += 1 } } }
      _ = try trainer.run { steps.withLock { $0 >= limit } }
      #expect(
        try trainer.writeReport(command: ["ferd", "train"], version: "1", gnuplot: nil) == [ReportFolder.missing])
      let url = folder.url.appending(path: "report/loss.tsv")
      return (
        try String(contentsOf: folder.url.appending(path: "report.html"), encoding: .utf8),
        try String(contentsOf: url, encoding: .utf8).split(separator: "\n")
      )
    }
    let first = try report(resumes: false, stopAfterSteps: 12)
    #expect(first.page.contains("Stopped after 2 of 4 epochs") && first.loss.count == 3)
    let second = try report(resumes: true, stopAfterSteps: .max)
    #expect(second.page.contains("Finished after 4 of 4 epochs") && second.loss.count == 5)
    #expect(second.loss.prefix(3) == first.loss.prefix(3))
    let records = MetricsLog(folder: folder.url).records
    #expect(records.allSatisfy { $0.sampled == [27, 27, 26] && $0.seconds ?? 0 > 0 })
    #expect(records.allSatisfy { $0.validation.confusion?.joined().reduce(0, +) == 30 })
  }

  @Test(arguments: [3, 5, 12]) func samplingThatFollowsValidationResumesBitForBit(steps: Int) throws {
    var recipe = Self.recipe
    recipe.samplerPower = 0.5
    recipe.dynamicSampling = true
    recipe.focus = ["happiness"]
    recipe.targetedAugmentation = true
    recipe.augmentation = .level(3)!
    let whole = try TemporaryFolder()
    let broken = try TemporaryFolder()
    let uninterrupted = try Self.train(recipe, in: whole.url)
    let shown = uninterrupted.epochs.compactMap(\.sampled)
    #expect(shown.count == 4 && shown.allSatisfy { $0.reduce(0, +) == 80 })
    #expect(shown[0] == [20, 40, 20], "at first the focus alone counts")
    #expect(Set(shown).count > 1, "then what validation says")
    _ = try Self.train(recipe, in: broken.url, stopAfterSteps: steps)
    let second = try Self.train(recipe, in: broken.url, resumes: true)
    #expect(second.epochs.last?.sampled == shown.last)
    #expect(try buffers(whole) == buffers(broken))
    let model = try ModelFile.read(from: broken.url.appending(path: "model.safetensors").path)
    #expect(model.record.training?["strengthened_augmentation"] == .array([.string("happy")]))
  }

  @Test func aFocusThatIsNoClassIsRefused() throws {
    let folder = try TemporaryFolder()
    var recipe = Self.recipe
    recipe.focus = ["disgust"]
    do {
      _ = try Self.train(recipe, in: folder.url)
      Issue.record("was accepted")
    } catch {
      #expect("\(error)".contains("\"disgust\" is no class; the classes are angry, happy, sad"), "\(error)")
    }
  }

  @Test func picturesStoredSmallerThanTheNetworkTrainAndEvaluate() throws {
    let folder = try TemporaryFolder()
    var recipe = Self.recipe
    recipe.imageSize = 32
    recipe.earlyImageSize = 24
    recipe.earlyEpochs = 2
    recipe.epochs = 14
    let run = try Self.train(recipe, in: folder.url)
    let accuracies = run.epochs.map(\.validation.accuracy)
    #expect(try #require(accuracies.max()) > 0.8, "\(accuracies)")
  }

  @Test func theSameSeedGivesTheSameRunAndAnotherOneDoesNot() throws {
    var recipe = Self.recipe
    recipe.epochs = 1
    recipe.earlyEpochs = 1
    var results: [[[UInt32]]] = []
    for seed in [1, 1, 2] as [UInt64] {
      let folder = try TemporaryFolder()
      recipe.seed = seed
      _ = try Self.train(recipe, in: folder.url)
      results.append(try buffers(folder))
    }
    #expect(results[0] == results[1] && results[0] != results[2])
  }

  @Test func copiesOnSeveralThreadsGiveTheGradientsOfOne() throws {
    // Without batch norm's part statistics the split must not matter: statistics of equal halves are equal.
    var recipe = Self.recipe
    recipe.dropout = 0
    let spec = try recipe.makeSpec(classes: 3)
    let half = (0..<8 * 256).map { Float($0 % 97) / 97 - 0.5 }
    let batch = TrainingBatch(batchSize: 16, imageSize: 16, classes: 3)
    _ = batch.input.update(fromContentsOf: half + half)
    for row in 0..<16 { batch.targets[row * 3 + row % 8 % 3] = 1 }
    var results: [([Float], [Float], Double)] = []
    for threads in [1, 2] {
      let store = ParameterStore(spec: spec, seed: 1)
      let replicas = try GraphReplicas(
        spec: spec, store: store, batchSize: 16, imageSize: 16, precision: .f32, threads: threads)
      #expect(replicas.count == threads)
      let loss = try replicas.pass(batch, classes: 3, loss: SoftmaxCrossEntropy(), dropoutSeed: 1)
      results.append((Array(store.gradients), Array(store.statistics), loss))
    }
    let scale = results[0].0.reduce(0) { max($0, abs($1)) }
    #expect(zip(results[0].0, results[1].0).allSatisfy { abs($0 - $1) <= 1e-4 * scale })
    // Unbiased variances of 8 and of 16 pictures differ by their factors n / (n - 1).
    #expect(zip(results[0].1, results[1].1).allSatisfy { abs($0 - $1) <= 1e-3 * max(1, abs($0)) })
    #expect(abs(results[0].2 - results[1].2) < 1e-5)
    #expect(
      [(16, 3), (64, 5), (45, 4), (7, 2), (16, 16)].map { GraphReplicas.count(batchSize: $0, threads: $1) }
        == [2, 4, 3, 1, 2])
  }

  @Test func anotherRunInTheFolderIsNotOverwritten() throws {
    let folder = try TemporaryFolder()
    var recipe = Self.recipe
    recipe.epochs = 1
    _ = try Self.train(recipe, in: folder.url)
    #expect(throws: TrainingError.self) { try Self.train(recipe, in: folder.url) }
    let before = try buffers(folder)
    recipe.learningRate = 0.01
    recipe.dropout = 0.4
    recipe.augmentation.flip = 0.25
    do {
      _ = try Self.train(recipe, in: folder.url, resumes: true)
      Issue.record("was resumed with another recipe")
    } catch {
      let expected = "belongs to another recipe, which differs in learningRate, dropout, augmentation;"
      #expect("\(error)".contains(expected), "\(error)")
    }
    #expect(try buffers(folder) == before)
  }

  @Test func aDamagedCheckpointIsRefusedAndLeftAlone() throws {
    let folder = try TemporaryFolder()
    var recipe = Self.recipe
    recipe.epochs = 2
    _ = try Self.train(recipe, in: folder.url, stopAfterSteps: 2)
    let path = folder.url.appending(path: "last.ckpt")
    var bytes = try Data(contentsOf: path)
    bytes[bytes.count / 2] ^= 0x40
    try bytes.write(to: path)
    do {
      _ = try Self.train(recipe, in: folder.url, resumes: true)
      Issue.record("was loaded")
    } catch {
      #expect("\(error)".contains("is damaged"), "\(error)")
    }
    #expect(try Data(contentsOf: path) == bytes)
  }

  @Test func moreEpochsThanBeforeGoOnWithANewSchedule() throws {
    let folder = try TemporaryFolder()
    var recipe = Self.recipe
    recipe.epochs = 1
    _ = try Self.train(recipe, in: folder.url)
    recipe.epochs = 2
    let run = try Self.train(recipe, in: folder.url, resumes: true)
    #expect(run.epochs.map(\.epoch) == [2])
    #expect(run.notes.contains { $0.contains("2 epochs instead of 1") })
  }

  @Test func patienceEndsARunThatGetsNoBetter() throws {
    let folder = try TemporaryFolder()
    var recipe = Self.recipe
    recipe.epochs = 50
    recipe.patience = 2
    recipe.learningRate = 1e-9
    recipe.emaDecay = 0
    let run = try Self.train(recipe, in: folder.url)
    #expect(run.epochs.count < 50)
    let best = try #require(run.epochs.last { $0.isBest })
    #expect(run.epochs.count == best.epoch + 2)
  }

  @Test func adamWAndBF16TrainToo() throws {
    let folder = try TemporaryFolder()
    var recipe = Self.recipe
    recipe.optimiser = .adamw
    recipe.learningRate = 0.003
    recipe.loss = .balancedSoftmax
    recipe.samplerPower = 1
    recipe.epochs = 12
    let run = try Self.train(recipe, in: folder.url, precision: .fastest)
    let best = try #require(run.epochs.map(\.validation.accuracy).max())
    #expect(best > 0.8)
  }

  @Test func aLossBeyondNumbersEndsTheRunWithAnExplanation() throws {
    let folder = try TemporaryFolder()
    var recipe = Self.recipe
    recipe.learningRate = 100
    recipe.warmupEpochs = 0
    recipe.clipNorm = 0
    recipe.momentum = 0.99
    recipe.weightDecay = 1
    recipe.epochs = 60
    do {
      _ = try Self.train(recipe, in: folder.url)
    } catch let error as TrainingError {
      guard case .diverged(let text) = error else { throw error }
      #expect(text.contains("at step"))
      return
    }
    Issue.record("did not diverge")
  }
}

struct TrainingRecipeTests {
  @Test func committedRecipesAreValid() throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(
      path: "../../config/recipes")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(files.contains("fer48.json"))
    for file in files where file.hasSuffix(".json") {
      _ = try TrainingRecipe.read(folder.appending(path: file).path)
    }
  }

  @Test func whatIsNotNamedKeepsItsDefault() throws {
    let recipe = try TrainingRecipe.decode(Data(#"{"epochs": 7, "augmentation": {"rotation": 3}}"#.utf8))
    var expected = TrainingRecipe()
    expected.epochs = 7
    expected.augmentation.rotation = 3
    #expect(recipe == expected)
  }

  /// Checkpoints and models of earlier versions lack settings that came later.
  @Test func everySettingMayBeMissingAndNoneIsLostInReading() throws {
    let defaults = try #require(try object(TrainingRecipe()))
    let augmentation = try #require(try object(AugmentationPolicy.off))
    #expect(try JSONDecoder().decode(TrainingRecipe.self, from: Data("{}".utf8)) == TrainingRecipe())
    #expect(try JSONDecoder().decode(AugmentationPolicy.self, from: Data("{}".utf8)) == .off)
    for (key, value) in defaults where key != "augmentation" {
      try expectKept(key, value, TrainingRecipe.self)
    }
    for (key, value) in augmentation { try expectKept(key, value, AugmentationPolicy.self) }
    // No default of the recipe's own: the backbone knows it.
    try expectKept("dropout", 0.25, TrainingRecipe.self)
  }

  private func object(_ value: some Encodable) throws -> [String: Any]? {
    try JSONSerialization.jsonObject(with: JSONEncoder().encode(value)) as? [String: Any]
  }

  /// Reads a file with this one setting, changed from its default, and writes it again.
  private func expectKept<Settings: Codable>(_ key: String, _ value: Any, _ type: Settings.Type) throws {
    let candidates: [Any] =
      switch value {
      case let list as [Any]: list.isEmpty ? [["angry"]] : [list + [3]]
      case is String: ["adamw", "balanced-softmax", "resnet18"]
      case let group as [String: Any]: [group.mapValues { ($0 as? Double ?? 0) + 1 }]
      default: [(value as? Double ?? 0) + 1, true]
      }
    let readings = candidates.compactMap { candidate -> (Any, Settings)? in
      guard let data = try? JSONSerialization.data(withJSONObject: [key: candidate]),
        let settings = try? JSONDecoder().decode(Settings.self, from: data)
      else { return nil }
      return (candidate, settings)
    }
    let (candidate, settings) = try #require(readings.first, "\(key) takes nothing but its default")
    let written = try #require(try object(settings)?[key])
    #expect("\(written)" == "\(candidate)" || (written as? NSNumber) == (candidate as? NSNumber), "\(key)")
  }

  @Test func theRecipeOfTheBundledNetworkMeansWhatItMeant() throws {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(
      path: "../../config/recipes/fer48.json"
    ).path
    let recipe = try TrainingRecipe.read(path)
    var expected = AugmentationPolicy.standard
    expected.mixup = 0.3333
    #expect(recipe.augmentation == expected)
    #expect(
      !recipe.targetedAugmentation && !recipe.dynamicSampling && recipe.focus.isEmpty && recipe.softLabelDrop == 0)
  }

  @Test(
    arguments: [
      (#"{"epoch": 7}"#, "\"epoch\" is no setting"),
      (#"{"augmentation": {"spin": 7}}"#, "\"augmentation.spin\" is no setting"),
      (#"{"epochs": 0}"#, "epochs must be from"),
      (#"{"epochs": "many"}"#, "\"epochs\""),
      (#"{"backbone": "vgg"}"#, "\"vgg\" is no backbone"),
      (#"{"widths": []}"#, "widths must be"),
      (#"{"optimiser": "lion"}"#, "\"optimiser\""),
      (#"{"augmentation": {"erasedArea": [0.5, 0.1]}}"#, "erasedArea"),
      (#"{"labelSmoothing": 1.5}"#, "labelSmoothing must be from"),
      ("[1]", "expected a JSON object"),
      ("{", "is no JSON"),
    ])
  func refusesWhatItDoesNotUnderstand(json: String, message: String) throws {
    let folder = try TemporaryFolder()
    try folder.write(Array(json.utf8), to: "recipe.json")
    do throws(TrainingError) {
      _ = try TrainingRecipe.read(folder.url.appending(path: "recipe.json").path)
      Issue.record("was accepted")
    } catch {
      #expect("\(error)".contains(message), "\(error)")
      #expect("\(error)".contains("recipe.json"))
    }
  }
}
