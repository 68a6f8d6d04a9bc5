extension ModelSpec {
  /// Our network for the 48-pixel grey faces of FER2013: a narrow ResNet-18 (He et al., arXiv 1512.03385) whose stem
  /// keeps the full resolution. 2.78 million parameters, 245 million multiply-adds; parameter names are torchvision's.
  ///
  /// - Parameters:
  ///   - inputChannels: 1 (luma) or 3.
  ///   - classes: Length of the result, logits `[n, classes, 1, 1]`.
  ///   - widths: Channels of the four stages.
  ///   - dropout: Probability before the last layer.
  public static func fer48(
    inputChannels: Int = 1, classes: Int = 7, widths: [Int] = [32, 64, 128, 256], dropout: Float = 0.3
  ) -> ModelSpec {
    precondition(!widths.isEmpty && classes > 0, "a network of \(widths.count) stages for \(classes) classes")
    var network = NetworkBuilder()
    network.convolution("conv1", from: inputChannels, to: widths[0], kernelSize: 3)
    network.add("bn1", .batchNorm(BatchNormSpec(channels: widths[0])))
    network.add("relu", .activation(.relu))
    var channels = widths[0]
    for (stage, width) in widths.enumerated() {
      for block in 0..<2 {
        network.basicBlock(
          "layer\(stage + 1).\(block)", from: channels, to: width, stride: stage > 0 && block == 0 ? 2 : 1)
        channels = width
      }
    }
    network.add("avgpool", .globalAveragePool)
    network.add("dropout", .dropout(probability: dropout))
    network.add("fc", .linear(LinearSpec(inputFeatures: channels, outputFeatures: classes)))
    return network.model("fer48", inputChannels: inputChannels, inputHeight: 48, inputWidth: 48)
  }
}

extension NetworkBuilder {
  /// torchvision's `BasicBlock`: two 3×3 convolutions beside an identity, or beside a 1×1 projection where the shape
  /// changes.
  mutating func basicBlock(_ name: String, from inputChannels: Int, to channels: Int, stride: Int) {
    var shortcut = last
    convolution("\(name).conv1", from: inputChannels, to: channels, kernelSize: 3, stride: stride)
    add("\(name).bn1", .batchNorm(BatchNormSpec(channels: channels)))
    add("\(name).relu1", .activation(.relu))
    convolution("\(name).conv2", from: channels, to: channels, kernelSize: 3)
    let branch = add("\(name).bn2", .batchNorm(BatchNormSpec(channels: channels)))
    if stride != 1 || inputChannels != channels {
      convolution(
        "\(name).downsample.0", from: inputChannels, to: channels, kernelSize: 1, stride: stride, input: shortcut)
      shortcut = add("\(name).downsample.1", .batchNorm(BatchNormSpec(channels: channels)))
    }
    add("\(name).add", .add, to: branch, shortcut)
    add("\(name).relu2", .activation(.relu))
  }
}
