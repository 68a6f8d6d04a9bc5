extension ModelSpec {
  /// torchvision's `resnet18` (He et al., arXiv 1512.03385) with its parameter names: 11.2 million parameters,
  /// 1.8 billion multiply-adds at 224 pixels with three channels.
  ///
  /// - Parameters:
  ///   - inputChannels: 1 (luma) or 3.
  ///   - classes: Length of the result, logits `[n, classes, 1, 1]`.
  ///   - dropout: Probability before the last layer. torchvision has none there, and neither has this at 0.
  public static func resnet18(inputChannels: Int = 1, classes: Int = 7, dropout: Float = 0) -> ModelSpec {
    precondition(inputChannels > 0 && classes > 0, "\(inputChannels) channels for \(classes) classes")
    var network = NetworkBuilder()
    network.convolution("conv1", from: inputChannels, to: 64, kernelSize: 7, stride: 2)
    network.add("bn1", .batchNorm(BatchNormSpec(channels: 64)))
    network.add("relu", .activation(.relu))
    network.add("maxpool", .maxPool(PoolingSpec(kernelSize: 3, stride: 2, padding: 1)))
    var channels = 64
    for (stage, width) in [64, 128, 256, 512].enumerated() {
      for block in 0..<2 {
        network.basicBlock(
          "layer\(stage + 1).\(block)", from: channels, to: width, stride: stage > 0 && block == 0 ? 2 : 1)
        channels = width
      }
    }
    network.add("avgpool", .globalAveragePool)
    if dropout > 0 { network.add("dropout", .dropout(probability: dropout)) }
    network.add("fc", .linear(LinearSpec(inputFeatures: channels, outputFeatures: classes)))
    return network.model("resnet18", inputChannels: inputChannels, inputHeight: 224, inputWidth: 224)
  }
}
