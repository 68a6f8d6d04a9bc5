/// Height and width of a kernel, a stride, a padding or a dilation, in pixels.
public struct Extent: Codable, Equatable, Hashable, Sendable {
  public var height: Int
  public var width: Int

  public init(height: Int, width: Int) {
    self.height = height
    self.width = width
  }

  /// The same in both directions.
  public init(_ both: Int) { self.init(height: both, width: both) }
}

/// Two-dimensional convolution with the semantics of `torch.nn.Conv2d`, zero padded.
///
/// Parameters: `weight` `[outputChannels, inputChannels / groups, kernelSize.height, kernelSize.width]`, `bias` `[outputChannels]`.
public struct ConvolutionSpec: Codable, Equatable, Hashable, Sendable {
  public var inputChannels: Int
  public var outputChannels: Int
  public var kernelSize: Extent
  public var stride: Extent
  public var padding: Extent
  /// 1 = no holes.
  public var dilation: Extent
  public var groups: Int
  public var hasBias: Bool

  public init(
    inputChannels: Int, outputChannels: Int, kernelSize: Int, stride: Int = 1, padding: Int = 0, dilation: Int = 1,
    groups: Int = 1, hasBias: Bool = false
  ) {
    self.init(
      inputChannels: inputChannels, outputChannels: outputChannels, kernelSize: Extent(kernelSize),
      stride: Extent(stride), padding: Extent(padding), dilation: Extent(dilation), groups: groups, hasBias: hasBias
    )
  }

  public init(
    inputChannels: Int, outputChannels: Int, kernelSize: Extent, stride: Extent, padding: Extent, dilation: Extent,
    groups: Int, hasBias: Bool
  ) {
    self.inputChannels = inputChannels
    self.outputChannels = outputChannels
    self.kernelSize = kernelSize
    self.stride = stride
    self.padding = padding
    self.dilation = dilation
    self.groups = groups
    self.hasBias = hasBias
  }
}

/// Batch normalisation over channels with the semantics of `torch.nn.BatchNorm2d`.
///
/// Parameters: `weight`, `bias`, `running_mean`, `running_var`, each `[channels]`.
public struct BatchNormSpec: Codable, Equatable, Hashable, Sendable {
  public var channels: Int
  public var epsilon: Float
  /// Share of the newest batch in the running statistics.
  public var momentum: Float

  public init(channels: Int, epsilon: Float = 1e-5, momentum: Float = 0.1) {
    self.channels = channels
    self.epsilon = epsilon
    self.momentum = momentum
  }
}

/// A function applied to each element; the definitions are PyTorch's.
public enum Activation: String, Codable, Equatable, Hashable, Sendable, CaseIterable {
  case relu
  /// x · sigmoid(x)
  case silu
  /// x · relu6(x + 3) / 6
  case hardSwish
  /// relu6(x + 3) / 6
  case hardSigmoid
  case sigmoid
}

/// Max or average pooling with the semantics of `torch.nn.MaxPool2d` and `torch.nn.AvgPool2d` (padding is counted).
public struct PoolingSpec: Codable, Equatable, Hashable, Sendable {
  public var kernelSize: Extent
  public var stride: Extent
  public var padding: Extent

  public init(kernelSize: Int, stride: Int, padding: Int = 0) {
    self.kernelSize = Extent(kernelSize)
    self.stride = Extent(stride)
    self.padding = Extent(padding)
  }
}

/// A fully connected layer, `torch.nn.Linear`, over all of an input's elements but the batch.
///
/// Parameters: `weight` `[outputFeatures, inputFeatures]`, `bias` `[outputFeatures]`.
public struct LinearSpec: Codable, Equatable, Hashable, Sendable {
  public var inputFeatures: Int
  public var outputFeatures: Int
  public var hasBias: Bool

  public init(inputFeatures: Int, outputFeatures: Int, hasBias: Bool = true) {
    self.inputFeatures = inputFeatures
    self.outputFeatures = outputFeatures
    self.hasBias = hasBias
  }
}

/// One operation of a network. Whoever executes networks switches over it exhaustively.
public enum LayerSpec: Codable, Equatable, Hashable, Sendable {
  case convolution(ConvolutionSpec)
  case batchNorm(BatchNormSpec)
  case activation(Activation)
  case maxPool(PoolingSpec)
  case averagePool(PoolingSpec)
  /// Mean over height and width: `[n, c, h, w]` to `[n, c, 1, 1]`.
  case globalAveragePool
  /// Nearest-neighbour enlargement to twice the height and width.
  case upsample2x
  /// Sum of two inputs of the same shape.
  case add
  /// Product of two inputs: the same shape, or the second `[n, c, 1, 1]` scaling the channels of the first.
  case multiply
  /// Two or more inputs one after the other along the channels.
  case concat
  case linear(LinearSpec)
  /// Zeroes each element with the given probability when training and scales the others; nothing otherwise.
  case dropout(probability: Float)
  /// Zeroes each picture's whole value with the given probability when training and scales the others; nothing
  /// otherwise. Before an `add` it drops residual branches (Huang et al., arXiv 1603.09382), as torchvision's
  /// `StochasticDepth` in mode `row`.
  case stochasticDepth(probability: Float)
  /// Over the channels.
  case softmax
}

extension LayerSpec {
  /// Number of inputs the layer takes; nil for "two or more".
  public var inputCount: Int? {
    switch self {
    case .add, .multiply: 2
    case .concat: nil
    case .convolution, .batchNorm, .activation, .maxPool, .averagePool, .globalAveragePool, .upsample2x, .linear,
      .dropout, .stochasticDepth, .softmax:
      1
    }
  }

  /// Names (below the node's own) and shapes of what the layer learns or keeps, in PyTorch's order and spelling.
  public var parameters: [ParameterSpec] {
    switch self {
    case .convolution(let spec):
      let weight = ParameterSpec(
        "weight",
        [spec.outputChannels, spec.inputChannels / spec.groups, spec.kernelSize.height, spec.kernelSize.width])
      return spec.hasBias ? [weight, ParameterSpec("bias", [spec.outputChannels])] : [weight]
    case .batchNorm(let spec):
      return [
        ParameterSpec("weight", [spec.channels]), ParameterSpec("bias", [spec.channels]),
        ParameterSpec("running_mean", [spec.channels], isTrainable: false),
        ParameterSpec("running_var", [spec.channels], isTrainable: false),
      ]
    case .linear(let spec):
      let weight = ParameterSpec("weight", [spec.outputFeatures, spec.inputFeatures])
      return spec.hasBias ? [weight, ParameterSpec("bias", [spec.outputFeatures])] : [weight]
    case .activation, .maxPool, .averagePool, .globalAveragePool, .upsample2x, .add, .multiply, .concat, .dropout,
      .stochasticDepth, .softmax:
      return []
    }
  }
}

/// Name and shape of one parameter.
public struct ParameterSpec: Equatable, Sendable {
  public var name: String
  public var shape: [Int]
  /// False for running statistics: part of the state, but no gradient.
  public var isTrainable: Bool

  public init(_ name: String, _ shape: [Int], isTrainable: Bool = true) {
    self.name = name
    self.shape = shape
    self.isTrainable = isTrainable
  }

  public var elementCount: Int { shape.reduce(1, *) }
}
