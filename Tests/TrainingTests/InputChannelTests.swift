import Foundation
import Inference
import TestSupport
import Testing

@testable import Training

/// Networks with three channels, which get the grey picture three times.
struct InputChannelTests {
  private static let imageNet: [(mean: Float, deviation: Float)] = [(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)]

  private static var recipe: TrainingRecipe {
    var recipe = EmotionTrainerTests.recipe
    recipe.inputChannels = 3
    return recipe
  }

  private static func modelPath(_ folder: TemporaryFolder) -> String {
    folder.url.appending(path: "model.safetensors").path
  }

  /// What a network with three channels is to be fed with: `[3, 16, 16]`.
  private static func input(_ pixels: UnsafeBufferPointer<UInt8>) -> [Float] {
    imageNet.flatMap { mean, deviation in pixels.map { (Float($0) / 255 - mean) / deviation } }
  }

  @Test func theModelOfARunIsAsGoodInInferenceAsItsTrainerFound() throws {
    let folder = try TemporaryFolder()
    var recipe = Self.recipe
    recipe.epochs = 8
    let run = try EmotionTrainerTests.train(recipe, in: folder.url)
    let best = try #require(run.epochs.last { $0.isBest })
    #expect(best.validation.accuracy > 0.7)
    let model = try ModelFile.read(from: Self.modelPath(folder))
    #expect(model.spec.inputChannels == 3 && model.tensors["conv1.weight"]?.shape == [8, 3, 3, 3])
    #expect(model.record.channelMeans == Self.imageNet.map(\.mean))
    #expect(model.record.channelStandardDeviations == Self.imageNet.map(\.deviation))

    let pictures = EmotionTrainerTests.data.validation
    let ensemble = try EmotionEnsemble(path: Self.modelPath(folder), precision: .f32, maximumCount: pictures.count)
    let member = ensemble.members[0]
    let plan = try InferencePlan(
      spec: model.spec, weights: model.tensors, batchSize: 1, precision: .f32, threads: 1)
    var expected: [Float] = []
    for index in pictures.files.indices {
      let pixels = pictures.withPixels(of: index) { Array($0) }
      member.withInput(index) { input in
        for (place, pixel) in pixels.enumerated() {
          input[place] = (Float(pixel) / 255 - member.record.inputMean) / member.record.inputStandardDeviation
        }
      }
      plan.withInput { _ = $0.update(fromContentsOf: pixels.withUnsafeBufferPointer(Self.input)) }
      try plan.run()
      expected += plan.withOutput(0) { ClassifierEvaluation.softmax($0[0..<3]) }
    }
    var (single, averaged): ([Float], [Float]) = ([], [])
    try ensemble.run(count: pictures.count, appendingSingleTo: &single, averagedTo: &averaged)
    #expect(zip(single, expected).allSatisfy { abs($0 - $1) < 1e-4 })
    let metrics = EpochRecord.Scores(EmotionTrainerTests.data.metrics(averaged, withoutDuplicates: false))
    #expect(abs(metrics.nll - best.validation.nll) < 1e-5 && metrics.confusion == best.validation.confusion)
  }

