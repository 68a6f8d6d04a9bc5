/// Which algorithm serves convolutions: 3×3 ones in f32, and those for which there are matrix registers in bf16.
package enum ConvolutionChoice: Sendable {
  /// Winograd where it was measured to be faster: by 1.6 to 2.8 times from 32 channels on, for maps of 6 to 48 pixels,
  /// batches of 1 and 8, on one and two threads (Zen 4); it loses where there are few channels. Our own where oneDNN has
  /// none: by 1.5 to 4 times (Zen 3).
  ///
  /// A rule instead of a measurement when the plan is made: the same network gives the same results every time.
  case best
  case direct
  /// oneDNN's Winograd wherever it exists.
  case winograd
  /// Our own wherever it can be.
  case ownWinograd

  func usesWinograd(_ spec: ConvolutionSpec, precision: Precision) -> Bool {
    guard precision == .f32, spec.kernelSize == Extent(3), spec.stride == Extent(1), spec.dilation == Extent(1),
      spec.groups == 1
    else { return false }
    switch self {
    case .direct, .ownWinograd: return false
    case .winograd: return true
    case .best: return Self.hasEnoughChannels(spec)
    }
  }

  /// Kernels of our own where they serve a convolution best.
  func ownKernels(_ spec: ConvolutionSpec, precision: Precision) -> (any OwnConvolution.Type)? {
    switch (precision, self) {
    case (.bf16, .best): MatrixConvolution.supports(spec) ? MatrixConvolution.self : nil
    case (.f32, .ownWinograd): WinogradConvolution.supports(spec) ? WinogradConvolution.self : nil
    case (.f32, .best):
      WinogradConvolution.supports(spec) && !DNNL.hasAVX512 && Self.hasEnoughChannels(spec)
        ? WinogradConvolution.self : nil
    default: nil
    }
  }

  /// The same for all passes of training, where the weights change from step to step.
  package static func trainingKernels(_ spec: ConvolutionSpec, precision: Precision) -> (any OwnConvolution.Type)? {
    guard !spec.hasBias else { return nil }
    return switch precision {
    case .bf16: MatrixConvolution.supports(spec) ? MatrixConvolution.self : nil
    case .f32:
      WinogradConvolution.supportsTraining(spec) && !DNNL.hasAVX512 && hasEnoughChannels(spec)
        ? WinogradConvolution.self : nil
    }
  }

  private static func hasEnoughChannels(_ spec: ConvolutionSpec) -> Bool {
    spec.inputChannels >= 32 && spec.outputChannels >= 32
  }
}
