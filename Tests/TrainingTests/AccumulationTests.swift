import Inference
import Testing

@testable import Training

struct AccumulationTests {
  /// Without batch norm the gradient of a large batch is the mean of its parts' gradients, however it is divided.
  @Test(arguments: [(2, 1), (1, 2), (2, 2)]) func gradientsOfABatchInPartsAreThoseOfTheWhole(
    _ parts: Int, _ threads: Int
  ) throws {
    var network = NetworkBuilder()
    network.convolution("conv", from: 1, to: 4, kernelSize: 3)
    network.add("relu", .activation(.relu))
    network.add("pool", .globalAveragePool)
    network.add("fc", .linear(LinearSpec(inputFeatures: 4, outputFeatures: 3)))
    let spec = network.model("plain", inputChannels: 1, inputHeight: 8, inputWidth: 8)
    let rows = 8
    var random = RandomGenerator(seed: 3)
    let input = (0..<rows * 64).map { _ in random.uniform(-1, 1) }

    func gradients(parts: Int, threads: Int) throws -> (values: [Float], loss: Double) {
      let store = ParameterStore(spec: spec, seed: 5)
      let replicas = try GraphReplicas(
        spec: spec, store: store, batchSize: rows / parts, imageSize: 8, precision: .f32, threads: threads)
      store.zeroGradients()
      var loss = 0.0
      for part in 0..<parts {
        let batch = TrainingBatch(batchSize: rows / parts, imageSize: 8, classes: 3)
        for index in batch.input.indices { batch.input[index] = input[part * batch.input.count + index] }
        for row in 0..<rows / parts { batch.targets[row * 3 + (part * rows / parts + row) % 3] = 1 }
        loss += try replicas.pass(
          batch, classes: 3, loss: SoftmaxCrossEntropy(labelSmoothing: 0.1), share: 1 / Float(parts), dropoutSeed: 1
        )
      }
      return (Array(store.gradients), loss / Double(parts))
    }

    let whole = try gradients(parts: 1, threads: 1)
    let divided = try gradients(parts: parts, threads: threads)
    #expect(abs(whole.loss - divided.loss) < 1e-6)
    #expect(whole.values.contains { abs($0) > 1e-3 })
    #expect(zip(whole.values, divided.values).allSatisfy { abs($0 - $1) < 1e-6 })
  }

  @Test func aStepTakesSeveralBatches() throws {
    var recipe = TrainingRecipe()
    recipe.widths = [4]
    recipe.imageSize = 16
    recipe.batchSize = 4
    recipe.accumulation = 3
    let files = (0..<40).map { PictureFile(path: "\($0)", label: $0 % 2) }
    let pictures = PictureSet(
      imageSize: 16, labels: ClassLabels(["happy", "sad"]), files: files,
      pixels: [UInt8](repeating: 9, count: 40 * 256))
    let maker = try BatchMaker(pictures: pictures, recipe: recipe)
    #expect(maker.stepsPerEpoch == 3 && maker.batchesPerEpoch == 9)
  }
}