  @Test(arguments: [1, 2]) func everyCopyTrainsOnThreeNormalisedPlanes(threads: Int) throws {
    var recipe = Self.recipe
    recipe.dropout = 0
    recipe.augmentation = .off
    let pictures = EmotionTrainerTests.data.training
    let spec = try recipe.makeSpec(classes: 3)
    let maker = try BatchMaker(pictures: pictures, recipe: recipe)
    let batch = TrainingBatch(batchSize: 16, imageSize: 16, classes: 3)
    let order = Array(0..<16)
    maker.fill(batch, epoch: 0, step: 0, order: order)
    let store = ParameterStore(spec: spec, seed: 1)
    let replicas = try GraphReplicas(
      spec: spec, store: store, batchSize: 16, imageSize: 16, precision: .f32, threads: threads,
      record: recipe.makeRecord(labels: pictures.labels))
    let loss = SoftmaxCrossEntropy()
    let found = try replicas.pass(batch, classes: 3, loss: loss, dropoutSeed: 1)

    // As many graphs as copies, as each has batch statistics of its own.
    let rows = 16 / threads
    var expected = 0.0
    for part in 0..<threads {
      let graph = try TrainableGraph(
        spec: spec, parameters: ParameterStore(spec: spec, seed: 1), batchSize: rows, precision: .f32, threads: 1)
      let planes = order[part * rows..<(part + 1) * rows].flatMap { pictures.withPixels(of: $0, Self.input) }
      #expect(graph.input.count == planes.count)
      _ = graph.input.update(fromContentsOf: planes)
      try graph.forward(.train)
      let size = rows * 3
      expected += loss(
        logits: graph.output(0),
        targets: UnsafeBufferPointer(rebasing: batch.targets[part * size..<(part + 1) * size]),
        dLogits: graph.outputGradient(0), classes: 3)
    }
    #expect(abs(found - expected / Double(threads)) < 1e-4, "\(found), \(expected / Double(threads))")
  }

  /// `[64, 3, 7, 7]`, and all else of torchvision's network but its last layer.
  @Test func weightsOfTorchvisionArriveUnchanged() throws {
    let folder = try TemporaryFolder()
    let source = HashedValues.parameters(of: Backbone.resnet18.makeSpec(inputChannels: 3, classes: 1000))
    let path = folder.url.appending(path: "weights.pth").path
    try Data(PyTorchWriter.file(source)).write(to: URL(fileURLWithPath: path))
    var recipe = Self.recipe
    recipe.backbone = "resnet18"
    let transfer = try WeightTransfer(.read(from: path), to: try recipe.makeSpec(classes: 3))
    #expect(transfer.converted.isEmpty && transfer.replaced == ["fc.weight", "fc.bias"])
    let trainer = try EmotionTrainer(
      .init(recipe: recipe, folder: folder.url, threads: 1, precision: .f32, resumes: false),
      data: EmotionTrainerTests.data, initialWeights: transfer.tensors
    ) { _ in }
    let tensors = trainer.store.exportTensors()
    #expect(tensors["conv1.weight"]?.shape == [64, 3, 7, 7])
    for (name, tensor) in source where !name.hasPrefix("fc.") { #expect(tensors[name] == tensor, "\(name)") }
  }

  @Test func aStoppedRunGoesOnBitForBitAndWithNoOtherNumber() throws {
    var recipe = Self.recipe
    recipe.epochs = 2
    let (whole, broken) = try EmotionTrainerTests.trainWholeAndStopped(recipe)
    var other = recipe
    other.inputChannels = 1
    let error = #expect(throws: TrainingError.self) {
      _ = try EmotionTrainerTests.train(other, in: broken.url, resumes: true)
    }
    #expect(error?.description.contains("differs in inputChannels, channelNormalisations") == true, "\(error!)")
    _ = try EmotionTrainerTests.train(recipe, in: broken.url, resumes: true)
    let models = try [whole, broken].map { try ModelFile.read(from: Self.modelPath($0)) }
    #expect(models[0] == models[1])
  }

  @Test func aCheckpointFromBeforeThereWasAChoiceGoesOnWithOneChannel() throws {
    var recipe = EmotionTrainerTests.recipe
    recipe.epochs = 2
    let (whole, broken) = try EmotionTrainerTests.trainWholeAndStopped(recipe)
    let path = broken.url.appending(path: "last.ckpt").path
    let written = try Checkpoint.read(from: path)
    guard case .object(var state) = try written.decodeState(JSONValue.self, path: path),
      case .object(var settings)? = state["recipe"]
    else {
      Issue.record("no recipe in the checkpoint")
      return
    }
    #expect(settings.removeValue(forKey: "inputChannels") == .number(1))
    #expect(settings["channelNormalisations"] == nil)
    state["recipe"] = .object(settings)
    var former = try Checkpoint(state: JSONValue.object(state))
    for name in written.bufferNames { former.append(name, written.values(name)!) }
    try former.write(to: path)
    _ = try EmotionTrainerTests.train(recipe, in: broken.url, resumes: true)
    let models = try [whole, broken].map { try ModelFile.read(from: Self.modelPath($0)) }
    #expect(models[0] == models[1] && models[0].spec.inputChannels == 1)
  }

