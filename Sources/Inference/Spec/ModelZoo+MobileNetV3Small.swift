extension ModelSpec {
  /// torchvision's `mobilenet_v3_small` (Howard et al., arXiv 1905.02244) with its parameter names: 1.5 million parameters
  /// for seven classes, 56 million multiply-adds at 224 pixels with three channels.
  ///
  /// - Parameters:
  ///   - inputChannels: 1 (luma) or 3.
  ///   - classes: Length of the result, logits `[n, classes, 1, 1]`.
  ///   - dropout: Probability before the last layer.
  public static func mobileNetV3Small(
    inputChannels: Int = 1, classes: Int = 7, dropout: Float = 0.2
  ) -> ModelSpec {
    precondition(inputChannels > 0 && classes > 0, "\(inputChannels) channels for \(classes) classes")
    /// Table 2 of the paper.
    let blocks: [MobileNetBlock] = [
      .init(3, inner: 16, channels: 16, squeezes: true, .relu, stride: 2),
      .init(3, inner: 72, channels: 24, squeezes: false, .relu, stride: 2),
      .init(3, inner: 88, channels: 24, squeezes: false, .relu),
      .init(5, inner: 96, channels: 40, squeezes: true, .hardSwish, stride: 2),
      .init(5, inner: 240, channels: 40, squeezes: true, .hardSwish),
      .init(5, inner: 240, channels: 40, squeezes: true, .hardSwish),
      .init(5, inner: 120, channels: 48, squeezes: true, .hardSwish),
      .init(5, inner: 144, channels: 48, squeezes: true, .hardSwish),
      .init(5, inner: 288, channels: 96, squeezes: true, .hardSwish, stride: 2),
      .init(5, inner: 576, channels: 96, squeezes: true, .hardSwish),
      .init(5, inner: 576, channels: 96, squeezes: true, .hardSwish),
    ]
    var network = NetworkBuilder()
    network.convolutionUnit(
      "features.0", from: inputChannels, to: 16, kernelSize: 3, stride: 2, activation: .hardSwish,
      normalisation: MobileNetBlock.normalisation)
    var channels = 16
    for (index, block) in blocks.enumerated() {
      network.add("features.\(index + 1)", block, from: channels)
      channels = block.channels
    }
    network.convolutionUnit(
      "features.12", from: channels, to: 6 * channels, kernelSize: 1, activation: .hardSwish,
      normalisation: MobileNetBlock.normalisation)
    network.add("avgpool", .globalAveragePool)
    network.add("classifier.0", .linear(LinearSpec(inputFeatures: 6 * channels, outputFeatures: 1024)))
    network.add("classifier.1", .activation(.hardSwish))
    network.add("classifier.2", .dropout(probability: dropout))
    network.add("classifier.3", .linear(LinearSpec(inputFeatures: 1024, outputFeatures: classes)))
    return network.model("mobilenet_v3_small", inputChannels: inputChannels, inputHeight: 224, inputWidth: 224)
  }
}

/// torchvision's `InvertedResidual` of MobileNetV3.
private struct MobileNetBlock {
  static let normalisation: (epsilon: Float, momentum: Float) = (1e-3, 0.01)

  var kernelSize: Int
  var inner: Int
  var channels: Int
  var squeezes: Bool
  var activation: Activation
  var stride: Int

  init(_ kernelSize: Int, inner: Int, channels: Int, squeezes: Bool, _ activation: Activation, stride: Int = 1) {
    self.kernelSize = kernelSize
    self.inner = inner
    self.channels = channels
    self.squeezes = squeezes
    self.activation = activation
    self.stride = stride
  }

  /// A quarter of the inner channels, rounded to a multiple of eight, but not down by more than a tenth.
  var squeezedChannels: Int {
    let wanted = inner / 4
    let rounded = max(8, (wanted + 4) / 8 * 8)
    return rounded * 10 < wanted * 9 ? rounded + 8 : rounded
  }
}

extension NetworkBuilder {
  /// Widen, depthwise convolution, perhaps squeeze and excitation, narrow; beside an identity where the shape stays.
  fileprivate mutating func add(_ name: String, _ block: MobileNetBlock, from inputChannels: Int) {
    let shortcut = last
    var position = 0
    func next() -> String {
      defer { position += 1 }
      return "\(name).block.\(position)"
    }
    if block.inner != inputChannels {
      convolutionUnit(
        next(), from: inputChannels, to: block.inner, kernelSize: 1, activation: block.activation,
        normalisation: MobileNetBlock.normalisation)
    }
    convolutionUnit(
      next(), from: block.inner, to: block.inner, kernelSize: block.kernelSize, stride: block.stride,
      groups: block.inner, activation: block.activation, normalisation: MobileNetBlock.normalisation)
    if block.squeezes {
      squeezeExcitation(
        next(), channels: block.inner, squeezedChannels: block.squeezedChannels, activation: .relu,
        gate: .hardSigmoid)
    }
    convolutionUnit(
      next(), from: block.inner, to: block.channels, kernelSize: 1, activation: nil,
      normalisation: MobileNetBlock.normalisation)
    guard block.stride == 1, inputChannels == block.channels else { return }
    let branch = last
    add("\(name).add", .add, to: branch, shortcut)
  }
}
