/// Which algorithm serves 3×3 convolutions in f32.
package enum ConvolutionChoice: Sendable {
  /// Winograd where it was measured to be faster: by 1.6 to 2.8 times from 32 channels on, for maps of 6 to 48 pixels,
  /// batches of 1 and 8, on one and two threads (Zen 4); it loses where there are few channels.
  ///
  /// A rule instead of a measurement when the plan is made: the same network gives the same results every time.
  case best
  case direct
  /// Winograd wherever it exists.
  case winograd

  func usesWinograd(_ spec: ConvolutionSpec, precision: Precision) -> Bool {
    guard precision == .f32, spec.kernelSize == Extent(3), spec.stride == Extent(1), spec.dilation == Extent(1),
      spec.groups == 1
    else { return false }
    switch self {
    case .direct: return false
    case .winograd: return true
    case .best: return spec.inputChannels >= 32 && spec.outputChannels >= 32
    }
  }
}
