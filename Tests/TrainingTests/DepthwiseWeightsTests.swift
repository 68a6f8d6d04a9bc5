import Inference
import Testing

@testable import Training

/// Gradients of depthwise convolutions' weights against plain loops, over sizes that are awkward for blocks and kernels.
struct DepthwiseWeightsTests {
  struct Case: CustomTestStringConvertible {
    var batch = 2
    var channels: Int
    var height: Int
    var width: Int
    var kernel: Extent
    var stride = Extent(1)
    var padding: Extent
    var testDescription: String {
      "\(channels) channels, \(height)x\(width), kernel \(kernel), stride \(stride), padding \(padding)"
    }
  }

  static let cases: [Case] = [
    .init(channels: 16, height: 9, width: 11, kernel: Extent(5), padding: Extent(2)),
    .init(channels: 40, height: 7, width: 7, kernel: Extent(5), padding: Extent(2)),
    .init(channels: 24, height: 12, width: 9, kernel: Extent(5), stride: Extent(2), padding: Extent(2)),
    .init(batch: 1, channels: 17, height: 1, width: 2, kernel: Extent(5), padding: Extent(2)),
    .init(channels: 33, height: 3, width: 4, kernel: Extent(7), padding: Extent(3)),
    .init(channels: 8, height: 6, width: 5, kernel: Extent(3), padding: Extent(1)),
    .init(
      channels: 20, height: 8, width: 10, kernel: Extent(height: 5, width: 3), stride: Extent(height: 1, width: 3),
      padding: Extent(height: 2, width: 0)),
    .init(
      channels: 19, height: 9, width: 8, kernel: Extent(height: 2, width: 6), stride: Extent(height: 3, width: 2),
      padding: Extent(height: 1, width: 5)),
  ]

  @Test(arguments: cases, Precision.allCases)
  func gradientsAreThoseOfPlainLoops(test: Case, precision: Precision) throws {
    guard precision == .f32 || Precision.fastest == .bf16 else { return }
    let layer = ConvolutionSpec(
      inputChannels: test.channels, outputChannels: test.channels, kernelSize: test.kernel, stride: test.stride,
      padding: test.padding, dilation: Extent(1), groups: test.channels, hasBias: false)
    var network = NetworkBuilder()
    network.add("conv", .convolution(layer))
    let spec = network.model(
      "test", inputChannels: test.channels, inputHeight: test.height, inputWidth: test.width)
    let store = ParameterStore(spec: spec, seed: 1)
    let graph = try TrainableGraph(
      spec: spec, parameters: store, batchSize: test.batch, precision: precision, threads: 1)
    var random = RandomGenerator(seed: 4)
    // Values that bf16 holds exactly.
    func value() -> Float { Float(Int(random.uniform(-64, 64))) / 32 }
    for index in graph.input.indices { graph.input[index] = value() }
    try graph.forward(.train)
    let gradient = graph.outputGradient(0)
    for index in gradient.indices { gradient[index] = value() }
    try graph.backward()

    let shape = graph.outputShapes[0]
    var expected = [Double](repeating: 0, count: test.channels * test.kernel.height * test.kernel.width)
    for n in 0..<test.batch {
      for c in 0..<test.channels {
        for y in 0..<shape.height {
          for x in 0..<shape.width {
            let factor = Double(gradient[((n * test.channels + c) * shape.height + y) * shape.width + x])
            for i in 0..<test.kernel.height {
              for j in 0..<test.kernel.width {
                let row = y * test.stride.height - test.padding.height + i
                let column = x * test.stride.width - test.padding.width + j
                guard 0..<test.height ~= row, 0..<test.width ~= column else { continue }
                let place = ((n * test.channels + c) * test.height + row) * test.width + column
                expected[(c * test.kernel.height + i) * test.kernel.width + j] +=
                  factor * Double(graph.input[place])
              }
            }
          }
        }
      }
    }
    let largest = expected.reduce(0) { max($0, abs($1)) }
    let actual = store.gradient("conv.weight")
    #expect(zip(actual, expected).allSatisfy { abs(Double($0) - $1) <= 1e-5 * largest })
    // A second pass adds.
    try graph.backward()
    #expect(zip(actual, expected).allSatisfy { abs(Double($0) - 2 * $1) <= 2e-5 * largest })
  }
}
