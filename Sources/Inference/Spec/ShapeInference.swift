/// Shape of one value inside a network, per picture.
public struct FeatureShape: Equatable, Hashable, Sendable, CustomStringConvertible {
  public var channels: Int
  public var height: Int
  public var width: Int

  public init(channels: Int, height: Int, width: Int) {
    self.channels = channels
    self.height = height
    self.width = width
  }

  public var elementCount: Int { channels * height * width }

  /// Positive, and small enough that no arithmetic on sizes overflows: a network may come from a damaged file.
  var isReasonable: Bool {
    1...(1 << 20) ~= channels && 1...(1 << 15) ~= height && 1...(1 << 15) ~= width
  }

  public var description: String { "[\(channels), \(height), \(width)]" }
}

extension ModelSpec {
  /// Shapes of all values by node name (and `ModelSpec.inputName`) for the given input size, the declared one by default.
  ///
  /// This is also the validation of a network that comes from a file.
  /// - Throws: `InferenceError.invalidModel`, naming the node, where nodes refer to what does not come before them,
  ///   names repeat, sizes are not positive or inputs do not fit the layer.
  public func inferShapes(
    inputHeight: Int? = nil, inputWidth: Int? = nil
  ) throws(InferenceError) -> [String: FeatureShape] {
    let input = FeatureShape(
      channels: inputChannels, height: inputHeight ?? self.inputHeight, width: inputWidth ?? self.inputWidth)
    guard input.isReasonable else { throw .invalidModel(node: Self.inputName, "an input of \(input)") }
    var shapes = [Self.inputName: input]
    for node in nodes {
      guard !node.name.isEmpty, shapes[node.name] == nil else {
        throw .invalidModel(node: node.name, "the name is empty or not unique")
      }
      var inputs: [FeatureShape] = []
      for name in node.inputs {
        guard let shape = shapes[name] else {
          throw .invalidModel(node: node.name, "its input \"\(name)\" is no earlier node")
        }
        inputs.append(shape)
      }
      if let expected = node.layer.inputCount, inputs.count != expected {
        throw .invalidModel(node: node.name, "takes \(expected) inputs, has \(inputs.count)")
      }
      let shape = try Self.outputShape(of: node, inputs: inputs)
      guard shape.isReasonable else { throw .invalidModel(node: node.name, "gives \(shape), which is too large") }
      shapes[node.name] = shape
    }
    guard !outputs.isEmpty else { throw .invalidModel(node: name, "the network has no output") }
    for output in outputs where shapes[output] == nil {
      throw .invalidModel(node: output, "named as an output, but no such node")
    }
    return shapes
  }

  /// The same for a batch that is to be computed.
  /// - Throws: Also where a value would take more than 2^28 elements: a network from a damaged file may ask for any
  ///   amount of memory.
  package func inferShapes(
    inputHeight: Int?, inputWidth: Int?, batchSize: Int
  ) throws(InferenceError) -> [String: FeatureShape] {
    let shapes = try inferShapes(inputHeight: inputHeight, inputWidth: inputWidth)
    for name in [Self.inputName] + nodes.map(\.name) where shapes[name]!.elementCount > (1 << 28) / batchSize {
      throw .invalidModel(node: name, "\(shapes[name]!) for each of \(batchSize) pictures is too large")
    }
    return shapes
  }

