import CDNNL
import Inference

/// Zeroes a random part of its input and scales the rest, in training only. Which part is a function of seed, layer and
/// position: nothing is stored, and the backward pass draws the same one again.
final class DropoutLayer: TrainableLayer {
  /// What is zeroed or kept as a whole.
  enum Unit {
    /// Inverted dropout (Srivastava et al. 2014).
    case element
    /// Stochastic depth (Huang et al., arXiv 1603.09382): the residual branch of a picture.
    case picture
  }

  let output: Memory
  private let name: String
  private let input: GraphValue
  private let drop: (_ source: Memory, _ target: Memory, PassContext) -> Void

  /// - Parameter stream: Different for each layer of a network.
  init(
    _ unit: Unit, probability: Float, stream: UInt64, name: String, input: GraphValue, _ builder: GraphBuilder
  ) throws(InferenceError) {
    self.name = name
    self.input = input
    let source = input.memory
    let (precision, batchSize) = (builder.precision, builder.batchSize)
    switch unit {
    case .element:
      drop = { source, target, context in
        TensorKernels.dropout(
          source, into: target, precision: precision, probability: probability, seed: context.seed(ofLayer: stream))
      }
    case .picture:
      guard source.descriptor.isOnePictureAfterTheOther else {
        throw .backend(operation: name, status: "a layout that does not keep the pictures of a batch apart")
      }
      drop = { source, target, context in
        TensorKernels.dropPictures(
          source, into: target, count: batchSize, precision: precision, probability: probability,
          seed: context.seed(ofLayer: stream))
      }
    }
    output = try Memory(source.descriptor)
    let (target, drop) = (output, self.drop)
    builder.run(name: "\(name): forward", .trainOnly) { drop(source, target, $0) }
    builder.run(name: "\(name): evaluation", .evalOnly) { _ in
      target.pointer.copyMemory(from: source.pointer, byteCount: source.descriptor.byteCount)
    }
  }

  func buildBackward(dOutput: Memory, _ builder: GraphBuilder) throws(InferenceError) {
    let drop = self.drop
    try builder.contribute(to: input, layout: input.memory.descriptor, name: name) { target in
      builder.run(name: "\(name): backward") { drop(dOutput, target, $0) }
    }
  }
}

extension MemoryDescriptor {
  /// True where the elements of each picture of a batch `[n, …]` lie together.
  fileprivate var isOnePictureAfterTheOther: Bool {
    let stride = Int(raw.format_desc.blocking.strides.0) * dnnl_data_type_size(dataType)
    return raw.format_kind == dnnl_blocked && (shape[0] == 1 || stride * shape[0] == byteCount)
  }
}
