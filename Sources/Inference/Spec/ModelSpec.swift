/// A network as a value: what is computed, without weights and without a way to compute it.
///
/// Nodes stand in an order in which each one's inputs come before it. Values between nodes have the shape
/// `[batch, channels, height, width]`; a linear layer gives height and width 1.
public struct ModelSpec: Codable, Equatable, Sendable {
  /// One operation with its place in the network.
  public struct Node: Codable, Equatable, Sendable {
    /// Unique in the network, and the prefix of its parameters: `layer1.0.conv1` has `layer1.0.conv1.weight`.
    public var name: String
    /// Names of earlier nodes, or `ModelSpec.inputName`.
    public var inputs: [String]
    public var layer: LayerSpec

    public init(name: String, inputs: [String], layer: LayerSpec) {
      self.name = name
      self.inputs = inputs
      self.layer = layer
    }
  }

  /// The name by which nodes refer to the network's input.
  public static let inputName = "input"

  /// Such as `fer48`.
  public var name: String
  /// 1 (luma) or 3.
  public var inputChannels: Int
  /// Rows the network was trained for; a fully convolutional one can be compiled for others.
  public var inputHeight: Int
  /// Columns likewise.
  public var inputWidth: Int
  public var nodes: [Node]
  /// Names of the nodes whose values are the network's results, in order.
  public var outputs: [String]

  public init(
    name: String, inputChannels: Int, inputHeight: Int, inputWidth: Int, nodes: [Node], outputs: [String]
  ) {
    self.name = name
    self.inputChannels = inputChannels
    self.inputHeight = inputHeight
    self.inputWidth = inputWidth
    self.nodes = nodes
    self.outputs = outputs
  }

  /// All parameters by their full names, in the order of the nodes.
  public var parameters: [ParameterSpec] {
    nodes.flatMap { node in
      node.layer.parameters.map {
        ParameterSpec("\(node.name).\($0.name)", $0.shape, isTrainable: $0.isTrainable)
      }
    }
  }

  /// Number of trainable values.
  public var trainableParameterCount: Int {
    parameters.filter(\.isTrainable).reduce(0) { $0 + $1.elementCount }
  }
}
