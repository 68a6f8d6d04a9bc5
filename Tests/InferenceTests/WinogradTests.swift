import CDNNL
import Testing

@testable import Inference

/// Our own Winograd kernels against convolution as it is defined, in double precision.
@Suite(.enabled(if: WinogradConvolution.supports(.winograd(from: 8, to: 16)), "needs AVX2"))
struct WinogradTests {
  /// Sizes around those of tiles (4), of what is done at a time (12, 24 tiles) and of blocks of channels.
  static let sizes = [
    (batch: 1, from: 8, to: 16, height: 1, width: 1), (1, 8, 16, 4, 4), (1, 16, 32, 5, 3), (3, 8, 48, 9, 13),
    (2, 24, 16, 6, 31), (1, 40, 16, 25, 26), (5, 256, 272, 7, 7), (2, 256, 256, 13, 12), (1, 64, 64, 48, 48),
  ]

  @Test(arguments: sizes, [1, 2, 3])
  func agreesWithTheDefinition(
    size: (batch: Int, from: Int, to: Int, height: Int, width: Int), threads: Int
  ) throws {
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
    let size: (batch: Int, from: Int, to: Int, height: Int, width: Int)
    let source: [Float]
    let weights: [Float]
    let bias: [Float]
    /// What the target holds before.
    let target: [Float]

    init(_ size: (batch: Int, from: Int, to: Int, height: Int, width: Int)) {
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
        .winograd(from: size.from, to: size.to), source: shape, weights: weights, bias: hasBias ? bias : nil,
        adds: adds, rectifies: rectifies)
      let scratch = AlignedBuffer(byteCount: convolution.scratchByteCount * threads)
      DNNL.setThreadCount(threads)
      convolution.run(from: x, into: y, scratch: scratch)
      return Array(y.floats)
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
