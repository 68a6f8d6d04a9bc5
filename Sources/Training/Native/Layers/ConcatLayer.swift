import CDNNL
import Inference

/// Values one after the other along the channels.
final class ConcatLayer: TrainableLayer {
  let output: Memory
  private let name: String
  private let inputs: [GraphValue]

  init(name: String, inputs: [GraphValue], shape: FeatureShape, _ builder: GraphBuilder) throws(InferenceError) {
    self.name = name
    self.inputs = inputs
    // Row-major where a part's channels do not fill whole blocks: only there can the gradient be cut up again.
    let tag = inputs.allSatisfy { $0.shape.channels % 16 == 0 } ? dnnl_nChw16c : dnnl_nchw
    let layout = MemoryDescriptor(builder.dimensions(shape), builder.precision.dataType, tag)
    let forward = try PrimitiveDescriptor.concat(
      inputs.map(\.memory.descriptor), destination: layout, name: "\(name): forward")
    output = try Memory(layout)
    var arguments = [(DNNL_ARG_DST, output)]
    for (index, input) in inputs.enumerated() {
      arguments.append((DNNL_ARG_MULTIPLE_SRC + Int32(index), input.memory))
    }
    builder.run(forward, arguments)
  }

  func buildBackward(dOutput: Memory, _ builder: GraphBuilder) throws(InferenceError) {
    var firstChannel = 0
    for input in inputs {
      let part = try dOutput.viewed(
        as: dOutput.descriptor.part(builder.dimensions(input.shape), at: [0, firstChannel, 0, 0]))
      firstChannel += input.shape.channels
      let layout = input.memory.descriptor
      try builder.contribute(to: input, layout: layout, name: name) { target throws(InferenceError) in
        builder.run(
          try .reorder(from: part.descriptor, to: layout, name: "\(name): backward"),
          [(DNNL_ARG_FROM, part), (DNNL_ARG_TO, target)])
      }
    }
  }
}
