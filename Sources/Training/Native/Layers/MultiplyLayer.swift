import CDNNL
import Inference

/// The product of two values; the second may be one factor per channel.
final class MultiplyLayer: TrainableLayer {
  let output: Memory
  private let name: String
  private let inputs: [GraphValue]
  /// The inputs in layouts that fit each other; the first one's is the result's, too.
  private let left: Memory
  private let right: Memory

  init(name: String, inputs: [GraphValue], _ builder: GraphBuilder) throws(InferenceError) {
    self.name = name
    self.inputs = inputs
    let isBroadcast = inputs[0].shape != inputs[1].shape
    let layouts =
      isBroadcast
      ? try Self.layouts(inputs[0].memory.descriptor, factors: inputs[1].memory.descriptor, name: name)
      : (inputs[0].memory.descriptor, inputs[0].memory.descriptor)
    left = try builder.converted(inputs[0].memory, to: layouts.0, name: name)
    right = try builder.converted(inputs[1].memory, to: layouts.1, name: name)
    output = try Memory(layouts.0)
    builder.run(
      try .binary(
        dnnl_binary_mul, left: layouts.0, right: layouts.1, destination: layouts.0, name: "\(name): forward"),
      [(DNNL_ARG_SRC_0, left), (DNNL_ARG_SRC_1, right), (DNNL_ARG_DST, output)])
  }

  /// Those for which oneDNN has a compiled kernel: with the channels last it has none for a factor per channel.
  private static func layouts(
    _ values: MemoryDescriptor, factors: MemoryDescriptor, name: String
  ) throws(InferenceError) -> (MemoryDescriptor, MemoryDescriptor) {
    let blocks = MemoryDescriptor(values.shape, values.dataType, dnnl_nChw16c)
    let blockedFactors = MemoryDescriptor(factors.shape, factors.dataType, dnnl_nChw16c)
    for (left, right) in [(values, factors), (blocks, factors), (blocks, blockedFactors)] {
      let product = try? PrimitiveDescriptor.binary(
        dnnl_binary_mul, left: left, right: right, destination: left, name: name)
      if let product, !product.isReference { return (left, right) }
    }
    return (values, factors)
  }

  func buildBackward(dOutput: Memory, _ builder: GraphBuilder) throws(InferenceError) {
    let layout = output.descriptor
    try builder.contribute(to: inputs[0], layout: layout, name: name) { target throws(InferenceError) in
      builder.run(
        try .binary(
          dnnl_binary_mul, left: layout, right: right.descriptor, destination: layout, name: "\(name): backward"),
        [(DNNL_ARG_SRC_0, dOutput), (DNNL_ARG_SRC_1, right), (DNNL_ARG_DST, target)])
    }
    guard inputs[1].needsGradient else { return }
    let product = try builder.pool.acquire(layout)
    builder.run(
      try .binary(dnnl_binary_mul, left: layout, right: layout, destination: layout, name: "\(name): backward"),
      [(DNNL_ARG_SRC_0, dOutput), (DNNL_ARG_SRC_1, left), (DNNL_ARG_DST, product)])
    if inputs[0].shape == inputs[1].shape {
      try builder.share(product, with: inputs[1], name: name)
    } else {
      try sumOverPlane(product, builder)
    }
    builder.pool.release(product)
  }

  /// The factor's gradient is the sum over height and width: the mean, which pooling computes fast in any layout, times
  /// the number of elements.
  private func sumOverPlane(_ product: Memory, _ builder: GraphBuilder) throws(InferenceError) {
    let shape = inputs[0].shape
    var window = PoolingSpec(kernelSize: 1, stride: 1)
    window.kernelSize = Extent(height: shape.height, width: shape.width)
    let pooling = try PrimitiveDescriptor.pooling(
      window, algorithm: dnnl_pooling_avg_include_padding, propagation: dnnl_forward_inference,
      source: product.descriptor, destination: builder.anyLayout(inputs[1].shape), name: "\(name): backward sum")
    let layout = pooling.layout(of: DNNL_ARG_DST)!
    try builder.contribute(to: inputs[1], layout: layout, name: name) { target throws(InferenceError) in
      builder.run(pooling, [(DNNL_ARG_SRC, product), (DNNL_ARG_DST, target)])
      try builder.scale(target, by: Float(shape.height * shape.width), name: "\(name): backward scale")
    }
  }
}

extension GraphBuilder {
  /// Multiplies a tensor by a constant, in place.
  func scale(_ memory: Memory, by factor: Float, name: String) throws(InferenceError) {
    let descriptor = try PrimitiveDescriptor.activation(
      (dnnl_eltwise_linear, factor, 0), propagation: dnnl_forward_inference, data: memory.descriptor, name: name)
    run(descriptor, [(DNNL_ARG_SRC, memory), (DNNL_ARG_DST, memory)])
  }
}
