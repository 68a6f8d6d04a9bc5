import CDNNL
import Testing

@testable import Inference

/// Our own Winograd kernels against convolution as it is defined, in double precision.
@Suite(.enabled(if: WinogradConvolution.supports(.winograd(from: 8, to: 16)), "needs AVX2"))
struct WinogradTests {
  /// Sizes around those of tiles (4), of what is done at a time (12, 24 tiles) and of blocks of channels.
  typealias Size = (batch: Int, from: Int, to: Int, height: Int, width: Int)

  static let sizes: [Size] = [
    (1, 8, 16, 1, 1), (1, 8, 16, 4, 4), (1, 16, 32, 5, 3), (3, 8, 48, 9, 13),
    (2, 24, 16, 6, 31), (1, 40, 16, 25, 26), (5, 256, 272, 7, 7), (2, 256, 256, 13, 12), (1, 64, 64, 48, 48),
  ]

  @Test(arguments: sizes, [1, 2, 3])
  func agreesWithTheDefinition(size: Size, threads: Int) throws {
    let problem = Problem(size)
    let plain = try problem.run(threads: threads)
    #expect(problem.error(of: plain, bias: false, adds: false, rectifies: false) < 2e-5)
    let all = try problem.run(bias: true, adds: true, rectifies: true, threads: threads)
    #expect(problem.error(of: all, bias: true, adds: true, rectifies: true) < 2e-5)
    #expect(all.contains(0) && all.contains { $0 > 0 })
  }

