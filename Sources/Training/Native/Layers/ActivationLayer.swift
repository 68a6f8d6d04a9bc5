import CDNNL
import Inference

/// A function of each element; one oneDNN primitive after the other where the function takes two.
final class ActivationLayer: TrainableLayer {
  let output: Memory
  private let name: String
  private let input: GraphValue
  private let stages: [Stage]

  private struct Stage {
    let algorithm: (kind: dnnl_alg_kind_t, alpha: Float, beta: Float)
    let forward: PrimitiveDescriptor
    let source: Memory
  }

  init(_ activation: Activation, name: String, input: GraphValue, _ builder: GraphBuilder) throws(InferenceError) {
    self.name = name
    self.input = input
    let layout = input.memory.descriptor
    var stages: [Stage] = []
    var value = input.memory
    for algorithm in activation.algorithms {
      let forward = try PrimitiveDescriptor.activation(
        algorithm, propagation: dnnl_forward_training, data: layout, name: "\(name): forward")
      let result = try Memory(layout)
      builder.run(forward, [(DNNL_ARG_SRC, value), (DNNL_ARG_DST, result)])
      stages.append(Stage(algorithm: algorithm, forward: forward, source: value))
      value = result
    }
    self.stages = stages
    output = value
  }

  func buildBackward(dOutput: Memory, _ builder: GraphBuilder) throws(InferenceError) {
    let layout = input.memory.descriptor
    var gradient = dOutput
    for stage in stages.reversed() {
      let descriptor = try PrimitiveDescriptor.activationBackward(
        stage.algorithm, dData: layout, data: layout, hint: stage.forward, name: "\(name): backward")
      let result = try builder.pool.acquire(layout)
      builder.run(
        descriptor, [(DNNL_ARG_SRC, stage.source), (DNNL_ARG_DIFF_DST, gradient), (DNNL_ARG_DIFF_SRC, result)])
      builder.releaseConverted(gradient, of: dOutput)
      gradient = result
    }
    try builder.share(gradient, with: input, name: name)
    builder.pool.release(gradient)
  }
}
