import Inference
import Testing

@testable import Training

struct StochasticDepthTests {
  private static let batchSize = 64

  /// `features → branch → add`, where the branch is the input times two.
  private static func spec(_ probability: Float) -> ModelSpec {
    var network = NetworkBuilder()
    network.convolution("conv", from: 1, to: 16, kernelSize: 1)
    network.add("depth", .stochasticDepth(probability: probability))
    network.add("sum", .add, to: "depth", "conv")
    return network.model("test", inputChannels: 1, inputHeight: 3, inputWidth: 5, outputs: ["depth", "sum"])
  }

  private static func graph(_ probability: Float, _ precision: Precision) throws -> TrainableGraph {
    let spec = spec(probability)
    let store = ParameterStore(spec: spec, seed: 1)
    store.buffer("conv.weight").update(repeating: 1)
    let graph = try TrainableGraph(
      spec: spec, parameters: store, batchSize: batchSize, precision: precision, threads: 1,
      wantsInputGradient: true)
    graph.input.update(repeating: 1)
    return graph
  }

  /// What each picture's branch was multiplied by, which must be the same for all its elements.
  private static func factors(_ values: UnsafeBufferPointer<Float>) throws -> [Float] {
    let size = values.count / batchSize
    return try (0..<batchSize).map { picture in
      let row = values[picture * size..<(picture + 1) * size]
      try #require(row.allSatisfy { $0 == row.first })
      return row.first!
    }
  }

  @Test(arguments: Precision.allCases)
  func dropsWholePicturesAndScalesTheOthersForwardAndBackward(precision: Precision) throws {
    guard precision == .f32 || Precision.fastest == .bf16 else { return }
    let graph = try Self.graph(0.25, precision)
    try graph.forward(.train, dropoutSeed: 5)
    let factors = try Self.factors(graph.output(0))
    let kept: Float = precision == .f32 ? 4 / 3 : 1.3359375
    #expect(Set(factors) == [0, kept])
    let dropped = factors.filter { $0 == 0 }.count
    #expect(6...26 ~= dropped, "\(dropped) of 64 at a probability of 0.25")
    graph.outputGradient(0).update(repeating: 1)
    graph.outputGradient(1).update(repeating: 0)
    try graph.backward()
    let gradient = try #require(graph.inputGradient)
    let expected = factors.flatMap { [Float](repeating: $0 * 16, count: 15) }
    #expect(zip(gradient, expected).allSatisfy { abs($0 - $1) <= 0.01 * $1 })
    // Beside the branch nothing is dropped.
    let sums = try Self.factors(graph.output(1))
    #expect(zip(sums, factors).allSatisfy { abs($0 - $1 - 1) < 0.01 })
  }

  @Test func theSeedDecidesWhichOnes() throws {
    let graph = try Self.graph(0.5, .f32)
    func drawn(_ seed: UInt64) throws -> [Float] {
      try graph.forward(.train, dropoutSeed: seed)
      return try Self.factors(graph.output(0))
    }
    let first = try drawn(1)
    #expect(try drawn(2) != first)
    #expect(try drawn(1) == first)
  }

  @Test(arguments: [0, 0.5] as [Float])
  func doesNothingInEvalModeOrWithoutProbability(probability: Float) throws {
    let graph = try Self.graph(probability, .f32)
    try graph.forward(probability == 0 ? .train : .eval, dropoutSeed: 3)
    #expect(try Self.factors(graph.output(0)).allSatisfy { $0 == 1 })
    #expect(try Self.factors(graph.output(1)).allSatisfy { $0 == 2 })
  }

  @Test func aProbabilityOfOneIsRefused() {
    #expect(throws: InferenceError.self) { try Self.spec(1).inferShapes() }
  }
}
