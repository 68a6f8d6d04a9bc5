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
      let result = try builder.pool.acquire(layout)
      let (descriptor, view) = try backward(stage)
      builder.run(
        descriptor,
        [
          (DNNL_ARG_SRC, try stage.source.viewed(as: view)), (DNNL_ARG_DIFF_DST, try gradient.viewed(as: view)),
          (DNNL_ARG_DIFF_SRC, try result.viewed(as: view)),
        ])
      builder.releaseConverted(gradient, of: dOutput)
      gradient = result
    }
    try builder.share(gradient, with: input, name: name)
    builder.pool.release(gradient)
  }

  /// The operation and the layout of what it works on.
  private func backward(_ stage: Stage) throws(InferenceError) -> (PrimitiveDescriptor, MemoryDescriptor) {
    let layout = input.memory.descriptor
    let descriptor = try PrimitiveDescriptor.activationBackward(
      stage.algorithm, dData: layout, data: layout, hint: stage.forward, name: "\(name): backward")
    guard descriptor.isSlow else { return (descriptor, layout) }
    // Where channels do not fill their blocks, oneDNN has no kernel for functions that are not zero at zero. The gradient
    // of what fills up is zero, and so is that times anything: all of it can be treated as one row.
    let row = MemoryDescriptor(
      dense: [layout.byteCount / dnnl_data_type_size(layout.dataType)], layout.dataType)
    let forward = try PrimitiveDescriptor.activation(
      stage.algorithm, propagation: dnnl_forward_training, data: row, name: "\(name): hint")
    let flat = try PrimitiveDescriptor.activationBackward(
      stage.algorithm, dData: row, data: row, hint: forward, name: "\(name): backward")
    return (flat, row)
  }
}
