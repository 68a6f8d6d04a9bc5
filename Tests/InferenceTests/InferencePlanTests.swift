import TestSupport
import Testing

@testable import Inference

struct InferencePlanTests {
  @Test(arguments: Precision.testable, [1, 3, 4])
  func fer48GivesWhatItsDefinitionSays(precision: Precision, batchSize: Int) throws {
    // Narrow, so that the plain loops of the reference stay quick.
    let spec = ModelSpec.fer48(widths: [8, 16, 24, 40])
    let weights = spec.randomWeights()
    var generator = SeededGenerator(seed: 2)
    let input = generator.values(batchSize * 48 * 48)
    let expected = try ReferenceExecutor(spec: spec, weights: weights).run(input, batchSize: batchSize)
    for threads in [1, 2] {
      let plan = try InferencePlan(
        spec: spec, weights: weights, batchSize: batchSize, precision: precision, threads: threads)
      #expect(plan.inputShape == FeatureShape(channels: 1, height: 48, width: 48))
      #expect(plan.outputShape(0) == FeatureShape(channels: 7, height: 1, width: 1))
      let first = try results(of: plan, for: input)
      #expect(relativeError(first[0], expected[0]) < precision.tolerance)
      // The input is still there, and nothing of the last run is left over.
      try plan.run()
      #expect(plan.withOutput(0) { Array($0) } == first[0])
    }
  }

