import CDNNL
import Inference

final class ConvolutionLayer: TrainableLayer {
  let output: Memory
  private let spec: ConvolutionSpec
  private let name: String
  private let input: GraphValue
  /// The input in the layout that the convolution reads.
  private let source: Memory
  private let weights: Memory
  private let weightsShape: [Int]
  private let forward: PrimitiveDescriptor
  /// Does all passes in place of oneDNN where it is the fastest.
  private let own: (any OwnConvolution)?

  init(_ spec: ConvolutionSpec, name: String, input: GraphValue, shape: FeatureShape, _ builder: GraphBuilder)
    throws(InferenceError)
  {
    self.spec = spec
    self.name = name
    self.input = input
    let kernel = [spec.kernelSize.height, spec.kernelSize.width]
    weightsShape =
      spec.groups == 1
      ? [spec.outputChannels, spec.inputChannels] + kernel
      : [spec.groups, spec.outputChannels / spec.groups, spec.inputChannels / spec.groups] + kernel
    let kernels = ConvolutionChoice.trainingKernels(spec, precision: builder.precision)
    func layout(_ shape: FeatureShape) -> MemoryDescriptor {
      kernels.map { MemoryDescriptor(builder.dimensions(shape), $0.dataType, $0.layout) }
        ?? builder.anyLayout(shape)
    }
    forward = try .convolution(
      spec, propagation: dnnl_forward_training, source: layout(input.shape),
      weights: MemoryDescriptor(weightsShape, builder.precision.dataType, dnnl_format_tag_any),
      bias: spec.hasBias ? MemoryDescriptor(dense: [spec.outputChannels]) : nil,
      destination: layout(shape), name: "\(name): forward")
    source = try builder.converted(input.memory, to: forward.layout(of: DNNL_ARG_SRC)!, name: name)
    weights = try builder.parameter("\(name).weight", shape: weightsShape)
    output = try Memory(forward.layout(of: DNNL_ARG_DST)!)
    let sourceShape = source.descriptor.shape
    own = kernels.map { $0.init(spec, source: sourceShape) }
    if let own {
      builder.run(name: "\(name): forward", scratch: own.scratchByteCount) { [source, weights, output] in
        own.load(UnsafeBufferPointer(weights.floats))
        own.run(from: source, into: output, scratch: $0)
      }
      return
    }
    let ordered = try builder.converted(weights, to: forward.layout(of: DNNL_ARG_WEIGHTS)!, name: "\(name).weight")
    var arguments = [(DNNL_ARG_SRC, source), (DNNL_ARG_WEIGHTS, ordered), (DNNL_ARG_DST, output)]
    if spec.hasBias {
      arguments.append((DNNL_ARG_BIAS, try builder.parameter("\(name).bias", shape: [spec.outputChannels])))
    }
    builder.run(forward, arguments)
  }

  func buildBackward(dOutput: Memory, _ builder: GraphBuilder) throws(InferenceError) {
    if let own { return try buildBackward(own, dOutput: dOutput, builder) }
    try buildBackwardWeights(dOutput: dOutput, builder)
    if input.needsGradient { try buildBackwardData(dOutput: dOutput, builder) }
  }

  private func buildBackward(
    _ own: some OwnConvolution, dOutput: Memory, _ builder: GraphBuilder
  ) throws(InferenceError) {
    let dy = try builder.converted(dOutput, to: output.descriptor, name: name)
    let dWeights = builder.parameters.gradient("\(name).weight")
    builder.run(name: "\(name): backward weights", scratch: own.gradientScratchByteCount) { [source] in
      own.addWeightsGradient(source: source, dResult: dy, to: dWeights, scratch: $0)
    }
    if input.needsGradient {
      let gradient = type(of: own).init(gradientOf: spec, source: source.descriptor.shape)
      try builder.contribute(to: input, layout: source.descriptor, name: name) { dx in
        builder.run(name: "\(name): backward data", scratch: gradient.scratchByteCount) { [weights] in
          gradient.load(UnsafeBufferPointer(weights.floats))
          gradient.run(from: dy, into: dx, scratch: $0)
        }
      }
    }
    builder.releaseConverted(dy, of: dOutput)
  }

