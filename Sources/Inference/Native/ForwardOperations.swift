package import CDNNL

/// Makers of forward operations that inference and training share. Layouts may be `any` where the primitive shall choose.
extension PrimitiveDescriptor {
  /// - Parameters:
  ///   - propagation: `dnnl_forward_inference` or `dnnl_forward_training`.
  ///   - algorithm: `dnnl_convolution_direct`, `dnnl_convolution_winograd` or `dnnl_convolution_auto`.
  ///   - weights: `[o, i, h, w]`, with groups `[g, o / g, i / g, h, w]`.
  package static func convolution(
    _ spec: ConvolutionSpec, propagation: dnnl_prop_kind_t, algorithm: dnnl_alg_kind_t = dnnl_convolution_direct,
    source: MemoryDescriptor, weights: MemoryDescriptor, bias: MemoryDescriptor?, destination: MemoryDescriptor,
    attributes: PrimitiveAttributes? = nil, name: String
  ) throws(InferenceError) -> PrimitiveDescriptor {
    var description = dnnl_convolution_desc_t()
    let geometry = WindowGeometry(spec, source: source, destination: destination)
    let status = withPointers(source, weights, bias, destination) {
      dnnl_dilated_convolution_forward_desc_init(
        &description, propagation, algorithm, $0, $1, $2, $3, geometry.strides, geometry.dilations,
        geometry.leadingPadding, geometry.trailingPadding)
    }
    try DNNL.check(status, name)
    return try PrimitiveDescriptor(description, attributes: attributes, name: name)
  }

  package static func activation(
    _ algorithm: (kind: dnnl_alg_kind_t, alpha: Float, beta: Float), propagation: dnnl_prop_kind_t,
    data: MemoryDescriptor, name: String
  ) throws(InferenceError) -> PrimitiveDescriptor {
    var description = dnnl_eltwise_desc_t()
    let status = withUnsafePointer(to: data.raw) {
      dnnl_eltwise_forward_desc_init(&description, propagation, algorithm.kind, $0, algorithm.alpha, algorithm.beta)
    }
    try DNNL.check(status, name)
    return try PrimitiveDescriptor(description, name: name)
  }

  /// - Parameter algorithm: `dnnl_pooling_max` or `dnnl_pooling_avg_include_padding`.
  package static func pooling(
    _ spec: PoolingSpec, algorithm: dnnl_alg_kind_t, propagation: dnnl_prop_kind_t, source: MemoryDescriptor,
    destination: MemoryDescriptor, name: String
  ) throws(InferenceError) -> PrimitiveDescriptor {
    var description = dnnl_pooling_desc_t()
    let geometry = WindowGeometry(spec, source: source, destination: destination)
    let status = withUnsafePointer(to: source.raw) { source in
      withUnsafePointer(to: destination.raw) { destination in
        dnnl_pooling_forward_desc_init(
          &description, propagation, algorithm, source, destination, geometry.strides, geometry.kernel,
          geometry.leadingPadding, geometry.trailingPadding)
      }
    }
    try DNNL.check(status, name)
    return try PrimitiveDescriptor(description, name: name)
  }

  /// - Parameters:
  ///   - source: `[n, c, h, w]`.
  ///   - weights: `[o, c, h, w]`: a linear layer's rows seen as kernels of the source's size.
  package static func innerProduct(
    propagation: dnnl_prop_kind_t, source: MemoryDescriptor, weights: MemoryDescriptor, bias: MemoryDescriptor?,
    destination: MemoryDescriptor, attributes: PrimitiveAttributes? = nil, name: String
  ) throws(InferenceError) -> PrimitiveDescriptor {
    var description = dnnl_inner_product_desc_t()
    let status = withPointers(source, weights, bias, destination) {
      dnnl_inner_product_forward_desc_init(&description, propagation, $0, $1, $2, $3)
    }
    try DNNL.check(status, name)
    return try PrimitiveDescriptor(description, attributes: attributes, name: name)
  }

  /// Sum or product (`dnnl_binary_add`, `dnnl_binary_mul`); `right` may have extents of 1 where `left` has more.
  package static func binary(
    _ algorithm: dnnl_alg_kind_t, left: MemoryDescriptor, right: MemoryDescriptor, destination: MemoryDescriptor,
    attributes: PrimitiveAttributes? = nil, name: String
  ) throws(InferenceError) -> PrimitiveDescriptor {
    var description = dnnl_binary_desc_t()
    let status = withUnsafePointer(to: left.raw) { left in
      withUnsafePointer(to: right.raw) { right in
        withUnsafePointer(to: destination.raw) { dnnl_binary_desc_init(&description, algorithm, left, right, $0) }
      }
    }
    try DNNL.check(status, name)
    return try PrimitiveDescriptor(description, attributes: attributes, name: name)
  }

  /// Over axis 1.
  package static func softmax(
    propagation: dnnl_prop_kind_t, data: MemoryDescriptor, name: String
  ) throws(InferenceError) -> PrimitiveDescriptor {
    var description = dnnl_softmax_desc_t()
    let status = withUnsafePointer(to: data.raw) {
      dnnl_softmax_forward_desc_init(&description, propagation, $0, 1)
    }
    try DNNL.check(status, name)
    return try PrimitiveDescriptor(description, name: name)
  }

