/// What torchvision's mobile networks are made of, with torchvision's names.
extension NetworkBuilder {
  /// torchvision's `Conv2dNormActivation`: `name.0` a convolution without bias, `name.1` batch norm, `name.2` the
  /// activation, if there is one.
  @discardableResult
  mutating func convolutionUnit(
    _ name: String, from inputChannels: Int, to channels: Int, kernelSize: Int, stride: Int = 1, groups: Int = 1,
    activation: Activation?, normalisation: (epsilon: Float, momentum: Float)
  ) -> String {
    convolution(
      "\(name).0", from: inputChannels, to: channels, kernelSize: kernelSize, stride: stride, groups: groups)
    add(
      "\(name).1",
      .batchNorm(
        BatchNormSpec(channels: channels, epsilon: normalisation.epsilon, momentum: normalisation.momentum)))
    if let activation { add("\(name).2", .activation(activation)) }
    return last
  }

  /// torchvision's `SqueezeExcitation` (Hu et al., arXiv 1709.01507): each channel times a factor that follows from the
  /// means of all channels.
  mutating func squeezeExcitation(
    _ name: String, channels: Int, squeezedChannels: Int, activation: Activation, gate: Activation
  ) {
    let features = last
    func pointwise(from inputChannels: Int, to outputChannels: Int) -> LayerSpec {
      .convolution(
        ConvolutionSpec(
          inputChannels: inputChannels, outputChannels: outputChannels, kernelSize: 1, hasBias: true))
    }
    add("\(name).avgpool", .globalAveragePool)
    add("\(name).fc1", pointwise(from: channels, to: squeezedChannels))
    add("\(name).activation", .activation(activation))
    add("\(name).fc2", pointwise(from: squeezedChannels, to: channels))
    let factors = add("\(name).scale_activation", .activation(gate))
    add("\(name).scale", .multiply, to: features, factors)
  }
}