  private func buildBackwardWeights(dOutput: Memory, _ builder: GraphBuilder) throws(InferenceError) {
    let type = builder.precision.dataType
    let bias = spec.hasBias ? MemoryDescriptor(dense: [spec.outputChannels]) : nil
    func make(_ source: MemoryDescriptor, _ dOutput: MemoryDescriptor) throws(InferenceError) -> PrimitiveDescriptor
    {
      try .convolutionBackwardWeights(
        spec, source: source, dWeights: MemoryDescriptor(weightsShape, dnnl_f32, dnnl_format_tag_any), dBias: bias,
        dDestination: dOutput, hint: forward, name: "\(name): backward weights")
    }
    if TensorKernels.computesWeights(of: spec), (try? make(source.descriptor, dOutput.descriptor))?.isSlow ?? true {
      return try buildDepthwiseWeights(dOutput: dOutput, builder)
    }
    let descriptor = try LayoutChoice.best(
      actual: (source.descriptor, dOutput.descriptor), type: type, make: make)
    let x = try builder.converted(source, to: descriptor.layout(of: DNNL_ARG_SRC)!, name: name)
    let dy = try builder.converted(dOutput, to: descriptor.layout(of: DNNL_ARG_DIFF_DST)!, name: name)
    let dWeights = try builder.pool.acquire(descriptor.layout(of: DNNL_ARG_DIFF_WEIGHTS)!)
    var arguments = [(DNNL_ARG_SRC, x), (DNNL_ARG_DIFF_DST, dy), (DNNL_ARG_DIFF_WEIGHTS, dWeights)]
    let dBias: Memory? = if let bias { try builder.pool.acquire(bias) } else { nil }
    if let dBias { arguments.append((DNNL_ARG_DIFF_BIAS, dBias)) }
    builder.run(descriptor, arguments)
    builder.releaseConverted(x, of: source)
    builder.releaseConverted(dy, of: dOutput)
    try builder.addToGradient("\(name).weight", shape: weightsShape, dWeights)
    builder.pool.release(dWeights)
    if let dBias {
      try builder.addToGradient("\(name).bias", shape: [spec.outputChannels], dBias)
      builder.pool.release(dBias)
    }
  }

  /// With our own kernel, where oneDNN has none.
  private func buildDepthwiseWeights(dOutput: Memory, _ builder: GraphBuilder) throws(InferenceError) {
    let precision = builder.precision
    func blocks(_ memory: Memory) -> MemoryDescriptor {
      MemoryDescriptor(memory.descriptor.shape, precision.dataType, dnnl_nChw16c)
    }
    let x = try builder.converted(source, to: blocks(source), name: name)
    let dy = try builder.converted(dOutput, to: blocks(dOutput), name: name)
    let scratch = try builder.pool.acquire(
      MemoryDescriptor(dense: [TensorKernels.depthwiseScratchCount(x.descriptor, dy.descriptor)]))
    let gradient = builder.parameters.gradient("\(name).weight")
    builder.run(name: "\(name): backward weights") { [spec] _ in
      TensorKernels.addDepthwiseWeights(
        spec, source: x, dResult: dy, to: gradient, precision: precision, scratch: scratch.floats)
    }
    builder.pool.release(scratch)
    builder.releaseConverted(x, of: source)
    builder.releaseConverted(dy, of: dOutput)
  }

  private func buildBackwardData(dOutput: Memory, _ builder: GraphBuilder) throws(InferenceError) {
    let type = builder.precision.dataType
    let descriptor = try LayoutChoice.best(
      actual: (source.descriptor, dOutput.descriptor), type: type
    ) { dSource, dOutput throws(InferenceError) in
      try .convolutionBackwardData(
        spec, dSource: dSource, weights: MemoryDescriptor(weightsShape, type, dnnl_format_tag_any),
        dDestination: dOutput, hint: forward, name: "\(name): backward data")
    }
    let dy = try builder.converted(dOutput, to: descriptor.layout(of: DNNL_ARG_DIFF_DST)!, name: name)
    let ordered = try builder.converted(
      weights, to: descriptor.layout(of: DNNL_ARG_WEIGHTS)!, name: "\(name).weight")
    try builder.contribute(to: input, layout: descriptor.layout(of: DNNL_ARG_DIFF_SRC)!, name: name) {
      builder.run(descriptor, [(DNNL_ARG_DIFF_DST, dy), (DNNL_ARG_WEIGHTS, ordered), (DNNL_ARG_DIFF_SRC, $0)])
    }
    builder.releaseConverted(ordered, of: weights)
    builder.releaseConverted(dy, of: dOutput)
  }
}

/// Finds layouts for which oneDNN has a compiled kernel: some backward passes fall back to a reference loop in the
/// layout that the forward pass chose (5x5 depthwise weights in blocked layout by two orders of magnitude).
enum LayoutChoice {
  static func best(
    actual: (MemoryDescriptor, MemoryDescriptor), type: dnnl_data_type_t,
    make: (MemoryDescriptor, MemoryDescriptor) throws(InferenceError) -> PrimitiveDescriptor
  ) throws(InferenceError) -> PrimitiveDescriptor {
    func both(_ tag: dnnl_format_tag_t) -> (MemoryDescriptor, MemoryDescriptor) {
      (MemoryDescriptor(actual.0.shape, type, tag), MemoryDescriptor(actual.1.shape, type, tag))
    }
    var slow: PrimitiveDescriptor?
    var failure: InferenceError?
    let tags = [dnnl_format_tag_any, dnnl_nhwc, dnnl_nChw16c, dnnl_nchw]
    for (first, second) in [actual] + tags.map(both) {
      do throws(InferenceError) {
        let descriptor = try make(first, second)
        if !descriptor.isSlow { return descriptor }
        // Matrix products are slow, but nothing against a reference loop.
        if slow.map({ $0.isReference && !descriptor.isReference }) ?? true { slow = descriptor }
      } catch {
        failure = failure ?? error
      }
    }
    if let slow { return slow }
    throw failure!
  }
}
