import CDNNL
import Inference

/// The product of two values; the second may be one factor per channel.
final class MultiplyLayer: TrainableLayer {
  let output: Memory
  private let name: String
  private let inputs: [GraphValue]
  /// The second input in a layout of the first one's kind.
  private let right: Memory

  init(name: String, inputs: [GraphValue], _ builder: GraphBuilder) throws(InferenceError) {
    self.name = name
    self.inputs = inputs
    let layout = inputs[0].memory.descriptor
    let isBroadcast = inputs[0].shape != inputs[1].shape
    right =
      isBroadcast
      ? inputs[1].memory : try builder.converted(inputs[1].memory, to: layout, name: name)
    output = try Memory(layout)
    builder.run(
      try .binary(
        dnnl_binary_mul, left: layout, right: right.descriptor, destination: layout, name: "\(name): forward"),
      [(DNNL_ARG_SRC_0, inputs[0].memory), (DNNL_ARG_SRC_1, right), (DNNL_ARG_DST, output)])
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
      [(DNNL_ARG_SRC_0, dOutput), (DNNL_ARG_SRC_1, inputs[0].memory), (DNNL_ARG_DST, product)])
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
