import CDNNL
import Inference

enum PoolingKind {
  case max
  /// Padding counts as zeros.
  case average

  var algorithm: dnnl_alg_kind_t {
    switch self {
    case .max: dnnl_pooling_max
    case .average: dnnl_pooling_avg_include_padding
    }
  }
}

/// Max and average pooling; global pooling is average pooling over the whole input.
final class PoolingLayer: TrainableLayer {
  let output: Memory
  private let kind: PoolingKind
  private let spec: PoolingSpec
  private let name: String
  private let input: GraphValue
  private let forward: PrimitiveDescriptor
  private let workspace: Memory?

  init(
    _ kind: PoolingKind, _ spec: PoolingSpec, name: String, input: GraphValue, shape: FeatureShape,
    _ builder: GraphBuilder
  ) throws(InferenceError) {
    self.kind = kind
    self.spec = spec
    self.name = name
    self.input = input
    forward = try .pooling(
      spec, algorithm: kind.algorithm, propagation: dnnl_forward_training, source: input.memory.descriptor,
      destination: builder.anyLayout(shape), name: "\(name): forward")
    output = try Memory(forward.layout(of: DNNL_ARG_DST)!)
    workspace = if let layout = forward.workspace { try Memory(layout) } else { nil }
    var arguments = [(DNNL_ARG_SRC, input.memory), (DNNL_ARG_DST, output)]
    if let workspace { arguments.append((DNNL_ARG_WORKSPACE, workspace)) }
    builder.run(forward, arguments)
  }

  func buildBackward(dOutput: Memory, _ builder: GraphBuilder) throws(InferenceError) {
    let descriptor = try PrimitiveDescriptor.poolingBackward(
      spec, algorithm: kind.algorithm, dSource: input.memory.descriptor, dDestination: output.descriptor,
      hint: forward,
      name: "\(name): backward")
    try builder.contribute(to: input, layout: input.memory.descriptor, name: name) {
      var arguments = [(DNNL_ARG_DIFF_DST, dOutput), (DNNL_ARG_DIFF_SRC, $0)]
      if let workspace { arguments.append((DNNL_ARG_WORKSPACE, workspace)) }
      builder.run(descriptor, arguments)
    }
  }
}
