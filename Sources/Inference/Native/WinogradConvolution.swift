package import CDNNL
internal import CKernels

/// A 3×3 convolution in f32, or its gradients, through kernels of our own for processors with AVX2 but without AVX-512,
/// where oneDNN 2.6 has no Winograd: 1.5 to 4 times as fast as its direct ones there, from 32 channels on.
package struct WinogradConvolution: OwnConvolution {
  package static let name = "winograd"
  /// Blocks of 8 channels.
  package static let layout = dnnl_nChw8c
  package static let dataType = dnnl_f32

  private let sizes: ferd_winograd
  /// The weights are another convolution's, whose source's gradient this one computes.
  private let isMirrored: Bool
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

  /// The same for all gradients of one.
  package static func supportsTraining(_ spec: ConvolutionSpec) -> Bool {
    supports(spec) && spec.inputChannels % 16 == 0
  }

  package init(
    _ spec: ConvolutionSpec, source: [Int], weights: AlignedBuffer? = nil, bias: [Float]? = nil, adds: Bool = false,
    rectifies: Bool = false
  ) {
    precondition(bias == nil || bias?.count == spec.outputChannels)
    self.init(
      Self.sizes(spec, source: source), isMirrored: false, weights: weights, bias: bias, adds: adds,
      rectifies: rectifies)
  }

  private static func sizes(_ spec: ConvolutionSpec, source: [Int]) -> ferd_winograd {
    precondition(supports(spec) && source.count == 4 && source[1] == spec.inputChannels)
    return ferd_winograd(
      batch: source[0], source_channels: spec.inputChannels, result_channels: spec.outputChannels,
      height: source[2], width: source[3])
  }

  /// It depends on the size of the maps but little.
  package static func weightsLayout(_ spec: ConvolutionSpec, source: [Int]) -> MemoryDescriptor {
    withUnsafePointer(to: sizes(spec, source: source)) {
      MemoryDescriptor(dense: [ferd_winograd_weights_count($0)])
    }
  }

  package init(gradientOf spec: ConvolutionSpec, source: [Int]) {
    precondition(Self.supportsTraining(spec) && source.count == 4 && source[1] == spec.inputChannels)
    let sizes = ferd_winograd(
      batch: source[0], source_channels: spec.outputChannels, result_channels: spec.inputChannels,
      height: source[2], width: source[3])
    self.init(sizes, isMirrored: true, weights: nil, bias: nil, adds: false, rectifies: false)
  }

  private init(
    _ sizes: ferd_winograd, isMirrored: Bool, weights: AlignedBuffer?, bias: [Float]?, adds: Bool, rectifies: Bool
  ) {
    self.sizes = sizes
    self.isMirrored = isMirrored
    let byteCount = withUnsafePointer(to: sizes) { ferd_winograd_weights_count($0) * MemoryLayout<Float>.stride }
    precondition(weights == nil || weights?.byteCount == byteCount, "weights for other sizes")
    self.weights = weights ?? AlignedBuffer(byteCount: byteCount)
    self.bias = bias
    self.adds = adds
    self.rectifies = rectifies
  }

  package func load(_ values: UnsafeBufferPointer<Float>) {
    precondition(values.count == sizes.source_channels * sizes.result_channels * 9)
    withUnsafePointer(to: sizes) {
      ferd_winograd_weights($0, values.baseAddress!, isMirrored, weights.floats)
    }
  }

  package var scratchByteCount: Int {
    withUnsafePointer(to: sizes) { ferd_winograd_scratch_count($0) } * MemoryLayout<Float>.stride * DNNL.teamSize
  }

  package func run(from source: Memory, into target: Memory, scratch: AlignedBuffer) {
    precondition(source.pointer != target.pointer, "a convolution cannot work in place")
    bias.withUnsafePointer { bias in
      var epilogue = ferd_winograd_epilogue(bias: bias, adds: adds, rectifies: rectifies)
      withUnsafePointer(to: &epilogue) { epilogue in
        withUnsafePointer(to: sizes) { sizes in
          let part = ferd_winograd_scratch_count(sizes)
          precondition(scratch.byteCount >= scratchByteCount, "too little scratch memory")
          DNNL.onEachThread { thread, threads in
            ferd_winograd_convolve(
              sizes, source.floats.baseAddress!, weights.floats, epilogue, target.floats.baseAddress!,
              scratch.floats + thread * part, thread, threads)
          }
        }
      }
    }
  }

  package var gradientScratchByteCount: Int {
    withUnsafePointer(to: sizes) { ferd_winograd_gradient_scratch_count($0) } * MemoryLayout<Float>.stride
      * DNNL.teamSize
  }

  package func addWeightsGradient(
    source: Memory, dResult: Memory, to gradient: UnsafeMutableBufferPointer<Float>, scratch: AlignedBuffer
  ) {
    precondition(!isMirrored && gradient.count == sizes.source_channels * sizes.result_channels * 9)
    withUnsafePointer(to: sizes) { sizes in
      let part = ferd_winograd_gradient_scratch_count(sizes)
      precondition(scratch.byteCount >= gradientScratchByteCount, "too little scratch memory")
      DNNL.onEachThread { thread, threads in
        ferd_winograd_add_weights_gradient(
          sizes, source.floats.baseAddress!, dResult.floats.baseAddress!, gradient.baseAddress!,
          scratch.floats + thread * part, thread, threads)
      }
    }
  }
}

extension AlignedBuffer {
  fileprivate var floats: UnsafeMutablePointer<Float> { pointer.assumingMemoryBound(to: Float.self) }
}
