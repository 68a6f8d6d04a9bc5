/// Turns a network and its parameters into the operations that are worth running.
///
/// - Batch norm goes into the weights of the convolution or linear layer before it.
/// - Activations are applied by the operation before them, before its result leaves the registers.
/// - `add` becomes part of the convolution that makes one of its inputs, which moves to the place of the `add`.
/// - Dropout and stochastic depth are nothing at inference.
///
/// All of this only where nobody else needs the value in between.
struct GraphFusion {
  private let spec: ModelSpec
  private let shapes: [String: FeatureShape]
  private let weights: [String: Tensor]
  /// Nodes that pass their input on, with the node that they stand for.
  private var aliases: [String: String] = [:]
  /// How many nodes and outputs read a node's value.
  private var uses: [String: Int] = [:]
  private var ids: [String: FusedGraph.ValueID] = [:]
  private var graph: FusedGraph

  static func fuse(
    _ spec: ModelSpec, shapes: [String: FeatureShape], weights: [String: Tensor]
  ) throws(InferenceError) -> FusedGraph {
    var fusion = GraphFusion(spec, shapes: shapes, weights: weights)
    for node in spec.nodes { try fusion.add(node) }
    fusion.graph.outputs = spec.outputs.map { fusion.ids[fusion.resolve($0)]! }
    fusion.dropUnread()
    return fusion.graph
  }

  private init(_ spec: ModelSpec, shapes: [String: FeatureShape], weights: [String: Tensor]) {
    self.spec = spec
    self.shapes = shapes
    self.weights = weights
    let input = ModelSpec.inputName
    graph = FusedGraph(values: [.init(name: input, shape: shapes[input]!)], operations: [], outputs: [])
    ids[input] = FusedGraph.input
    for node in spec.nodes {
      switch node.layer {
      case .dropout, .stochasticDepth: aliases[node.name] = resolve(node.inputs[0])
      default: break
      }
    }
    for node in spec.nodes where aliases[node.name] == nil {
      for name in node.inputs { uses[resolve(name), default: 0] += 1 }
    }
    for name in spec.outputs { uses[resolve(name), default: 0] += 1 }
  }

  private func resolve(_ name: String) -> String { aliases[name] ?? name }

  /// The operation that makes the value of `name`, if `node` is the only one that reads it.
  private func soleProducer(of name: String) -> Int? {
    guard uses[name] == 1, let id = ids[name] else { return nil }
    return graph.operations.firstIndex { $0.output == id }
  }

  private mutating func add(_ node: ModelSpec.Node) throws(InferenceError) {
    let inputs = node.inputs.map(resolve)
    switch node.layer {
    case .dropout, .stochasticDepth: break
    case .convolution(let spec):
      append(node, .convolution(spec, try makeWeights(node)), inputs)
    case .linear(let spec):
      append(node, .linear(spec, try makeWeights(node)), inputs)
    case .batchNorm(let spec):
      let (scale, shift) = try affine(of: spec, node)
      if !foldAffine(scale, shift, into: inputs[0], node) {
        append(node, .affine(scale: scale, shift: shift), inputs)
      }
    case .activation(let activation):
      if !fuseActivation(activation, into: inputs[0], node) { append(node, .activation(activation), inputs) }
    case .add:
      if !fuseAddition(inputs, node) { append(node, .add, inputs) }
    case .maxPool(let spec): append(node, .maxPool(spec), inputs)
    case .averagePool(let spec): append(node, .averagePool(spec), inputs)
    case .globalAveragePool:
      var window = PoolingSpec(kernelSize: 1, stride: 1)
      let shape = shapes[inputs[0]]!
      window.kernelSize = Extent(height: shape.height, width: shape.width)
      append(node, .averagePool(window), inputs)
    case .upsample2x: append(node, .upsample2x, inputs)
    case .multiply: append(node, .multiply, inputs)
    case .concat: append(node, .concat, inputs)
    case .softmax: append(node, .softmax, inputs)
    }
  }

  private mutating func append(_ node: ModelSpec.Node, _ kind: FusedGraph.Kind, _ inputs: [String]) {
    graph.values.append(.init(name: node.name, shape: shapes[node.name]!))
    let output = graph.values.count - 1
    ids[node.name] = output
    graph.operations.append(
      .init(name: node.name, kind: kind, inputs: inputs.map { ids[$0]! }, epilogue: [], output: output))
  }

  /// The operation at `index` now makes `node`'s value too.
  private mutating func absorb(_ node: ModelSpec.Node, into index: Int) {
    let last = node.name.split(separator: ".").last.map(String.init) ?? node.name
    graph.operations[index].name += "+\(last)"
    graph.values[graph.operations[index].output].name = node.name
    ids[node.name] = graph.operations[index].output
  }

