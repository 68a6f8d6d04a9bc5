import CDNNL
import TestSupport
import Testing

@testable import Inference

/// Our own kernels for matrix registers against convolution as it is defined, in double precision.
@Suite(.enabled(if: MatrixConvolution.isAvailable, "needs a processor with AMX"))
struct MatrixConvolutionTests {
  struct Size: CustomTestStringConvertible, Sendable {
    var batch: Int
    var from: Int
    var to: Int
    var height: Int
    var width: Int
    var kernel = 3
    var stride = 1

    var testDescription: String {
      "\(batch) pictures \(height)×\(width), \(from) to \(to) channels, kernel \(kernel), stride \(stride)"
    }

    var spec: ConvolutionSpec {
      ConvolutionSpec(
        inputChannels: from, outputChannels: to, kernelSize: kernel, stride: stride, padding: kernel / 2)
    }
  }

  /// Sizes around those of a register (16 places, 32 channels), of groups of pictures and of steps over places (32).
  static let sizes = [
    Size(batch: 1, from: 32, to: 32, height: 1, width: 1), Size(batch: 3, from: 32, to: 64, height: 5, width: 7),
    Size(batch: 13, from: 64, to: 32, height: 6, width: 6), Size(batch: 2, from: 32, to: 32, height: 48, width: 48),
    Size(batch: 2, from: 96, to: 32, height: 9, width: 4, stride: 2),
    Size(batch: 5, from: 32, to: 96, height: 7, width: 7, stride: 2),
    Size(batch: 2, from: 32, to: 64, height: 7, width: 9, kernel: 1, stride: 2),
    Size(batch: 1, from: 64, to: 64, height: 6, width: 5, kernel: 1),
    Size(batch: 2, from: 32, to: 32, height: 11, width: 6, kernel: 5),
    Size(batch: 2, from: 32, to: 32, height: 15, width: 16, kernel: 7, stride: 2),
    Size(batch: 1, from: 256, to: 256, height: 3, width: 2),
    Size(batch: 1, from: 32, to: 32, height: 9, width: 10, kernel: 7),
    Size(batch: 2, from: 32, to: 32, height: 11, width: 6, kernel: 5, stride: 2),
    Size(batch: 1, from: 96, to: 128, height: 4, width: 5, stride: 2),
  ]

  @Test(arguments: sizes, [1, 2, 3])
  func agreesWithTheDefinition(size: Size, threads: Int) throws {
    let problem = Problem(size)
    let plain = try problem.run(threads: threads)
    #expect(problem.error(of: plain, bias: false, adds: false, rectifies: false) < 0.004)
    let all = try problem.run(bias: true, adds: true, rectifies: true, threads: threads)
    #expect(problem.error(of: all, bias: true, adds: true, rectifies: true) < 0.004)
    #expect(all.contains(0) && all.contains { $0 > 0 })
  }

  @Test func threadsDoNotChangeResults() throws {
    for size in Self.sizes {
      let problem = Problem(size)
      let expected = try problem.run(bias: true, threads: 1)
      let gradients = try problem.gradients(threads: 1)
      for threads in [2, 3, 5] {
        #expect(try problem.run(bias: true, threads: threads) == expected, "\(size.testDescription)")
        let others = try problem.gradients(threads: threads)
        #expect(others.source == gradients.source && others.weights == gradients.weights, "\(size.testDescription)")
      }
    }
  }

