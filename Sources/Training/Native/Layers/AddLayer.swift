import CDNNL
import Inference

/// The sum of two values, with the ReLU that follows it where the graph has one.
final class AddLayer: TrainableLayer {
  let output: Memory
  private let name: String
  private let inputs: [GraphValue]
  private let fusesReLU: Bool

  init(fusesReLU: Bool, name: String, inputs: [GraphValue], _ builder: GraphBuilder) throws(InferenceError) {
    self.name = name
    self.inputs = inputs
    self.fusesReLU = fusesReLU
    let layout = inputs[0].memory.descriptor
    let right = try builder.converted(inputs[1].memory, to: layout, name: name)
    output = try Memory(layout)
    let attributes = try PrimitiveAttributes(fusesReLU ? [.activation(.relu)] : [])
    builder.run(
      try .binary(
        dnnl_binary_add, left: layout, right: layout, destination: layout, attributes: attributes,
        name: "\(name): forward"),
      [(DNNL_ARG_SRC_0, inputs[0].memory), (DNNL_ARG_SRC_1, right), (DNNL_ARG_DST, output)])
  }

  func buildBackward(dOutput: Memory, _ builder: GraphBuilder) throws(InferenceError) {
    var gradient = dOutput
    if fusesReLU {
      let layout = output.descriptor
      // The output is positive exactly where the sum was.
      let relu: (kind: dnnl_alg_kind_t, alpha: Float, beta: Float) = (dnnl_eltwise_relu_use_dst_for_bwd, 0, 0)
      let hint = try PrimitiveDescriptor.activation(
        relu, propagation: dnnl_forward_training, data: layout, name: "\(name): hint")
      let descriptor = try PrimitiveDescriptor.activationBackward(
        relu, dData: layout, data: layout, hint: hint, name: "\(name): backward")
      gradient = builder.pool.isShared(dOutput) ? try builder.pool.acquire(layout) : dOutput
      builder.run(
        descriptor, [(DNNL_ARG_DST, output), (DNNL_ARG_DIFF_DST, dOutput), (DNNL_ARG_DIFF_SRC, gradient)])
    }
    for input in inputs { try builder.share(gradient, with: input, name: name) }
    builder.releaseConverted(gradient, of: dOutput)
  }
}