  private func parameter(_ node: ModelSpec.Node, _ name: String) throws(InferenceError) -> Tensor {
    let fullName = "\(node.name).\(name)"
    guard let tensor = weights[fullName] else { throw .parameter(name: fullName, "missing") }
    let shape = node.layer.parameters.first { $0.name == name }!.shape
    guard tensor.shape == shape else {
      throw .parameter(name: fullName, "expected shape \(shape), found \(tensor.shape)")
    }
    return tensor
  }

  private func makeWeights(_ node: ModelSpec.Node) throws(InferenceError) -> FusedGraph.Weights {
    let weight = try parameter(node, "weight").values
    let hasBias = node.layer.parameters.contains { $0.name == "bias" }
    return .init(values: weight, bias: hasBias ? try parameter(node, "bias").values : nil)
  }

  private func affine(
    of spec: BatchNormSpec, _ node: ModelSpec.Node
  ) throws(InferenceError) -> (scale: [Float], shift: [Float]) {
    let weight = try parameter(node, "weight").values
    let bias = try parameter(node, "bias").values
    let mean = try parameter(node, "running_mean").values
    let variance = try parameter(node, "running_var").values
    var scale = [Float](repeating: 0, count: spec.channels)
    var shift = scale
    for channel in 0..<spec.channels {
      let spread = Double(variance[channel]) + Double(spec.epsilon)
      guard spread > 0 else {
        throw .parameter(name: "\(node.name).running_var", "a variance of \(variance[channel])")
      }
      let factor = Double(weight[channel]) / spread.squareRoot()
      scale[channel] = Float(factor)
      shift[channel] = Float(Double(bias[channel]) - Double(mean[channel]) * factor)
    }
    return (scale, shift)
  }

  private mutating func foldAffine(
    _ scale: [Float], _ shift: [Float], into source: String, _ node: ModelSpec.Node
  ) -> Bool {
    guard let index = soleProducer(of: source), graph.operations[index].epilogue.isEmpty else { return false }
    func fold(_ weights: FusedGraph.Weights) -> FusedGraph.Weights {
      var result = weights
      var bias = weights.bias ?? [Float](repeating: 0, count: scale.count)
      let row = weights.values.count / scale.count
      for channel in 0..<scale.count {
        for place in channel * row..<(channel + 1) * row { result.values[place] *= scale[channel] }
        bias[channel] = bias[channel] * scale[channel] + shift[channel]
      }
      result.bias = bias
      return result
    }
    switch graph.operations[index].kind {
    case .convolution(let spec, let weights): graph.operations[index].kind = .convolution(spec, fold(weights))
    case .linear(let spec, let weights): graph.operations[index].kind = .linear(spec, fold(weights))
    case .affine, .activation, .maxPool, .averagePool, .upsample2x, .add, .multiply, .concat, .softmax: return false
    }
    absorb(node, into: index)
    return true
  }

  private mutating func fuseActivation(
    _ activation: Activation, into source: String, _ node: ModelSpec.Node
  ) -> Bool {
    guard let index = soleProducer(of: source) else { return false }
    switch graph.operations[index].kind {
    case .convolution, .linear, .affine, .add, .multiply: break
    case .activation, .maxPool, .averagePool, .upsample2x, .concat, .softmax: return false
    }
    // A second activation in a row is rare and not every kernel takes it.
    if case .activation = graph.operations[index].epilogue.last { return false }
    graph.operations[index].epilogue.append(.activation(activation))
    absorb(node, into: index)
    return true
  }

  private mutating func fuseAddition(_ inputs: [String], _ node: ModelSpec.Node) -> Bool {
    guard inputs[0] != inputs[1] else { return false }
    let candidates = [0, 1].compactMap { side -> (side: Int, index: Int)? in
      guard let index = soleProducer(of: inputs[side]), graph.operations[index].epilogue.isEmpty,
        case .convolution = graph.operations[index].kind
      else { return nil }
      return (side, index)
    }
    // The later one: moving it past the fewest others keeps values alive for the shortest time.
    guard let (side, index) = candidates.max(by: { $0.index < $1.index }) else { return false }
    var operation = graph.operations.remove(at: index)
    operation.epilogue.append(.add(ids[inputs[1 - side]]!))
    graph.operations.append(operation)
    absorb(node, into: graph.operations.count - 1)
    return true
  }

  /// Removes operations whose result nobody reads.
  private mutating func dropUnread() {
    var needed = Set(graph.outputs)
    for operation in graph.operations.reversed() where needed.contains(operation.output) {
      needed.formUnion(operation.reads)
    }
    graph.operations.removeAll { !needed.contains($0.output) }
  }
}
