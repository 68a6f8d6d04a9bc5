import Inference
import TestSupport
import Testing

@testable import Training

struct LinearGradientTests {
  /// Which kernel serves such a layer depends on its sizes.
  @Test(
    arguments: Precision.testable,
    [(9, 3), (16, 1), (256, 7), (512, 7), (576, 1024), (1024, 2), (1024, 7), (1280, 7)])
  func gradientsAreSumsOfProducts(precision: Precision, features: (Int, Int)) throws {
    for batchSize in [1, 2, 4, 8, 16, 33] {
      try check(precision, from: features.0, to: features.1, batchSize: batchSize)
    }
  }

  private func check(_ precision: Precision, from: Int, to: Int, batchSize: Int) throws {
    var network = NetworkBuilder()
    network.add("fc", .linear(LinearSpec(inputFeatures: from, outputFeatures: to)))
    let spec = network.model("linear", inputChannels: from, inputHeight: 1, inputWidth: 1)
    let store = ParameterStore(spec: spec, seed: 3)
    let graph = try TrainableGraph(
      spec: spec, parameters: store, batchSize: batchSize, precision: precision, threads: 1)
    var random = RandomGenerator(seed: 17)
    // Numbers of bf16.
    func fill(_ values: UnsafeMutableBufferPointer<Float>) {
      for index in values.indices {
        values[index] = Float(bitPattern: random.uniform(-1, 1).bitPattern & 0xFFFF_0000)
      }
    }
    fill(graph.input)
    try graph.forward(.train)
    let gradient = graph.outputGradient(0)
    fill(gradient)
    try graph.backward()
    var expected = [Float](repeating: 0, count: to * from)
    var expectedBias = [Float](repeating: 0, count: to)
    for row in 0..<batchSize {
      for o in 0..<to {
        expectedBias[o] += gradient[row * to + o]
        for i in 0..<from { expected[o * from + i] += gradient[row * to + o] * graph.input[row * from + i] }
      }
    }
    #expect(relativeError(store.gradient("fc.weight"), expected) < 1e-5, "batch \(batchSize)")
    #expect(relativeError(store.gradient("fc.bias"), expectedBias) < 1e-5, "batch \(batchSize)")
  }
}
