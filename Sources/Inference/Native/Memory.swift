package import CDNNL

/// Shape, data type and layout of a tensor in oneDNN's terms.
package struct MemoryDescriptor {
  package var raw: dnnl_memory_desc_t

  package init(_ raw: dnnl_memory_desc_t) { self.raw = raw }

  /// `dnnl_format_tag_any` leaves the layout to the primitive.
  package init(_ shape: [Int], _ type: dnnl_data_type_t, _ tag: dnnl_format_tag_t) {
    raw = dnnl_memory_desc_t()
    let status = dnnl_memory_desc_init_by_tag(&raw, Int32(shape.count), shape.map(Int64.init), type, tag)
    precondition(status == dnnl_success, "no memory descriptor for shape \(shape)")
  }

  /// Row-major without gaps.
  package init(dense shape: [Int], _ type: dnnl_data_type_t = dnnl_f32) {
    raw = dnnl_memory_desc_t()
    var strides = [Int64](repeating: 1, count: shape.count)
    for axis in stride(from: shape.count - 2, through: 0, by: -1) {
      strides[axis] = strides[axis + 1] * Int64(shape[axis + 1])
    }
    let status = dnnl_memory_desc_init_by_strides(
      &raw, Int32(shape.count), shape.map(Int64.init), type, strides)
    precondition(status == dnnl_success, "no memory descriptor for shape \(shape)")
  }

  package var byteCount: Int { withUnsafePointer(to: raw) { dnnl_memory_desc_get_size($0) } }

  package var shape: [Int] {
    withUnsafeBytes(of: raw.dims) { $0.bindMemory(to: Int64.self).prefix(Int(raw.ndims)).map { Int($0) } }
  }

  package var dataType: dnnl_data_type_t { raw.data_type }

  /// The same values seen in another shape of as many elements.
  package func reshaped(_ shape: [Int]) throws(InferenceError) -> MemoryDescriptor {
    var result = dnnl_memory_desc_t()
    let status = withUnsafePointer(to: raw) {
      dnnl_memory_desc_reshape(&result, $0, Int32(shape.count), shape.map(Int64.init))
    }
    try DNNL.check(status, "reshape to \(shape)")
    return MemoryDescriptor(result)
  }

  /// A part of the tensor, without copying.
  package func part(_ shape: [Int], at offsets: [Int]) throws(InferenceError) -> MemoryDescriptor {
    var result = dnnl_memory_desc_t()
    let status = withUnsafePointer(to: raw) {
      dnnl_memory_desc_init_submemory(&result, $0, shape.map(Int64.init), offsets.map(Int64.init))
    }
    try DNNL.check(status, "part \(shape) at \(offsets)")
    return MemoryDescriptor(result)
  }
}

extension MemoryDescriptor: Equatable {
  package static func == (left: MemoryDescriptor, right: MemoryDescriptor) -> Bool {
    withUnsafePointer(to: left.raw) { l in
      withUnsafePointer(to: right.raw) { r in dnnl_memory_desc_equal(l, r) != 0 }
    }
  }
}

/// A tensor that primitives work on: a layout and the place where the values lie.
package final class Memory {
  package let descriptor: MemoryDescriptor
  package let handle: dnnl_memory_t
  package let pointer: UnsafeMutableRawPointer
  /// Where the bytes lie.
  package let buffer: AlignedBuffer

  /// A tensor in a buffer of its own, zeroed.
  package convenience init(_ descriptor: MemoryDescriptor) throws(InferenceError) {
    try self.init(descriptor, in: AlignedBuffer(byteCount: max(1, descriptor.byteCount)), offset: 0)
  }

  /// A tensor inside a shared buffer; `offset` in bytes.
  package init(_ descriptor: MemoryDescriptor, in buffer: AlignedBuffer, offset: Int) throws(InferenceError) {
    precondition(offset >= 0 && offset + descriptor.byteCount <= buffer.byteCount, "the tensor does not fit")
    self.descriptor = descriptor
    self.buffer = buffer
    let place = buffer.pointer + offset
    pointer = place
    var memory: dnnl_memory_t?
    let status = withUnsafePointer(to: descriptor.raw) { dnnl_memory_create(&memory, $0, DNNL.engine, place) }
    try DNNL.check(status, "memory of \(descriptor.shape)")
    handle = memory!
  }

  /// The same bytes under another descriptor.
  package func viewed(as descriptor: MemoryDescriptor) throws(InferenceError) -> Memory {
    try Memory(descriptor, in: buffer, offset: pointer - buffer.pointer)
  }

  /// The values as f32; only for tensors of that type.
  package var floats: UnsafeMutableBufferPointer<Float> {
    precondition(descriptor.dataType == dnnl_f32, "the tensor is not f32")
    let count = descriptor.byteCount / MemoryLayout<Float>.stride
    return UnsafeMutableBufferPointer(start: pointer.bindMemory(to: Float.self, capacity: count), count: count)
  }

  deinit { dnnl_memory_destroy(handle) }
}

/// Zeroed memory that starts at a cache line, as vector instructions like it.
package final class AlignedBuffer: @unchecked Sendable {
  package let pointer: UnsafeMutableRawPointer
  package let byteCount: Int

  package init(byteCount: Int) {
    precondition(byteCount > 0, "a buffer of \(byteCount) bytes")
    self.byteCount = byteCount
    pointer = .allocate(byteCount: byteCount, alignment: 64)
    pointer.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
  }

  deinit { pointer.deallocate() }
}
