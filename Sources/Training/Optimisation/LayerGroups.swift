public import Inference

/// The parts of a classifier that learn at rates of their own: early layers see edges and need little change when a
/// trained network goes on learning, the last ones everything.
public enum LayerGroup: String, Codable, CaseIterable, Sendable {
  /// The first convolution, with its batch norm.
  case stem
  case body
  /// What follows the global pooling.
  case head
}

/// Learning rates of the groups, as multiples of the schedule's.
public struct LayerRates: Codable, Equatable, Sendable {
  public var stem: Float
  public var body: Float
  public var head: Float

  public init(stem: Float = 1, body: Float = 1, head: Float = 1) {
    self.stem = stem
    self.body = body
    self.head = head
  }

  public subscript(_ group: LayerGroup) -> Float {
    switch group {
    case .stem: stem
    case .body: body
    case .head: head
    }
  }
}

extension ModelSpec {
  /// The group of each node by its name.
  ///
  /// The network's structure decides, not its names: a node that depends on a global pooling whose result is not
  /// multiplied back (as squeeze-and-excitation does) belongs to the head; the first convolution on each way from the input
  /// and the batch norm right after it are the stem.
  public var layerGroups: [String: LayerGroup] {
    let heads = headNodes
    var groups: [String: LayerGroup] = [:]
    // Nodes that no convolution lies before, the input among them.
    var untouched: Set<String> = [Self.inputName]
    var firstConvolutions: Set<String> = []
    for node in nodes {
      if heads.contains(node.name) {
        groups[node.name] = .head
        continue
      }
      let isFirst = node.inputs.allSatisfy { untouched.contains($0) }
      switch node.layer {
      case .convolution where isFirst:
        groups[node.name] = .stem
        firstConvolutions.insert(node.name)
      case .batchNorm where node.inputs.contains(where: { firstConvolutions.contains($0) }):
        groups[node.name] = .stem
      default:
        groups[node.name] = .body
        if isFirst { untouched.insert(node.name) }
      }
    }
    return groups
  }

  /// The nodes whose every way to the outputs has no spatial extent left: walking back from the outputs, all up to the
  /// last global pooling.
  private var headNodes: Set<String> {
    let byName = Dictionary(uniqueKeysWithValues: nodes.map { ($0.name, $0) })
    var found: Set<String> = []
    var queue = outputs
    while let name = queue.popLast() {
      guard let node = byName[name], !found.contains(name) else { continue }
      if case .globalAveragePool = node.layer { continue }
      found.insert(name)
      queue += node.inputs
    }
    // Without a global pooling the walk reaches the input: then there is no head but the outputs' own nodes.
    let reachesInput = found.contains { byName[$0]!.inputs.contains(Self.inputName) }
    return reachesInput ? Set(outputs) : found
  }
}

extension LayerRates {
  /// What optimisers take: the factor of a parameter.
  ///
  /// - Parameter spec: The network that the parameters belong to.
  func factors(for spec: ModelSpec) -> (ParameterStore.Slot) -> Float {
    let groups = spec.layerGroups
    return { slot in
      let node = slot.name.prefix(upTo: slot.name.lastIndex(of: ".")!)
      return self[groups[String(node)] ?? .body]
    }
  }
}