  @Test func threadsDoNotChangeResults() throws {
    for size in Self.sizes {
      let problem = Problem(size)
      let expected = try problem.run(bias: true, threads: 1)
      for threads in [2, 3, 5] { #expect(try problem.run(bias: true, threads: threads) == expected, "\(size)") }
    }
  }

  /// With y = conv(x, w) and any d: <d, conv(x, w)> is <dx, x> and <dw, w>, as it is linear in both.
  @Test(arguments: sizes.filter { $0.from % 16 == 0 }, [1, 2, 3])
  func gradientsAreThoseOfTheConvolution(size: Size, threads: Int) throws {
    let problem = Problem(size)
    let result = try problem.run(threads: threads)
    let (dSource, dWeights) = try problem.gradients(threads: threads)
    let expected = Self.product(result, problem.target)
    let scale = (Self.product(result, result) * Self.product(problem.target, problem.target)).squareRoot()
    #expect(abs(Self.product(dSource, problem.source) - expected) < 1e-5 * scale)
    #expect(abs(Self.product(dWeights, problem.weights) - expected) < 1e-5 * scale)
    // And value by value.
    let usual = scale / Double(problem.weights.count).squareRoot()
    for (index, value) in try problem.weightsGradientByDefinition(count: 20) {
      #expect(abs(Double(dWeights[index]) - value) < 1e-4 * max(1, usual))
    }
  }

  private static func product(_ left: [Float], _ right: [Float]) -> Double {
    zip(left, right).reduce(0) { $0 + Double($1.0) * Double($1.1) }
  }

  @Test func otherConvolutionsAreLeftAlone() {
    var spec = ConvolutionSpec.winograd(from: 16, to: 16)
    #expect(WinogradConvolution.supports(spec))
    spec.stride = Extent(2)
    #expect(!WinogradConvolution.supports(spec))
    spec = .winograd(from: 16, to: 16)
    spec.padding = Extent(0)
    #expect(!WinogradConvolution.supports(spec))
    spec = .winograd(from: 16, to: 16)
    spec.groups = 2
    #expect(!WinogradConvolution.supports(spec))
    #expect(!WinogradConvolution.supports(.winograd(from: 12, to: 16)))
    #expect(!WinogradConvolution.supports(.winograd(from: 16, to: 24)))
  }

  /// A convolution of random values.
  private struct Problem {
    let size: Size
    let source: [Float]
    let weights: [Float]
    let bias: [Float]
    /// What the target holds before.
    let target: [Float]

    init(_ size: Size) {
      self.size = size
      var generator = SeededGenerator(seed: 4)
      let area = size.batch * size.height * size.width
      source = generator.values(area * size.from)
      weights = generator.values(size.from * size.to * 9)
      bias = generator.values(size.to)
      target = generator.values(area * size.to)
    }

    /// Position of a value in blocks of 8 channels.
    private func position(_ n: Int, _ channel: Int, _ y: Int, _ x: Int, channels: Int) -> Int {
      (((n * channels + channel / 8 * 8) * size.height + y * 8) * size.width) + x * 8 + channel % 8
    }

    func run(
      bias hasBias: Bool = false, adds: Bool = false, rectifies: Bool = false, threads: Int
    ) throws -> [Float] {
      let shape = [size.batch, size.from, size.height, size.width]
      let layout = WinogradConvolution.layout
      let x = try Memory(MemoryDescriptor(shape, dnnl_f32, layout))
      let y = try Memory(MemoryDescriptor([shape[0], size.to] + shape[2...], dnnl_f32, layout))
      _ = x.floats.update(fromContentsOf: source)
      _ = y.floats.update(fromContentsOf: target)
      let convolution = WinogradConvolution(
        .winograd(from: size.from, to: size.to), source: shape, bias: hasBias ? bias : nil, adds: adds,
        rectifies: rectifies)
      weights.withUnsafeBufferPointer { convolution.load($0) }
      DNNL.setThreadCount(threads)
      let scratch = AlignedBuffer(byteCount: convolution.scratchByteCount)
      convolution.run(from: x, into: y, scratch: scratch)
      return Array(y.floats)
    }

    /// Of source and weights, where `target` is the result's gradient.
    func gradients(threads: Int) throws -> (source: [Float], weights: [Float]) {
      let spec = ConvolutionSpec.winograd(from: size.from, to: size.to)
      let shape = [size.batch, size.from, size.height, size.width]
      let resultShape = [shape[0], size.to] + shape[2...]
      let x = try Memory(MemoryDescriptor(shape, dnnl_f32, WinogradConvolution.layout))
      let dx = try Memory(x.descriptor)
      let dy = try Memory(MemoryDescriptor(resultShape, dnnl_f32, WinogradConvolution.layout))
      _ = x.floats.update(fromContentsOf: source)
      _ = dy.floats.update(fromContentsOf: target)
      DNNL.setThreadCount(threads)
      let data = WinogradConvolution(gradientOf: spec, source: shape)
      weights.withUnsafeBufferPointer { data.load($0) }
      data.run(from: dy, into: dx, scratch: AlignedBuffer(byteCount: data.scratchByteCount))
      let forward = WinogradConvolution(spec, source: shape)
      var dWeights = [Float](repeating: 0, count: weights.count)
      dWeights.withUnsafeMutableBufferPointer {
        forward.addWeightsGradient(
          source: x, dResult: dy, to: $0, scratch: AlignedBuffer(byteCount: forward.gradientScratchByteCount))
      }
      return (Array(dx.floats), dWeights)
    }

    /// For some of the weights.
    func weightsGradientByDefinition(count: Int) throws -> [(index: Int, value: Double)] {
      var generator = SeededGenerator(seed: 6)
      return (0..<count).map { _ in
        let index = Int.random(in: 0..<weights.count, using: &generator)
        let (out, channel, i, j) = (index / 9 / size.from, index / 9 % size.from, index % 9 / 3, index % 3)
        var sum = 0.0
        for n in 0..<size.batch {
          for y in 0..<size.height where 0..<size.height ~= y + i - 1 {
            for x in 0..<size.width where 0..<size.width ~= x + j - 1 {
              sum +=
                Double(target[position(n, out, y, x, channels: size.to)])
                * Double(source[position(n, channel, y + i - 1, x + j - 1, channels: size.from)])
            }
          }
        }
        return (index, sum)
      }
    }

    /// The largest of a sample of values, relative to the largest of their size.
    func error(of result: [Float], bias hasBias: Bool, adds: Bool, rectifies: Bool) -> Double {
      var (largest, error) = (0.0, 0.0)
      let (height, width) = (size.height, size.width)
      var generator = SeededGenerator(seed: 5)
      for _ in 0..<500 {
        let n = Int.random(in: 0..<size.batch, using: &generator)
        let out = Int.random(in: 0..<size.to, using: &generator)
        let (y, x) = (
          Int.random(in: 0..<height, using: &generator), Int.random(in: 0..<width, using: &generator)
        )
        let place = position(n, out, y, x, channels: size.to)
        var sum = hasBias ? Double(bias[out]) : 0
        if adds { sum += Double(target[place]) }
        for channel in 0..<size.from {
          for i in max(0, 1 - y)..<min(3, height + 1 - y) {
            for j in max(0, 1 - x)..<min(3, width + 1 - x) {
              sum +=
                Double(weights[((out * size.from) + channel) * 9 + i * 3 + j])
                * Double(source[position(n, channel, y + i - 1, x + j - 1, channels: size.from)])
            }
          }
        }
        if rectifies { sum = max(0, sum) }
        largest = max(largest, abs(sum))
        error = max(error, abs(Double(result[place]) - sum))
      }
      return error / max(largest, 1)
    }
  }
}

extension ConvolutionSpec {
  fileprivate static func winograd(from: Int, to: Int) -> ConvolutionSpec {
    ConvolutionSpec(inputChannels: from, outputChannels: to, kernelSize: 3, padding: 1)
  }
}
