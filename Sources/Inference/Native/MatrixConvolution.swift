package import CDNNL
internal import CKernels

/// A convolution in bf16, or its gradients, through kernels of our own for processors with matrix registers (Intel's AMX):
/// 2 to 4 times as fast as those of oneDNN 2.6 there.
package struct MatrixConvolution: OwnConvolution {
  package static let name = "matrix"
  package static let layout = dnnl_nhwc
  package static let dataType = dnnl_bf16

  private let sizes: ferd_amx
  /// The weights are another convolution's, whose source's gradient this one computes.
  private let isMirrored: Bool
  /// In the order of the kernels.
  private let weights: AlignedBuffer
  private let bias: [Float]?
  private let adds: Bool
  private let rectifies: Bool

  /// True where the processor has the registers and oneDNN is not told to do without.
  package static let isAvailable =
    dnnl_get_effective_cpu_isa() == dnnl_cpu_isa_avx512_core_amx && ferd_has_amx_kernels()

  /// True where the processor can run the kernels and they compute such a convolution.
  package static func supports(_ spec: ConvolutionSpec) -> Bool {
    let kernel = spec.kernelSize.height
    return kernel % 2 == 1 && kernel <= 7 && spec.kernelSize == Extent(kernel) && spec.padding == Extent(kernel / 2)
      && (spec.stride == Extent(1) || spec.stride == Extent(2)) && spec.dilation == Extent(1) && spec.groups == 1
      && spec.inputChannels % 32 == 0 && spec.outputChannels % 32 == 0 && isAvailable
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

  package init(gradientOf spec: ConvolutionSpec, source: [Int]) {
    self.init(
      Self.sizes(spec, source: source), isMirrored: true, weights: nil, bias: nil, adds: false, rectifies: false)
  }

  private init(
    _ sizes: ferd_amx, isMirrored: Bool, weights: AlignedBuffer?, bias: [Float]?, adds: Bool, rectifies: Bool
  ) {
    self.sizes = sizes
    self.isMirrored = isMirrored
    let byteCount = withUnsafePointer(to: sizes) { ferd_amx_weights_count($0) * MemoryLayout<UInt16>.stride }
    precondition(weights == nil || weights?.byteCount == byteCount, "weights for other sizes")
    self.weights = weights ?? AlignedBuffer(byteCount: byteCount)
    self.bias = bias
    self.adds = adds
    self.rectifies = rectifies
  }

  private static func sizes(_ spec: ConvolutionSpec, source: [Int]) -> ferd_amx {
    precondition(supports(spec) && source.count == 4 && source[1] == spec.inputChannels)
    let (stride, padding) = (spec.stride.height, spec.padding.height)
    // The border is half a kernel, so results are as many as strides begin in the source.
    return ferd_amx(
      batch: source[0], source_channels: spec.inputChannels, result_channels: spec.outputChannels,
      source_height: source[2], source_width: source[3], result_height: (source[2] + stride - 1) / stride,
      result_width: (source[3] + stride - 1) / stride, kernel: spec.kernelSize.height, stride: stride,
      padding: padding)
  }

  package static func weightsLayout(_ spec: ConvolutionSpec, source: [Int]) -> MemoryDescriptor {
    withUnsafePointer(to: sizes(spec, source: source)) {
      MemoryDescriptor(dense: [ferd_amx_weights_count($0)], dataType)
    }
  }

  package func load(_ values: UnsafeBufferPointer<Float>) {
    withUnsafePointer(to: sizes) {
      precondition(values.count == ferd_amx_weights_count($0))
      ferd_amx_weights($0, values.baseAddress!, isMirrored, weights.values)
    }
  }

  package var scratchByteCount: Int {
    withUnsafePointer(to: sizes) { ferd_amx_scratch_size($0) } * DNNL.teamSize
  }

  package func run(from source: Memory, into target: Memory, scratch: AlignedBuffer) {
    precondition(source.pointer != target.pointer, "a convolution cannot work in place")
    precondition(scratch.byteCount >= scratchByteCount, "too little scratch memory")
    bias.withUnsafePointer { bias in
      var epilogue = ferd_amx_epilogue(bias: bias, adds: adds, rectifies: rectifies)
      withUnsafePointer(to: &epilogue) { epilogue in
        withUnsafePointer(to: sizes) { sizes in
          let part = ferd_amx_scratch_size(sizes)
          DNNL.onEachThread { thread, threads in
            let scratch = scratch.pointer + thread * part
            if isMirrored {
              ferd_amx_convolve_back(
                sizes, source.values, weights.values, target.values, scratch, thread, threads)
            } else {
              ferd_amx_convolve(
                sizes, source.values, weights.values, epilogue, target.values, scratch, thread, threads)
            }
          }
        }
      }
    }
  }

  package var gradientScratchByteCount: Int {
    withUnsafePointer(to: sizes) { ferd_amx_gradient_scratch_size($0, DNNL.teamSize) }
  }

  package func addWeightsGradient(
    source: Memory, dResult: Memory, to gradient: UnsafeMutableBufferPointer<Float>, scratch: AlignedBuffer
  ) {
    precondition(!isMirrored && scratch.byteCount >= gradientScratchByteCount, "too little scratch memory")
    withUnsafePointer(to: sizes) { sizes in
      precondition(gradient.count == ferd_amx_weights_count(sizes))
      DNNL.onEachThread { thread, threads in
        ferd_amx_add_weights_gradient(
          sizes, source.values, dResult.values, gradient.baseAddress!, scratch.pointer, thread, threads)
      }
    }
  }
}

extension AlignedBuffer {
  fileprivate var values: UnsafeMutablePointer<UInt16> { pointer.assumingMemoryBound(to: UInt16.self) }
}

extension Memory {
  fileprivate var values: UnsafeMutablePointer<UInt16> { pointer.assumingMemoryBound(to: UInt16.self) }
}