  @Test(arguments: sizes, [1, 2])
  func gradientsAreThoseOfTheConvolution(size: Size, threads: Int) throws {
    let problem = Problem(size)
    let (dSource, dWeights) = try problem.gradients(threads: threads)
    let expected = problem.gradientsByDefinition()
    #expect(relativeError(dSource, expected.source.map { Float($0) }) < 0.004)
    #expect(
      relativeError(dWeights.map { $0 - 1 }, expected.weights.map { Float($0) }) < 1e-5,
      "they are added to what was there")
  }

  @Test func otherConvolutionsAreLeftAlone() {
    let fitting = Size(batch: 1, from: 32, to: 32, height: 4, width: 4).spec
    #expect(MatrixConvolution.supports(fitting))
    var spec = fitting
    spec.stride = Extent(3)
    #expect(!MatrixConvolution.supports(spec))
    spec = fitting
    spec.padding = Extent(0)
    #expect(!MatrixConvolution.supports(spec))
    spec = fitting
    spec.dilation = Extent(2)
    #expect(!MatrixConvolution.supports(spec))
    spec = fitting
    spec.groups = 2
    #expect(!MatrixConvolution.supports(spec))
    spec = fitting
    spec.inputChannels = 48
    #expect(!MatrixConvolution.supports(spec))
    spec = fitting
    spec.outputChannels = 16
    #expect(!MatrixConvolution.supports(spec))
  }

  /// A network with such convolutions in all places, with what is fused to them.
  @Test(arguments: [1, 5], [1, 2])
  func plansUseThem(batchSize: Int, threads: Int) throws {
    var network = NetworkBuilder()
    network.convolution("stem", from: 1, to: 32, kernelSize: 3)
    network.basicBlock("block1", from: 32, to: 32, stride: 1)
    network.basicBlock("block2", from: 32, to: 64, stride: 2)
    let spec = network.model("blocks", inputChannels: 1, inputHeight: 11, inputWidth: 9)
    let weights = spec.randomWeights()
    var generator = SeededGenerator(seed: 9)
    let input = generator.values(batchSize * 11 * 9)
    let expected = try ReferenceExecutor(spec: spec, weights: weights).run(input, batchSize: batchSize)
    let plan = try InferencePlan(
      spec: spec, weights: weights, batchSize: batchSize, precision: .bf16, threads: threads)
    // The last one's result is the network's, in f32.
    #expect(plan.operations.count { $0.implementation == "ferd:matrix" } == 4, "\(plan.operations)")
    #expect(relativeError(try results(of: plan, for: input)[0], expected[0]) < Precision.bf16.tolerance)
  }

  /// A convolution of random values that are numbers of bf16.
  private struct Problem {
    let size: Size
    let resultHeight: Int
    let resultWidth: Int
    let source: [Float]
    let weights: [Float]
    let bias: [Float]
    /// What the target holds before, or the gradient of the result.
    let target: [Float]

    init(_ size: Size) {
      self.size = size
      resultHeight = (size.height + size.stride - 1) / size.stride
      resultWidth = (size.width + size.stride - 1) / size.stride
      var generator = SeededGenerator(seed: 4)
      func rounded(_ count: Int) -> [Float] {
        generator.values(count).map { Float(bitPattern: $0.bitPattern & 0xFFFF_0000) }
      }
      source = rounded(size.batch * size.height * size.width * size.from)
      weights = rounded(size.from * size.to * size.kernel * size.kernel)
      bias = generator.values(size.to)
      target = rounded(size.batch * resultHeight * resultWidth * size.to)
    }

    private var sourceShape: [Int] { [size.batch, size.from, size.height, size.width] }
    private var resultShape: [Int] { [size.batch, size.to, resultHeight, resultWidth] }

    private func memory(_ shape: [Int], _ values: [Float]? = nil) throws -> Memory {
      let memory = try Memory(
        MemoryDescriptor(shape, MatrixConvolution.dataType, MatrixConvolution.layout))
      if let values {
        let target = memory.pointer.assumingMemoryBound(to: UInt16.self)
        for (index, value) in values.enumerated() { target[index] = UInt16(value.bitPattern >> 16) }
      }
      return memory
    }

    private func values(_ memory: Memory, _ count: Int) -> [Float] {
      let source = memory.pointer.assumingMemoryBound(to: UInt16.self)
      return (0..<count).map { Float(bitPattern: UInt32(source[$0]) << 16) }
    }

    func run(
      bias hasBias: Bool = false, adds: Bool = false, rectifies: Bool = false, threads: Int
    ) throws -> [Float] {
      let x = try memory(sourceShape, source)
      let y = try memory(resultShape, target)
      let convolution = MatrixConvolution(
        size.spec, source: sourceShape, bias: hasBias ? bias : nil, adds: adds, rectifies: rectifies)
      weights.withUnsafeBufferPointer { convolution.load($0) }
      DNNL.setThreadCount(threads)
      convolution.run(from: x, into: y, scratch: AlignedBuffer(byteCount: convolution.scratchByteCount))
      return values(y, target.count)
    }

    /// Of source and weights, the latter added to 1.
    func gradients(threads: Int) throws -> (source: [Float], weights: [Float]) {
      let x = try memory(sourceShape, source)
      let dx = try memory(sourceShape)
      let dy = try memory(resultShape, target)
      DNNL.setThreadCount(threads)
      let data = MatrixConvolution(gradientOf: size.spec, source: sourceShape)
      weights.withUnsafeBufferPointer { data.load($0) }
      data.run(from: dy, into: dx, scratch: AlignedBuffer(byteCount: data.scratchByteCount))
      let forward = MatrixConvolution(size.spec, source: sourceShape)
      var dWeights = [Float](repeating: 1, count: weights.count)
      dWeights.withUnsafeMutableBufferPointer {
        forward.addWeightsGradient(
          source: x, dResult: dy, to: $0, scratch: AlignedBuffer(byteCount: forward.gradientScratchByteCount))
      }
      return (values(dx, source.count), dWeights)
    }

    /// Calls `body` with the positions of a source value, a weight and the result that their product is a part of.
    private func forEachProduct(
      of results: Range<Int>, _ body: (_ source: Int, _ weight: Int, _ result: Int) -> Void
    ) {
      let (kernel, stride) = (size.kernel, size.stride)
      for result in results {
        let (out, pixel) = (result % size.to, result / size.to)
        let (column, row, n) = (
          pixel % resultWidth, pixel / resultWidth % resultHeight, pixel / resultWidth / resultHeight
        )
        for i in 0..<kernel where 0..<size.height ~= row * stride + i - kernel / 2 {
          for j in 0..<kernel where 0..<size.width ~= column * stride + j - kernel / 2 {
            let place =
              (n * size.height + row * stride + i - kernel / 2) * size.width + column * stride + j - kernel / 2
            for channel in 0..<size.from {
              body(
                place * size.from + channel, ((out * size.from + channel) * kernel + i) * kernel + j, result)
            }
          }
        }
      }
    }

    func gradientsByDefinition() -> (source: [Double], weights: [Double]) {
      var dSource = [Double](repeating: 0, count: source.count)
      var dWeights = [Double](repeating: 0, count: weights.count)
      forEachProduct(of: target.indices) { x, w, y in
        dSource[x] += Double(target[y]) * Double(weights[w])
        dWeights[w] += Double(target[y]) * Double(source[x])
      }
      return (dSource, dWeights)
    }

    /// The largest of a sample of values, relative to the largest of their size.
    func error(of result: [Float], bias hasBias: Bool, adds: Bool, rectifies: Bool) -> Double {
      var (largest, error) = (0.0, 0.0)
      var generator = SeededGenerator(seed: 5)
      for _ in 0..<500 {
        let place = Int.random(in: target.indices, using: &generator)
        var sum = hasBias ? Double(bias[place % size.to]) : 0
        if adds { sum += Double(target[place]) }
        forEachProduct(of: place..<place + 1) { x, w, _ in sum += Double(source[x]) * Double(weights[w]) }
        if rectifies { sum = max(0, sum) }
        largest = max(largest, abs(sum))
        error = max(error, abs(Double(result[place]) - sum))
      }
      return error / max(largest, 1)
    }
  }
}
