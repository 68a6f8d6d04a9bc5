/// Collects the nodes of a network; each call returns the new node's name.
///
/// A node takes the one added before it unless it is told otherwise.
public struct NetworkBuilder: Sendable {
  public private(set) var nodes: [ModelSpec.Node] = []
  /// The node added last.
  public private(set) var last = ModelSpec.inputName

  public init() {}

  @discardableResult
  public mutating func add(_ name: String, _ layer: LayerSpec, to inputs: String...) -> String {
    add(name, layer, toAll: inputs.isEmpty ? [last] : inputs)
  }

  /// The same with any number of inputs.
  @discardableResult
  public mutating func add(_ name: String, _ layer: LayerSpec, toAll inputs: [String]) -> String {
    nodes.append(.init(name: name, inputs: inputs, layer: layer))
    last = name
    return name
  }

  /// A convolution without bias, `name`.
  @discardableResult
  public mutating func convolution(
    _ name: String, from inputChannels: Int, to outputChannels: Int, kernelSize: Int, stride: Int = 1,
    groups: Int = 1, input: String? = nil
  ) -> String {
    let spec = ConvolutionSpec(
      inputChannels: inputChannels, outputChannels: outputChannels, kernelSize: kernelSize, stride: stride,
      padding: kernelSize / 2, groups: groups)
    return add(name, .convolution(spec), to: input ?? last)
  }

  /// The network whose results are `outputs`, by default the last node alone.
  public func model(
    _ name: String, inputChannels: Int, inputHeight: Int, inputWidth: Int, outputs: [String]? = nil
  ) -> ModelSpec {
    ModelSpec(
      name: name, inputChannels: inputChannels, inputHeight: inputHeight, inputWidth: inputWidth, nodes: nodes,
      outputs: outputs ?? [last])
  }
}