  private static func outputShape(
    of node: Node, inputs: [FeatureShape]
  ) throws(InferenceError) -> FeatureShape {
    func fail(_ problem: String) -> InferenceError { .invalidModel(node: node.name, problem) }
    switch node.layer {
    case .convolution(let spec):
      guard spec.groups > 0, spec.outputChannels > 0, spec.inputChannels % spec.groups == 0,
        spec.outputChannels % spec.groups == 0
      else { throw fail("\(spec.groups) groups for \(spec.inputChannels) to \(spec.outputChannels) channels") }
      guard inputs[0].channels == spec.inputChannels else {
        throw fail("expects \(spec.inputChannels) channels, gets \(inputs[0].channels)")
      }
      guard
        let output = windowed(
          inputs[0], channels: spec.outputChannels, kernel: spec.kernelSize, stride: spec.stride,
          padding: spec.padding, dilation: spec.dilation)
      else { throw fail("kernel, stride, padding and dilation do not fit an input of \(inputs[0])") }
      return output
    case .maxPool(let spec), .averagePool(let spec):
      guard
        let output = windowed(
          inputs[0], channels: inputs[0].channels, kernel: spec.kernelSize, stride: spec.stride,
          padding: spec.padding, dilation: Extent(1)),
        spec.padding.height * 2 <= spec.kernelSize.height, spec.padding.width * 2 <= spec.kernelSize.width
      else { throw fail("kernel, stride and padding do not fit an input of \(inputs[0])") }
      return output
    case .batchNorm(let spec):
      guard inputs[0].channels == spec.channels else {
        throw fail("expects \(spec.channels) channels, gets \(inputs[0].channels)")
      }
      guard spec.epsilon > 0, spec.epsilon.isFinite else { throw fail("epsilon is \(spec.epsilon)") }
      guard 0...1 ~= spec.momentum else { throw fail("a momentum of \(spec.momentum)") }
      return inputs[0]
    case .activation, .softmax:
      return inputs[0]
    case .dropout(let probability), .stochasticDepth(let probability):
      guard probability >= 0, probability < 1 else { throw fail("a dropout probability of \(probability)") }
      return inputs[0]
    case .globalAveragePool:
      return FeatureShape(channels: inputs[0].channels, height: 1, width: 1)
    case .upsample2x:
      return FeatureShape(channels: inputs[0].channels, height: inputs[0].height * 2, width: inputs[0].width * 2)
    case .add:
      guard inputs[0] == inputs[1] else { throw fail("adds \(inputs[0]) and \(inputs[1])") }
      return inputs[0]
    case .multiply:
      let scale = FeatureShape(channels: inputs[0].channels, height: 1, width: 1)
      guard inputs[0] == inputs[1] || inputs[1] == scale else {
        throw fail("multiplies \(inputs[0]) by \(inputs[1])")
      }
      return inputs[0]
    case .concat:
      guard inputs.count >= 2 else { throw fail("concatenates \(inputs.count) input") }
      for other in inputs where other.height != inputs[0].height || other.width != inputs[0].width {
        throw fail("concatenates \(inputs[0]) and \(other)")
      }
      return FeatureShape(
        channels: inputs.reduce(0) { $0 + $1.channels }, height: inputs[0].height, width: inputs[0].width)
    case .linear(let spec):
      guard inputs[0].elementCount == spec.inputFeatures, spec.outputFeatures > 0 else {
        throw fail("expects \(spec.inputFeatures) features, gets \(inputs[0])")
      }
      return FeatureShape(channels: spec.outputFeatures, height: 1, width: 1)
    }
  }

  private static func windowed(
    _ input: FeatureShape, channels: Int, kernel: Extent, stride: Extent, padding: Extent, dilation: Extent
  ) -> FeatureShape? {
    func length(_ size: Int, _ kernel: Int, _ stride: Int, _ padding: Int, _ dilation: Int) -> Int? {
      let limit = 1...(1 << 15)
      guard limit ~= kernel, limit ~= stride, 0...(1 << 15) ~= padding, limit ~= dilation else { return nil }
      let span = size + 2 * padding - dilation * (kernel - 1) - 1
      return span < 0 ? nil : span / stride + 1
    }
    guard
      let height = length(input.height, kernel.height, stride.height, padding.height, dilation.height),
      let width = length(input.width, kernel.width, stride.width, padding.width, dilation.width)
    else { return nil }
    return FeatureShape(channels: channels, height: height, width: width)
  }
}