  @Test func aMissingParameterIsNamed() throws {
    let spec = ModelSpec.fer48(widths: [8])
    var weights = spec.randomWeights()
    weights["layer1.0.conv2.weight"] = nil
    #expect(throws: InferenceError.parameter(name: "layer1.0.conv2.weight", "missing")) {
      _ = try InferencePlan(spec: spec, weights: weights, batchSize: 1, precision: .f32, threads: 1)
    }
  }

  @Test func aMisshapenParameterIsNamed() throws {
    let spec = ModelSpec.fer48(widths: [8])
    var weights = spec.randomWeights()
    weights["fc.weight"] = Tensor(zeros: [8, 7])
    #expect(throws: InferenceError.parameter(name: "fc.weight", "expected shape [7, 8], found [8, 7]")) {
      _ = try InferencePlan(spec: spec, weights: weights, batchSize: 1, precision: .f32, threads: 1)
    }
  }

  /// Where the layouts differ, each plan has its own.
  @Test(arguments: Precision.testable, [ConvolutionChoice.best, .direct, .ownWinograd])
  func plansOfOneNetworkShareItsWeights(precision: Precision, choice: ConvolutionChoice) throws {
    let spec = ModelSpec.fer48(widths: [16, 32, 48])
    let weights = spec.randomWeights()
    var generator = SeededGenerator(seed: 3)
    let shared = PreparedWeights()
    var byteCounts: [Int] = []
    var plans: [InferencePlan] = []
    for batchSize in [1, 8, 2, 8] {
      plans.append(
        try InferencePlan(
          spec: spec, weights: weights, batchSize: batchSize, precision: precision, threads: 1, sharing: shared,
          convolutions: choice))
      byteCounts.append(shared.byteCount)
    }
    for plan in plans {
      let alone = try InferencePlan(
        spec: spec, weights: weights, batchSize: plan.batchSize, precision: precision, threads: 1,
        convolutions: choice)
      let input = generator.values(plan.batchSize * 48 * 48)
      #expect(try results(of: plan, for: input) == results(of: alone, for: input))
    }
    #expect(byteCounts[0] > 0)
    #expect(byteCounts[3] == byteCounts[2], "the same batch size needs nothing new")
    // oneDNN's Winograd chooses the layout of its weights by the batch size and the processor's caches.
    guard precision == .bf16 || choice != .best || !DNNL.hasAVX512 else { return }
    #expect(byteCounts[3] < 2 * byteCounts[0], "of four plans' weights most are shared")
  }

  @Test func plansOfOtherInputSizesShareWeightsToo() throws {
    let spec = ModelSpec.fer48(widths: [16, 32, 48])
    let weights = spec.randomWeights()
    var generator = SeededGenerator(seed: 4)
    let shared = PreparedWeights()
    for side in [48, 17, 64] {
      func plan(_ prepared: PreparedWeights) throws -> InferencePlan {
        try InferencePlan(
          spec: spec, weights: weights, batchSize: 1, inputHeight: side, inputWidth: side, precision: .f32,
          threads: 1,
          sharing: prepared)
      }
      let input = generator.values(side * side)
      #expect(try results(of: plan(shared), for: input) == results(of: plan(PreparedWeights()), for: input))
    }
  }

  /// On processors without the Winograd kernels all four are the same, which is right too.
  @Test(arguments: [ConvolutionChoice.best, .direct, .winograd, .ownWinograd], [1, 5])
  func everyConvolutionAlgorithmGivesTheSame(choice: ConvolutionChoice, batchSize: Int) throws {
    var network = NetworkBuilder()
    network.convolution("stem", from: 1, to: 32, kernelSize: 3)
    network.basicBlock("block1", from: 32, to: 32, stride: 1)
    network.basicBlock("block2", from: 32, to: 48, stride: 2)
    let spec = network.model("blocks", inputChannels: 1, inputHeight: 11, inputWidth: 9)
    let weights = spec.randomWeights()
    var generator = SeededGenerator(seed: 9)
    let input = generator.values(batchSize * 11 * 9)
    let expected = try ReferenceExecutor(spec: spec, weights: weights).run(input, batchSize: batchSize)
    let plan = try InferencePlan(
      spec: spec, weights: weights, batchSize: batchSize, precision: .f32, threads: 1, convolutions: choice)
    #expect(relativeError(try results(of: plan, for: input)[0], expected[0]) < Precision.f32.tolerance)
  }

  @Test func aConvolutionalNetworkRunsAtOtherSizes() throws {
    var network = NetworkBuilder()
    network.convolution("stem", from: 1, to: 16, kernelSize: 3, stride: 2)
    network.convolution("depthwise", from: 16, to: 16, kernelSize: 3, groups: 16)
    network.add("pool", .maxPool(PoolingSpec(kernelSize: 2, stride: 2)))
    network.convolution("head", from: 16, to: 15, kernelSize: 1)
    let spec = network.model("convolutional", inputChannels: 1, inputHeight: 64, inputWidth: 64)
    let weights = spec.randomWeights()
    for (height, width) in [(17, 31), (4, 50), (64, 3)] {
      var generator = SeededGenerator(seed: 10)
      let input = generator.values(height * width)
      let expected = try ReferenceExecutor(spec: spec, weights: weights).run(
        input, batchSize: 1, inputHeight: height, inputWidth: width)
      let plan = try InferencePlan(
        spec: spec, weights: weights, batchSize: 1, inputHeight: height, inputWidth: width, precision: .f32,
        threads: 1
      )
      #expect(relativeError(try results(of: plan, for: input)[0], expected[0]) < Precision.f32.tolerance)
      #expect(plan.outputShape(0).elementCount == expected[0].count)
    }
  }

  @Test(arguments: Precision.testable, [1, 8])
  func noConvolutionOfFER48FallsBackToASlowKernel(precision: Precision, batchSize: Int) throws {
    let spec = ModelSpec.fer48()
    let plan = try InferencePlan(
      spec: spec, weights: spec.randomWeights(), batchSize: batchSize, precision: precision, threads: 2)
    for (name, implementation) in plan.operations where name.contains("conv") {
      #expect(!["ref", "gemm", "simple"].contains { implementation.hasPrefix($0) }, "\(name): \(implementation)")
    }
    // Convolutions, pooling and the linear layer; at most the bf16 copy of the input besides.
    #expect(plan.operations.count <= 23)
  }

  @Test func aNetworkThatWouldTakeTooMuchMemoryIsRefused() throws {
    var network = NetworkBuilder()
    network.convolution("conv", from: 1, to: 1024, kernelSize: 1)
    let spec = network.model("huge", inputChannels: 1, inputHeight: 8192, inputWidth: 8192)
    #expect(throws: InferenceError.self) {
      _ = try InferencePlan(spec: spec, weights: spec.randomWeights(), batchSize: 1, precision: .f32, threads: 1)
    }
  }
}
