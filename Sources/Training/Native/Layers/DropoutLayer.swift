import CDNNL
import Inference

/// Inverted dropout (Srivastava et al. 2014). The mask is a function of seed, layer and element: nothing is stored, and
/// the backward pass draws the same one again.
final class DropoutLayer: TrainableLayer {
  let output: Memory
  private let probability: Float
  private let name: String
  private let input: GraphValue
  private let stream: UInt64
  private let precision: Precision

  /// - Parameter stream: Different for each layer of a network.
  init(probability: Float, stream: UInt64, name: String, input: GraphValue, _ builder: GraphBuilder)
    throws(InferenceError)
  {
    self.probability = probability
    self.stream = stream
    self.name = name
    self.input = input
    precision = builder.precision
    let source = input.memory
    output = try Memory(source.descriptor)
    let target = output
    let mask = self.mask
    builder.run(name: "\(name): forward", .trainOnly) { mask(source, target, $0) }
    builder.run(name: "\(name): evaluation", .evalOnly) { _ in
      target.pointer.copyMemory(from: source.pointer, byteCount: source.descriptor.byteCount)
    }
  }

  private var mask: (Memory, Memory, PassContext) -> Void {
    { [probability, stream, precision] source, target, context in
      TensorKernels.dropout(
        source, into: target, precision: precision, probability: probability, seed: context.seed(ofLayer: stream))
    }
  }

  func buildBackward(dOutput: Memory, _ builder: GraphBuilder) throws(InferenceError) {
    let mask = self.mask
    try builder.contribute(to: input, layout: input.memory.descriptor, name: name) { target in
      builder.run(name: "\(name): backward") { mask(dOutput, target, $0) }
    }
  }
}
