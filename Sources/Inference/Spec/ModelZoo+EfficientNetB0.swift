extension ModelSpec {
  /// torchvision's `efficientnet_b0` (Tan and Le, arXiv 1905.11946) with its parameter names: 4.0 million parameters
  /// for seven classes, 0.39 billion multiply-adds at 224 pixels with three channels.
  ///
  /// - Parameters:
  ///   - inputChannels: 1 (luma) or 3.
  ///   - classes: Length of the result, logits `[n, classes, 1, 1]`.
  ///   - dropout: Probability before the last layer.
  ///   - stochasticDepth: Probability with which the deepest residual branch would be dropped when training; the
  ///     others' grows from 0 with their depth.
  public static func efficientNetB0(
    inputChannels: Int = 1, classes: Int = 7, dropout: Float = 0.2, stochasticDepth: Float = 0.2
  ) -> ModelSpec {
    precondition(inputChannels > 0 && classes > 0, "\(inputChannels) channels for \(classes) classes")
    /// Table 1 of the paper.
    let stages: [(expansion: Int, kernelSize: Int, stride: Int, channels: Int, count: Int)] = [
      (1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3), (6, 5, 2, 192, 4),
      (6, 3, 1, 320, 1),
    ]
    let blocks = stages.reduce(0) { $0 + $1.count }
    let normalisation: (epsilon: Float, momentum: Float) = (1e-5, 0.1)
    var network = NetworkBuilder()
    network.convolutionUnit(
      "features.0", from: inputChannels, to: 32, kernelSize: 3, stride: 2, activation: .silu,
      normalisation: normalisation)
    var channels = 32
    var depth = 0
    for (index, stage) in stages.enumerated() {
      for block in 0..<stage.count {
        network.efficientNetBlock(
          "features.\(index + 1).\(block)", from: channels, to: stage.channels, expansion: stage.expansion,
          kernelSize: stage.kernelSize, stride: block == 0 ? stage.stride : 1,
          stochasticDepth: stochasticDepth * Float(depth) / Float(blocks), normalisation: normalisation)
        channels = stage.channels
        depth += 1
      }
    }
    network.convolutionUnit(
      "features.8", from: channels, to: 4 * channels, kernelSize: 1, activation: .silu, normalisation: normalisation
    )
    network.add("avgpool", .globalAveragePool)
    network.add("classifier.0", .dropout(probability: dropout))
    network.add("classifier.1", .linear(LinearSpec(inputFeatures: 4 * channels, outputFeatures: classes)))
    return network.model("efficientnet_b0", inputChannels: inputChannels, inputHeight: 224, inputWidth: 224)
  }
}

extension NetworkBuilder {
  /// torchvision's `MBConv`: widen, depthwise convolution, squeeze and excitation, narrow; beside an identity where the
  /// shape stays.
  fileprivate mutating func efficientNetBlock(
    _ name: String, from inputChannels: Int, to channels: Int, expansion: Int, kernelSize: Int, stride: Int,
    stochasticDepth: Float, normalisation: (epsilon: Float, momentum: Float)
  ) {
    let shortcut = last
    let inner = inputChannels * expansion
    var position = 0
    func next() -> String {
      defer { position += 1 }
      return "\(name).block.\(position)"
    }
    if inner != inputChannels {
      convolutionUnit(
        next(), from: inputChannels, to: inner, kernelSize: 1, activation: .silu, normalisation: normalisation)
    }
    convolutionUnit(
      next(), from: inner, to: inner, kernelSize: kernelSize, stride: stride, groups: inner, activation: .silu,
      normalisation: normalisation)
    squeezeExcitation(
      next(), channels: inner, squeezedChannels: max(1, inputChannels / 4), activation: .silu, gate: .sigmoid)
    convolutionUnit(
      next(), from: inner, to: channels, kernelSize: 1, activation: nil, normalisation: normalisation)
    guard stride == 1, inputChannels == channels else { return }
    let branch = add("\(name).stochastic_depth", .stochasticDepth(probability: stochasticDepth))
    add("\(name).add", .add, to: branch, shortcut)
  }
}
