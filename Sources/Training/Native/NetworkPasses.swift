import CDNNL
import Inference

/// Builds the passes of a whole network: layers in node order, then their backward passes in reverse.
struct NetworkPasses {
  /// Dense f32, as the caller fills it.
  let input: Memory
  /// Dense f32, one for each output.
  let results: [Memory]
  /// Gradients of the results, dense f32, as the caller fills them.
  let dResults: [Memory]
  let dInput: Memory?

  init(
    _ spec: ModelSpec, shapes: [String: FeatureShape], wantsInputGradient: Bool, _ builder: GraphBuilder
  ) throws(InferenceError) {
    let inputShape = shapes[ModelSpec.inputName]!
    input = try Memory(MemoryDescriptor(dense: builder.dimensions(inputShape)))
    let typed = try builder.converted(
      input, to: MemoryDescriptor(dense: builder.dimensions(inputShape), builder.precision.dataType), name: "input")
    let inputValue = GraphValue(shape: inputShape, memory: typed, needsGradient: wantsInputGradient)
    var values = [ModelSpec.inputName: inputValue]
    var layers: [(layer: any TrainableLayer, value: GraphValue)] = []
    let fusions = Fusions(spec)

    for (index, node) in spec.nodes.enumerated() {
      if let producer = fusions.absorbed[node.name] {
        values[node.name] = values[producer]
        continue
      }
      let inputs = node.inputs.map { values[$0]! }
      if node.layer.changesNothing(at: inputs[0].shape) {
        values[node.name] = inputs[0]
        continue
      }
      let layer = try Self.makeLayer(
        node, index: index, inputs: inputs, shape: shapes[node.name]!,
        fusesReLU: fusions.fusing.contains(node.name),
        builder)
      let value = GraphValue(
        shape: shapes[node.name]!, memory: layer.output,
        needsGradient: inputs.contains(where: \.needsGradient) || !node.layer.parameters.isEmpty)
      values[node.name] = value
      layers.append((layer, value))
    }

    var results: [Memory] = []
    var dResults: [Memory] = []
    let outputs = spec.outputs.map { values[$0]! }
    for (name, value) in zip(spec.outputs, outputs) {
      let dense = MemoryDescriptor(dense: builder.dimensions(value.shape))
      let result = try Memory(dense)
      builder.run(
        try .reorder(from: value.memory.descriptor, to: dense, name: "\(name): result"),
        [(DNNL_ARG_FROM, value.memory), (DNNL_ARG_TO, result)])
      results.append(result)
      dResults.append(try Memory(dense))
    }
    self.results = results
    self.dResults = dResults

    builder.beginBackward()
    for (value, dResult) in zip(outputs, dResults) {
      try builder.contribute(to: value, layout: value.memory.descriptor, name: "result") {
        target throws(InferenceError) in
        builder.run(
          try .reorder(from: dResult.descriptor, to: target.descriptor, name: "gradient of a result"),
          [(DNNL_ARG_FROM, dResult), (DNNL_ARG_TO, target)])
      }
    }
    for (layer, value) in layers.reversed() {
      // No gradient arrives where no output depends on the layer.
      guard let gradient = builder.takeGradient(of: value) else { continue }
      try layer.buildBackward(dOutput: gradient, builder)
      builder.pool.release(gradient)
    }
    if wantsInputGradient, let gradient = builder.takeGradient(of: inputValue) {
      dInput = try Memory(MemoryDescriptor(dense: builder.dimensions(inputShape)))
      builder.run(
        try .reorder(from: gradient.descriptor, to: dInput!.descriptor, name: "gradient of the input"),
        [(DNNL_ARG_FROM, gradient), (DNNL_ARG_TO, dInput!)])
    } else {
      dInput = nil
    }
  }

  private static func makeLayer(
    _ node: ModelSpec.Node, index: Int, inputs: [GraphValue], shape: FeatureShape, fusesReLU: Bool,
    _ builder: GraphBuilder
  ) throws(InferenceError) -> any TrainableLayer {
    let name = node.name
    switch node.layer {
    case .convolution(let spec):
      return try ConvolutionLayer(spec, name: name, input: inputs[0], shape: shape, builder)
    case .batchNorm(let spec):
      return try BatchNormLayer(spec, fusesReLU: fusesReLU, name: name, input: inputs[0], builder)
    case .activation(.silu) where Swish.supports(inputs[0].memory.descriptor.dataType):
      return try SwishLayer(name: name, input: inputs[0], builder)
    case .activation(let activation):
      return try ActivationLayer(activation, name: name, input: inputs[0], builder)
    case .maxPool(let spec):
      return try PoolingLayer(.max, spec, name: name, input: inputs[0], shape: shape, builder)
    case .averagePool(let spec):
      return try PoolingLayer(.average, spec, name: name, input: inputs[0], shape: shape, builder)
    case .globalAveragePool:
      var window = PoolingSpec(kernelSize: 1, stride: 1)
      window.kernelSize = Extent(height: inputs[0].shape.height, width: inputs[0].shape.width)
      return try PoolingLayer(.average, window, name: name, input: inputs[0], shape: shape, builder)
    case .upsample2x:
      return try UpsampleLayer(name: name, input: inputs[0], shape: shape, builder)
    case .add:
      return try AddLayer(fusesReLU: fusesReLU, name: name, inputs: inputs, builder)
    case .multiply:
      return try MultiplyLayer(name: name, inputs: inputs, builder)
    case .concat:
      return try ConcatLayer(name: name, inputs: inputs, shape: shape, builder)
    case .linear(let spec):
      return try LinearLayer(spec, name: name, input: inputs[0], shape: shape, builder)
    case .dropout(let probability):
      return try DropoutLayer(
        .element, probability: probability, stream: UInt64(index), name: name, input: inputs[0], builder)
    case .stochasticDepth(let probability):
      return try DropoutLayer(
        .picture, probability: probability, stream: UInt64(index), name: name, input: inputs[0], builder)
    case .softmax:
      return try SoftmaxLayer(name: name, input: inputs[0], builder)
    }
  }
}

extension LayerSpec {
  /// True for what drops nothing, and for the mean over a single pixel: with the channels last, as on processors with AMX,
  /// oneDNN 2.6 writes the gradient of that to address 0.
  fileprivate func changesNothing(at shape: FeatureShape) -> Bool {
    switch self {
    case .dropout(let probability), .stochasticDepth(let probability): probability == 0
    case .globalAveragePool: shape.height == 1 && shape.width == 1
    default: false
    }
  }
}

/// Which ReLU nodes the batch norm or addition before them computes along.
private struct Fusions {
  /// ReLU node → the node that absorbs it.
  private(set) var absorbed: [String: String] = [:]
  /// Nodes that absorb the ReLU after them.
  private(set) var fusing: Set<String> = []

  init(_ spec: ModelSpec) {
    var uses: [String: Int] = [:]
    for name in spec.nodes.flatMap(\.inputs) + spec.outputs { uses[name, default: 0] += 1 }
    let nodes = Dictionary(uniqueKeysWithValues: spec.nodes.map { ($0.name, $0) })
    for node in spec.nodes where node.layer == .activation(.relu) && uses[node.inputs[0]] == 1 {
      guard let producer = nodes[node.inputs[0]] else { continue }
      switch producer.layer {
      case .batchNorm, .add:
        absorbed[node.name] = producer.name
        fusing.insert(producer.name)
      default: break
      }
    }
  }
}
