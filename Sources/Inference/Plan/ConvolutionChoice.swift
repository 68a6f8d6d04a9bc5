/// Which algorithm serves 3×3 convolutions in f32.
package enum ConvolutionChoice: Sendable {
  /// Winograd where it was measured to be faster.
  case best
  case direct
  /// Winograd wherever it exists.
  case winograd

  func usesWinograd(
    _ spec: ConvolutionSpec, output: FeatureShape, batchSize: Int, precision: Precision
  ) -> Bool {
    guard precision == .f32, spec.kernelSize == Extent(3), spec.stride == Extent(1), spec.dilation == Extent(1),
      spec.groups == 1
    else { return false }
    switch self {
    case .direct: return false
    case .winograd: return true
    case .best: return spec.inputChannels >= 64 && spec.outputChannels >= 64
    }
  }
}
