import CDNNL
import Inference

/// Nearest-neighbour enlargement by two.
final class UpsampleLayer: TrainableLayer {
  let output: Memory
  private let name: String
  private let input: GraphValue

  init(name: String, input: GraphValue, shape: FeatureShape, _ builder: GraphBuilder) throws(InferenceError) {
    self.name = name
    self.input = input
    let forward = try PrimitiveDescriptor.upsample2x(
      propagation: dnnl_forward_inference, source: input.memory.descriptor, destination: builder.anyLayout(shape),
      name: "\(name): forward")
    output = try Memory(forward.layout(of: DNNL_ARG_DST)!)
    builder.run(forward, [(DNNL_ARG_SRC, input.memory), (DNNL_ARG_DST, output)])
  }

  /// Each input value went to four places: its gradient is their sum, four times the mean that pooling computes.
  func buildBackward(dOutput: Memory, _ builder: GraphBuilder) throws(InferenceError) {
    let pooling = try PrimitiveDescriptor.pooling(
      PoolingSpec(kernelSize: 2, stride: 2), algorithm: dnnl_pooling_avg_include_padding,
      propagation: dnnl_forward_inference, source: dOutput.descriptor, destination: builder.anyLayout(input.shape),
      name: "\(name): backward")
    let layout = pooling.layout(of: DNNL_ARG_DST)!
    try builder.contribute(to: input, layout: layout, name: name) { target throws(InferenceError) in
      builder.run(pooling, [(DNNL_ARG_SRC, dOutput), (DNNL_ARG_DST, target)])
      try builder.scale(target, by: 4, name: "\(name): backward scale")
    }
  }
}
