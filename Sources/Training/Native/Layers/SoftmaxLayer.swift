import CDNNL
import Inference

/// Softmax over the channels.
final class SoftmaxLayer: TrainableLayer {
  let output: Memory
  private let name: String
  private let input: GraphValue
  private let forward: PrimitiveDescriptor

  init(name: String, input: GraphValue, _ builder: GraphBuilder) throws(InferenceError) {
    self.name = name
    self.input = input
    let layout = input.memory.descriptor
    forward = try .softmax(propagation: dnnl_forward_training, data: layout, name: "\(name): forward")
    output = try Memory(layout)
    builder.run(forward, [(DNNL_ARG_SRC, input.memory), (DNNL_ARG_DST, output)])
  }

  func buildBackward(dOutput: Memory, _ builder: GraphBuilder) throws(InferenceError) {
    let layout = output.descriptor
    let descriptor = try PrimitiveDescriptor.softmaxBackward(
      dData: layout, data: layout, hint: forward, name: "\(name): backward")
    try builder.contribute(to: input, layout: layout, name: name) {
      builder.run(descriptor, [(DNNL_ARG_DST, output), (DNNL_ARG_DIFF_DST, dOutput), (DNNL_ARG_DIFF_SRC, $0)])
    }
  }
}