  /// Nearest-neighbour enlargement by two.
  package static func upsample2x(
    propagation: dnnl_prop_kind_t, source: MemoryDescriptor, destination: MemoryDescriptor, name: String
  ) throws(InferenceError) -> PrimitiveDescriptor {
    var description = dnnl_resampling_desc_t()
    let status = withUnsafePointer(to: source.raw) { source in
      withUnsafePointer(to: destination.raw) {
        dnnl_resampling_forward_desc_init(&description, propagation, dnnl_resampling_nearest, [2, 2], source, $0)
      }
    }
    try DNNL.check(status, name)
    return try PrimitiveDescriptor(description, name: name)
  }

  /// Along the channels. A nil destination leaves its layout to the primitive.
  package static func concat(
    _ sources: [MemoryDescriptor], destination: MemoryDescriptor?, name: String
  ) throws(InferenceError) -> PrimitiveDescriptor {
    let attributes = try PrimitiveAttributes()
    var result: dnnl_primitive_desc_t?
    let raw = sources.map(\.raw)
    var target = destination?.raw ?? dnnl_memory_desc_t()
    let status = raw.withUnsafeBufferPointer { raw in
      withUnsafePointer(to: &target) { target in
        DNNL.create {
          dnnl_concat_primitive_desc_create(
            &result, destination == nil ? nil : target, Int32(raw.count), 1, raw.baseAddress, attributes.handle,
            DNNL.engine)
        }
      }
    }
    try DNNL.check(status, name)
    return PrimitiveDescriptor(owning: result!, name: name)
  }

  /// Copies values into another layout or data type.
  package static func reorder(
    from source: MemoryDescriptor, to destination: MemoryDescriptor, name: String
  ) throws(InferenceError) -> PrimitiveDescriptor {
    let attributes = try PrimitiveAttributes()
    var result: dnnl_primitive_desc_t?
    let status = withUnsafePointer(to: source.raw) { source in
      withUnsafePointer(to: destination.raw) { destination in
        DNNL.create {
          dnnl_reorder_primitive_desc_create(
            &result, source, DNNL.engine, destination, DNNL.engine, attributes.handle)
        }
      }
    }
    try DNNL.check(status, name)
    return PrimitiveDescriptor(owning: result!, name: name)
  }
}

/// Strides, kernel and paddings in the form the C interface takes. Trailing padding is what the output's size implies,
/// so that rows and columns a stride never reaches do not count.
package struct WindowGeometry {
  package let kernel: [Int64]
  package let strides: [Int64]
  /// oneDNN counts the holes: 0 = none.
  package let dilations: [Int64]
  package let leadingPadding: [Int64]
  package let trailingPadding: [Int64]

  package init(_ spec: ConvolutionSpec, source: MemoryDescriptor, destination: MemoryDescriptor) {
    self.init(
      kernel: spec.kernelSize, stride: spec.stride, padding: spec.padding, dilation: spec.dilation, source: source,
      destination: destination)
  }

  package init(_ spec: PoolingSpec, source: MemoryDescriptor, destination: MemoryDescriptor) {
    self.init(
      kernel: spec.kernelSize, stride: spec.stride, padding: spec.padding, dilation: Extent(1), source: source,
      destination: destination)
  }

  private init(
    kernel: Extent, stride: Extent, padding: Extent, dilation: Extent, source: MemoryDescriptor,
    destination: MemoryDescriptor
  ) {
    func trailing(_ axis: Int, _ kernel: Int, _ stride: Int, _ padding: Int, _ dilation: Int) -> Int64 {
      let reach = (destination.shape[axis] - 1) * stride + dilation * (kernel - 1) + 1
      return Int64(reach - source.shape[axis] - padding)
    }
    self.kernel = [Int64(kernel.height), Int64(kernel.width)]
    strides = [Int64(stride.height), Int64(stride.width)]
    dilations = [Int64(dilation.height - 1), Int64(dilation.width - 1)]
    leadingPadding = [Int64(padding.height), Int64(padding.width)]
    trailingPadding = [
      trailing(2, kernel.height, stride.height, padding.height, dilation.height),
      trailing(3, kernel.width, stride.width, padding.width, dilation.width),
    ]
  }
}

/// Lends four descriptors as the pointers that the C interface takes; the third may be absent.
package func withPointers<Result>(
  _ first: MemoryDescriptor, _ second: MemoryDescriptor, _ third: MemoryDescriptor?, _ fourth: MemoryDescriptor,
  _ body: (
    UnsafePointer<dnnl_memory_desc_t>, UnsafePointer<dnnl_memory_desc_t>, UnsafePointer<dnnl_memory_desc_t>?,
    UnsafePointer<dnnl_memory_desc_t>
  ) -> Result
) -> Result {
  withUnsafePointer(to: first.raw) { first in
    withUnsafePointer(to: second.raw) { second in
      withUnsafePointer(to: fourth.raw) { fourth in
        guard let third else { return body(first, second, nil, fourth) }
        return withUnsafePointer(to: third.raw) { body(first, second, $0, fourth) }
      }
    }
  }
}
