import Inference
import Testing

@testable import Training

/// Structures in which gradients share buffers, are added up, or go through a fused or absorbed node: each against
/// differences of the loss and against the compiled plan. Channel numbers that fill no block of 16, some 1×1 maps.
struct GraphStructureTests {
  struct Structure: CustomTestStringConvertible {
    var name: String
    var outputs: [String]
    var build: @Sendable (inout NetworkBuilder) -> Void
    var testDescription: String { name }

    var spec: ModelSpec {
      var network = NetworkBuilder()
      build(&network)
      return network.model(name, inputChannels: 3, inputHeight: 4, inputWidth: 3, outputs: outputs)
    }
  }

  static let structures: [Structure] = [
    .init(name: "a value added to itself, twice", outputs: ["second"]) {
      $0.convolution("conv", from: 3, to: 5, kernelSize: 3)
      $0.add("first", .add, to: "conv", "conv")
      $0.add("second", .add, to: "first", "first")
    },
    .init(name: "a value multiplied by itself", outputs: ["product"]) {
      $0.convolution("conv", from: 3, to: 5, kernelSize: 1)
      $0.add("product", .multiply, to: "conv", "conv")
    },
    .init(name: "a chain of sums whose inputs are results too", outputs: ["sum2", "a", "sum1", "a"]) {
      $0.convolution("a", from: 3, to: 5, kernelSize: 3)
      $0.convolution("b", from: 3, to: 5, kernelSize: 1, input: ModelSpec.inputName)
      $0.add("sum1", .add, to: "a", "b")
      $0.add("sum2", .add, to: "sum1", "a")
    },
    .init(name: "a sum with ReLU that others read, and that is a result", outputs: ["relu", "last"]) {
      $0.convolution("a", from: 3, to: 5, kernelSize: 3)
      $0.convolution("b", from: 3, to: 5, kernelSize: 1, input: ModelSpec.inputName)
      $0.add("sum", .add, to: "a", "b")
      let relu = $0.add("relu", .activation(.relu))
      $0.convolution("c", from: 5, to: 5, kernelSize: 3)
      $0.add("last", .add, to: "c", relu)
    },
    .init(name: "nested sums with ReLU", outputs: ["relu2"]) {
      $0.convolution("a", from: 3, to: 5, kernelSize: 3)
      $0.convolution("b", from: 3, to: 5, kernelSize: 1, input: ModelSpec.inputName)
      $0.add("sum1", .add, to: "a", "b")
      $0.add("relu1", .activation(.relu))
      $0.add("sum2", .add, to: "relu1", "b")
      $0.add("relu2", .activation(.relu))
    },
    .init(name: "a batch norm with ReLU as the result", outputs: ["relu"]) {
      $0.convolution("conv", from: 3, to: 7, kernelSize: 3)
      $0.add("bn", .batchNorm(BatchNormSpec(channels: 7)))
      $0.add("relu", .activation(.relu))
    },
    .init(name: "a batch norm that is read beside its ReLU", outputs: ["sum"]) {
      $0.convolution("conv", from: 3, to: 7, kernelSize: 3)
      let norm = $0.add("bn", .batchNorm(BatchNormSpec(channels: 7)))
      let relu = $0.add("relu", .activation(.relu))
      $0.add("sum", .add, to: norm, relu)
    },
    .init(name: "a concatenation of one value with itself and the input", outputs: ["head", "concat"]) {
      $0.convolution("conv", from: 3, to: 5, kernelSize: 3)
      $0.add("concat", .concat, to: "conv", ModelSpec.inputName, "conv")
      $0.convolution("head", from: 13, to: 2, kernelSize: 1)
    },
    .init(name: "a gate on one pixel", outputs: ["fc", "gate"]) {
      $0.convolution("conv", from: 3, to: 9, kernelSize: 3)
      let features = $0.add("silu", .activation(.silu))
      $0.add("pool", .globalAveragePool)
      $0.convolution("squeeze", from: 9, to: 9, kernelSize: 1)
      let gate = $0.add("gate", .activation(.sigmoid))
      $0.add("scale", .multiply, to: features, gate)
      $0.add("pool2", .globalAveragePool)
      $0.add("fc", .linear(LinearSpec(inputFeatures: 9, outputFeatures: 3)))
    },
    .init(name: "the input as a result", outputs: [ModelSpec.inputName, "double"]) {
      $0.add("double", .add, to: ModelSpec.inputName, ModelSpec.inputName)
    },
    .init(name: "a branch that leads nowhere", outputs: ["conv"]) {
      $0.convolution("conv", from: 3, to: 5, kernelSize: 3)
      $0.convolution("nowhere", from: 5, to: 5, kernelSize: 3)
    },
  ]

