package import CDNNL
internal import CKernels

/// A 3×3 convolution in f32 through kernels of our own, for processors with AVX2 but without AVX-512, where oneDNN 2.6 has
/// no Winograd: 2 to 4 times as fast as its direct ones there, from 32 channels on.
package struct WinogradConvolution {
  /// Of source and target: blocks of 8 channels.
  package static let layout = dnnl_nChw8c

  private let sizes: ferd_winograd
  /// Transformed.
  private let weights: AlignedBuffer
  private let bias: [Float]?
  private let adds: Bool
  private let rectifies: Bool

  /// True where the processor can run the kernels and they compute such a convolution.
  package static func supports(_ spec: ConvolutionSpec) -> Bool {
    spec.kernelSize == Extent(3) && spec.stride == Extent(1) && spec.dilation == Extent(1)
      && spec.padding == Extent(1) && spec.groups == 1 && spec.inputChannels % 8 == 0
      && spec.outputChannels % 16 == 0 && ferd_has_winograd_kernels()
  }

  /// - Parameters:
  ///   - source: Shape of the source, `[n, c, h, w]`.
  ///   - weights: `[o, i, 3, 3]`.
  ///   - bias: `[o]`.
  ///   - adds: Whether the result is added to what the target holds.
  ///   - rectifies: Whether a ReLU comes last.
  package init(
    _ spec: ConvolutionSpec, source: [Int], weights: [Float], bias: [Float]?, adds: Bool = false,
    rectifies: Bool = false
  ) {
    precondition(Self.supports(spec) && source.count == 4 && source[1] == spec.inputChannels)
    precondition(weights.count == spec.outputChannels * spec.inputChannels * 9)
    precondition(bias == nil || bias?.count == spec.outputChannels)
    var sizes = ferd_winograd(
      batch: source[0], source_channels: spec.inputChannels, result_channels: spec.outputChannels,
      height: source[2], width: source[3])
    self.weights = AlignedBuffer(byteCount: ferd_winograd_weights_count(&sizes) * MemoryLayout<Float>.stride)
    ferd_winograd_weights(&sizes, weights, self.weights.floats)
    self.sizes = sizes
    self.bias = bias
    self.adds = adds
    self.rectifies = rectifies
  }

  /// Scratch memory in bytes for one of the threads that it is shared out to.
  package var scratchByteCount: Int {
    withUnsafePointer(to: sizes) { ferd_winograd_scratch_count($0) } * MemoryLayout<Float>.stride
  }

  /// On the threads that `DNNL.setThreadCount` set. Allocates nothing.
  ///
  /// - Parameters:
  ///   - scratch: `scratchByteCount` for each thread.
  package func run(from source: Memory, into target: Memory, scratch: AlignedBuffer) {
    precondition(source.pointer != target.pointer, "a convolution cannot work in place")
    bias.withUnsafePointer { bias in
      var epilogue = ferd_winograd_epilogue(bias: bias, adds: adds, rectifies: rectifies)
      withUnsafePointer(to: &epilogue) { epilogue in
        withUnsafePointer(to: sizes) { sizes in
          let part = ferd_winograd_scratch_count(sizes)
          precondition(scratch.byteCount >= scratchByteCount * DNNL.teamSize, "too little scratch memory")
          DNNL.onEachThread { thread, threads in
            ferd_winograd_convolve(
              sizes, source.floats.baseAddress!, weights.floats, epilogue, target.floats.baseAddress!,
              scratch.floats + thread * part, thread, threads)
          }
        }
      }
    }
  }
}

extension AlignedBuffer {
  fileprivate var floats: UnsafeMutablePointer<Float> { pointer.assumingMemoryBound(to: Float.self) }
}

extension Optional<[Float]> {
  fileprivate func withUnsafePointer(_ body: (UnsafePointer<Float>?) -> Void) {
    guard let self else { return body(nil) }
    self.withUnsafeBufferPointer { body($0.baseAddress) }
  }
}
