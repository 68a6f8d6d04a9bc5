import CDNNL
import Inference

/// x · sigmoid(x), by our own kernels.
final class SwishLayer: TrainableLayer {
  let output: Memory
  private let name: String
  private let input: GraphValue

  init(name: String, input: GraphValue, _ builder: GraphBuilder) throws(InferenceError) {
    self.name = name
    self.input = input
    let source = input.memory
    let target = try Memory(source.descriptor)
    output = target
    builder.run(name: "\(name): forward") { _ in Swish.apply(to: source, into: target) }
  }

  func buildBackward(dOutput: Memory, _ builder: GraphBuilder) throws(InferenceError) {
    let source = input.memory
    try builder.contribute(to: input, layout: source.descriptor, name: name) { target in
      builder.run(name: "\(name): backward") { _ in
        Swish.applyGradient(source: source, dResult: dOutput, into: target)
      }
    }
  }
}