  @Test(arguments: structures, [1, 2])
  func gradientsPredictHowTheLossChanges(structure: Structure, batchSize: Int) throws {
    var random = RandomGenerator(seed: 17)
    let spec = structure.spec
    let store = ParameterStore(spec: spec, seed: 3)
    let graph = try TrainableGraph(
      spec: spec, parameters: store, batchSize: batchSize, precision: .f32, threads: 1, wantsInputGradient: true)
    for i in graph.input.indices { graph.input[i] = random.uniform(-1, 1) }
    let weights = spec.outputs.indices.map { output in graph.output(output).map { _ in random.uniform(-1, 1) } }
    func loss() throws -> Double {
      try graph.forward(.train)
      return weights.indices.reduce(0) { sum, output in
        zip(graph.output(output), weights[output]).reduce(sum) { $0 + Double($1.0) * Double($1.1) }
      }
    }
    _ = try loss()
    for output in weights.indices { _ = graph.outputGradient(output).update(fromContentsOf: weights[output]) }
    try graph.backward()
    let dInput = Array(try #require(graph.inputGradient))
    let dParameters = Array(store.gradients)

    for (values, gradient) in [(graph.input, dInput), (store.values, dParameters)] {
      // Values between the parameters have no meaning and stay zero.
      let direction = gradient.map { $0 == 0 ? 0 : random.uniform(-1, 1) }
      let expected = zip(gradient, direction).reduce(0) { $0 + Double($1.0) * Double($1.1) }
      let size = zip(gradient, direction).reduce(0) { $0 + abs(Double($1.0) * Double($1.1)) }
      let difference = try centralDifference(of: values, along: direction, step: 5e-4, loss: loss)
      #expect(abs(difference - expected) <= 0.02 * size + 1e-2, "\(difference) for \(expected)")
    }
  }

  @Test(arguments: structures)
  func theCompiledPlanGivesTheSame(structure: Structure) throws {
    var random = RandomGenerator(seed: 18)
    let spec = structure.spec
    let store = ParameterStore(spec: spec, seed: 4)
    let graph = try TrainableGraph(spec: spec, parameters: store, batchSize: 2, precision: .f32, threads: 1)
    for i in graph.input.indices { graph.input[i] = random.uniform(-1, 1) }
    try graph.forward(.eval)
    let plan = try InferencePlan(
      spec: spec, weights: store.exportTensors(), batchSize: 2, precision: .f32, threads: 1)
    plan.withInput { _ = $0.update(fromContentsOf: graph.input) }
    try plan.run()
    for output in spec.outputs.indices {
      let difference = plan.withOutput(output) { values in
        zip(values, graph.output(output)).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
      }
      #expect(difference < 1e-4, "output \(output)")
    }
  }

  @Test func aGraphThatWouldTakeTooMuchMemoryIsRefused() throws {
    let spec = Self.structures[0].spec
    let store = ParameterStore(spec: spec, seed: 0)
    #expect(throws: InferenceError.self) {
      try TrainableGraph(
        spec: spec, parameters: store, batchSize: 1, inputHeight: 1 << 14, inputWidth: 1 << 14, precision: .f32,
        threads: 1)
    }
  }
}