  @Test func fusedNetworksLearnFromOthersWithThreeChannelsToo() throws {
    let (first, second) = (try TemporaryFolder(), try TemporaryFolder())
    var recipe = Self.recipe
    recipe.epochs = 1
    _ = try EmotionTrainerTests.train(recipe, in: first.url)
    let path = Self.modelPath(first)
    recipe.backbones = ["fer48", "mobilenet_v3_small"]
    let teacher = try Distillation { try EmotionEnsemble(path: path, precision: .f32) }
    let run = try EmotionTrainerTests.train(recipe, in: second.url, teachers: teacher, precision: .fastest)
    #expect(run.epochs.count == 1)
    let model = try ModelFile.read(from: Self.modelPath(second))
    #expect(model.spec.inputChannels == 3 && model.spec.name == "fer48+mobilenet_v3_small")
    #expect(model.tensors["backbones.fer48.conv1.weight"]?.shape[1] == 3)
    #expect(model.tensors["backbones.mobilenet_v3_small.features.0.0.weight"]?.shape[1] == 3)
  }

  @Test func otherValuesThanImageNetsCanBeNamed() throws {
    let json = """
      {"inputChannels": 3, "channelNormalisations": [{"mean": 0.5, "standardDeviation": 0.25},
        {"mean": 0.25, "standardDeviation": 0.5}, {"mean": 0.508, "standardDeviation": 0.255}]}
      """
    let recipe = try TrainingRecipe.decode(Data(json.utf8))
    #expect(recipe.completed() == recipe.completed().completed())
    let again = try JSONDecoder().decode(TrainingRecipe.self, from: JSONEncoder().encode(recipe))
    #expect(again == recipe)
    let record = recipe.makeRecord(labels: EmotionTrainerTests.labels)
    #expect(record.channelMeans == [0.5, 0.25, 0.508] && record.channelStandardDeviations == [0.25, 0.5, 0.255])
    #expect(record.inputMean == 0.508 && record.inputStandardDeviation == 0.255)
    // Equal ones need not be told apart, and one channel has none.
    var equal = recipe
    equal.channelNormalisations = [.fer2013, .fer2013, .fer2013]
    #expect(equal.makeRecord(labels: EmotionTrainerTests.labels).channelMeans == nil)
    equal.inputChannels = 1
    #expect(equal.completed().channelNormalisations == nil)
  }

  @Test(
    arguments: [
      (#"{"inputChannels": 2}"#, "inputChannels must be 1 or 3, it is 2"),
      (#"{"inputChannels": 0}"#, "inputChannels must be 1 or 3, it is 0"),
      (#"{"inputChannels": "three"}"#, "\"inputChannels\""),
      (
        #"{"channelNormalisations": [{"mean": 0.5, "standardDeviation": 0.2}]}"#,
        "channelNormalisations must be three, they are 1"
      ),
      (
        #"{"channelNormalisations": [{"mean": 0.5, "standardDeviation": 0}]}"#,
        "channelNormalisations.standardDeviation must be from"
      ),
    ])
  func otherNumbersAreRefused(json: String, message: String) throws {
    let folder = try TemporaryFolder()
    try folder.write(Array(json.utf8), to: "recipe.json")
    let error = #expect(throws: TrainingError.self) {
      try TrainingRecipe.read(folder.url.appending(path: "recipe.json").path)
    }
    #expect(error?.description.contains(message) == true, "\(error!)")
  }
}
