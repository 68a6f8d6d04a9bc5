import CDNNL
import Inference

/// Drops whole pictures of a residual branch and scales the others (Huang et al., arXiv 1603.09382). As with dropout,
/// which ones is a function of seed, layer and picture: nothing is stored, and the backward pass draws the same again.
final class StochasticDepthLayer: TrainableLayer {
  let output: Memory
  private let probability: Float
  private let name: String
  private let input: GraphValue
  private let stream: UInt64
  private let batchSize: Int
  private let precision: Precision

  /// - Parameter stream: Different for each layer of a network.
  init(probability: Float, stream: UInt64, name: String, input: GraphValue, _ builder: GraphBuilder)
    throws(InferenceError)
  {
    self.probability = probability
    self.stream = stream
    self.name = name
    self.input = input
    batchSize = builder.batchSize
    precision = builder.precision
    let source = input.memory
    guard source.descriptor.isOnePictureAfterTheOther else {
      throw .backend(operation: name, status: "a layout that does not keep the pictures of a batch apart")
    }
    output = try Memory(source.descriptor)
    let target = output
    let drop = self.drop
    builder.run(name: "\(name): forward", .trainOnly) { drop(source, target, $0) }
    builder.run(name: "\(name): evaluation", .evalOnly) { _ in
      target.pointer.copyMemory(from: source.pointer, byteCount: source.descriptor.byteCount)
    }
  }

  private var drop: (Memory, Memory, PassContext) -> Void {
    { [probability, stream, precision, batchSize] source, target, context in
      TensorKernels.dropPictures(
        source, into: target, count: batchSize, precision: precision, probability: probability,
        seed: context.seed(ofLayer: stream))
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
