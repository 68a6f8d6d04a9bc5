import CDNNL
import Inference

/// A fully connected layer over all elements of its input.
final class LinearLayer: TrainableLayer {
  let output: Memory
  private let spec: LinearSpec
  private let name: String
  private let input: GraphValue
  private let source: Memory
  private let weights: Memory
  /// `[o, c, h, w]`: rows seen as kernels of the input's size.
  private let weightsShape: [Int]
  private let forward: PrimitiveDescriptor
  /// `[n, o]` as the primitive gives it.
  private let flatOutput: MemoryDescriptor

  init(_ spec: LinearSpec, name: String, input: GraphValue, shape: FeatureShape, _ builder: GraphBuilder)
    throws(InferenceError)
  {
    self.spec = spec
    self.name = name
    self.input = input
    let type = builder.precision.dataType
    weightsShape = [spec.outputFeatures, input.shape.channels, input.shape.height, input.shape.width]
    flatOutput = MemoryDescriptor([builder.batchSize, spec.outputFeatures], type, dnnl_nc)
    forward = try .innerProduct(
      propagation: dnnl_forward_training, source: builder.anyLayout(input.shape),
      weights: MemoryDescriptor(weightsShape, type, dnnl_format_tag_any),
      bias: spec.hasBias ? MemoryDescriptor(dense: [spec.outputFeatures]) : nil, destination: flatOutput,
      name: "\(name): forward")
    source = try builder.converted(input.memory, to: forward.layout(of: DNNL_ARG_SRC)!, name: name)
    weights = try builder.parameter("\(name).weight", shape: weightsShape)
    let ordered = try builder.converted(weights, to: forward.layout(of: DNNL_ARG_WEIGHTS)!, name: "\(name).weight")
    output = try Memory(MemoryDescriptor(builder.dimensions(shape), type, dnnl_nchw))
    var arguments = [
      (DNNL_ARG_SRC, source), (DNNL_ARG_WEIGHTS, ordered), (DNNL_ARG_DST, try output.viewed(as: flatOutput)),
    ]
    if spec.hasBias {
      arguments.append((DNNL_ARG_BIAS, try builder.parameter("\(name).bias", shape: [spec.outputFeatures])))
    }
    builder.run(forward, arguments)
  }

  func buildBackward(dOutput: Memory, _ builder: GraphBuilder) throws(InferenceError) {
    let dy = try dOutput.viewed(as: flatOutput)
    try buildBackwardWeights(dy, builder)
    guard input.needsGradient else { return }
    let descriptor = try PrimitiveDescriptor.innerProductBackwardData(
      dSource: builder.anyLayout(input.shape),
      weights: MemoryDescriptor(weightsShape, builder.precision.dataType, dnnl_format_tag_any),
      dDestination: flatOutput, hint: forward, name: "\(name): backward data")
    let ordered = try builder.converted(
      weights, to: descriptor.layout(of: DNNL_ARG_WEIGHTS)!, name: "\(name).weight")
    try builder.contribute(to: input, layout: descriptor.layout(of: DNNL_ARG_DIFF_SRC)!, name: name) {
      builder.run(descriptor, [(DNNL_ARG_DIFF_DST, dy), (DNNL_ARG_WEIGHTS, ordered), (DNNL_ARG_DIFF_SRC, $0)])
    }
    builder.releaseConverted(ordered, of: weights)
  }

  private func buildBackwardWeights(_ dy: Memory, _ builder: GraphBuilder) throws(InferenceError) {
    let bias = spec.hasBias ? MemoryDescriptor(dense: [spec.outputFeatures]) : nil
    let descriptor = try PrimitiveDescriptor.innerProductBackwardWeights(
      source: source.descriptor, dWeights: MemoryDescriptor(weightsShape, dnnl_f32, dnnl_format_tag_any),
      dBias: bias,
      dDestination: flatOutput, hint: forward, name: "\(name): backward weights")
    let dWeights = try builder.pool.acquire(descriptor.layout(of: DNNL_ARG_DIFF_WEIGHTS)!)
    var arguments = [(DNNL_ARG_SRC, source), (DNNL_ARG_DIFF_DST, dy), (DNNL_ARG_DIFF_WEIGHTS, dWeights)]
    let dBias: Memory? = if let bias { try builder.pool.acquire(bias) } else { nil }
    if let dBias { arguments.append((DNNL_ARG_DIFF_BIAS, dBias)) }
    builder.run(descriptor, arguments)
    try builder.addToGradient("\(name).weight", shape: weightsShape, dWeights)
    builder.pool.release(dWeights)
    if let dBias {
      try builder.addToGradient("\(name).bias", shape: [spec.outputFeatures], dBias)
      builder.pool.release(dBias)
    }
  }
}
