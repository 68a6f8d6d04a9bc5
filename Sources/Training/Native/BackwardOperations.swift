import CDNNL
import Inference

/// Makers of backward operations. `hint` is the forward operation they belong to.
extension PrimitiveDescriptor {
  static func convolutionBackwardData(
    _ spec: ConvolutionSpec, dSource: MemoryDescriptor, weights: MemoryDescriptor, dDestination: MemoryDescriptor,
    hint: PrimitiveDescriptor, name: String
  ) throws(InferenceError) -> PrimitiveDescriptor {
    var description = dnnl_convolution_desc_t()
    let geometry = WindowGeometry(spec, source: dSource, destination: dDestination)
    let status = withPointers(dSource, weights, nil, dDestination) { dSource, weights, _, dDestination in
      dnnl_dilated_convolution_backward_data_desc_init(
        &description, dnnl_convolution_direct, dSource, weights, dDestination, geometry.strides, geometry.dilations,
        geometry.leadingPadding, geometry.trailingPadding)
    }
    try DNNL.check(status, name)
    return try PrimitiveDescriptor(description, hint: hint, name: name)
  }

  static func convolutionBackwardWeights(
    _ spec: ConvolutionSpec, source: MemoryDescriptor, dWeights: MemoryDescriptor, dBias: MemoryDescriptor?,
    dDestination: MemoryDescriptor, hint: PrimitiveDescriptor, name: String
  ) throws(InferenceError) -> PrimitiveDescriptor {
    var description = dnnl_convolution_desc_t()
    let geometry = WindowGeometry(spec, source: source, destination: dDestination)
    let status = withPointers(source, dWeights, dBias, dDestination) {
      dnnl_dilated_convolution_backward_weights_desc_init(
        &description, dnnl_convolution_direct, $0, $1, $2, $3, geometry.strides, geometry.dilations,
        geometry.leadingPadding, geometry.trailingPadding)
    }
    try DNNL.check(status, name)
    return try PrimitiveDescriptor(description, hint: hint, name: name)
  }

  static func innerProductBackwardData(
    dSource: MemoryDescriptor, weights: MemoryDescriptor, dDestination: MemoryDescriptor, hint: PrimitiveDescriptor,
    name: String
  ) throws(InferenceError) -> PrimitiveDescriptor {
    var description = dnnl_inner_product_desc_t()
    let status = withPointers(dSource, weights, nil, dDestination) { dSource, weights, _, dDestination in
      dnnl_inner_product_backward_data_desc_init(&description, dSource, weights, dDestination)
    }
    try DNNL.check(status, name)
    return try PrimitiveDescriptor(description, hint: hint, name: name)
  }

  static func innerProductBackwardWeights(
    source: MemoryDescriptor, dWeights: MemoryDescriptor, dBias: MemoryDescriptor?, dDestination: MemoryDescriptor,
    hint: PrimitiveDescriptor, name: String
  ) throws(InferenceError) -> PrimitiveDescriptor {
    var description = dnnl_inner_product_desc_t()
    let status = withPointers(source, dWeights, dBias, dDestination) {
      dnnl_inner_product_backward_weights_desc_init(&description, $0, $1, $2, $3)
    }
    try DNNL.check(status, name)
    return try PrimitiveDescriptor(description, hint: hint, name: name)
  }

  /// - Parameter flags: `dnnl_use_scale`, `dnnl_use_shift`, `dnnl_fuse_norm_relu`, `dnnl_use_global_stats`.
  static func batchNorm(
    _ spec: BatchNormSpec, propagation: dnnl_prop_kind_t, data: MemoryDescriptor,
    flags: [dnnl_normalization_flags_t],
    name: String
  ) throws(InferenceError) -> PrimitiveDescriptor {
    var description = dnnl_batch_normalization_desc_t()
    let status = withUnsafePointer(to: data.raw) {
      dnnl_batch_normalization_forward_desc_init(
        &description, propagation, $0, spec.epsilon, flags.reduce(0) { $0 | $1.rawValue })
    }
    try DNNL.check(status, name)
    return try PrimitiveDescriptor(description, name: name)
  }

  static func batchNormBackward(
    _ spec: BatchNormSpec, dData: MemoryDescriptor, data: MemoryDescriptor, flags: [dnnl_normalization_flags_t],
    hint: PrimitiveDescriptor, name: String
  ) throws(InferenceError) -> PrimitiveDescriptor {
    var description = dnnl_batch_normalization_desc_t()
    let status = withUnsafePointer(to: dData.raw) { dData in
      withUnsafePointer(to: data.raw) {
        dnnl_batch_normalization_backward_desc_init(
          &description, dnnl_backward, dData, $0, spec.epsilon, flags.reduce(0) { $0 | $1.rawValue })
      }
    }
    try DNNL.check(status, name)
    return try PrimitiveDescriptor(description, hint: hint, name: name)
  }

  static func activationBackward(
    _ algorithm: (kind: dnnl_alg_kind_t, alpha: Float, beta: Float), dData: MemoryDescriptor,
    data: MemoryDescriptor,
    hint: PrimitiveDescriptor, name: String
  ) throws(InferenceError) -> PrimitiveDescriptor {
    var description = dnnl_eltwise_desc_t()
    let status = withUnsafePointer(to: dData.raw) { dData in
      withUnsafePointer(to: data.raw) {
        dnnl_eltwise_backward_desc_init(&description, algorithm.kind, dData, $0, algorithm.alpha, algorithm.beta)
      }
    }
    try DNNL.check(status, name)
    return try PrimitiveDescriptor(description, hint: hint, name: name)
  }

  static func poolingBackward(
    _ spec: PoolingSpec, algorithm: dnnl_alg_kind_t, dSource: MemoryDescriptor, dDestination: MemoryDescriptor,
    hint: PrimitiveDescriptor, name: String
  ) throws(InferenceError) -> PrimitiveDescriptor {
    var description = dnnl_pooling_desc_t()
    let geometry = WindowGeometry(spec, source: dSource, destination: dDestination)
    let status = withUnsafePointer(to: dSource.raw) { dSource in
      withUnsafePointer(to: dDestination.raw) { dDestination in
        dnnl_pooling_backward_desc_init(
          &description, algorithm, dSource, dDestination, geometry.strides, geometry.kernel,
          geometry.leadingPadding,
          geometry.trailingPadding)
      }
    }
    try DNNL.check(status, name)
    return try PrimitiveDescriptor(description, hint: hint, name: name)
  }

  static func softmaxBackward(
    dData: MemoryDescriptor, data: MemoryDescriptor, hint: PrimitiveDescriptor, name: String
  ) throws(InferenceError) -> PrimitiveDescriptor {
    var description = dnnl_softmax_desc_t()
    let status = withUnsafePointer(to: dData.raw) { dData in
      withUnsafePointer(to: data.raw) { dnnl_softmax_backward_desc_init(&description, dData, $0, 1) }
    }
    try DNNL.check(status, name)
    return try PrimitiveDescriptor(description, hint: hint, name: name)
  }
}
