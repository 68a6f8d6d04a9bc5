package import CDNNL

/// An operation for given shapes and layouts: says which layouts it wants and which implementation serves it.
package final class PrimitiveDescriptor {
  package let handle: dnnl_primitive_desc_t
  /// For error messages.
  package let name: String

  /// Takes ownership of `handle`.
  package init(owning handle: dnnl_primitive_desc_t, name: String) {
    self.handle = handle
    self.name = name
  }

  /// From one of the `dnnl_*_desc_t` structures.
  package convenience init<Description>(
    _ description: Description, attributes: PrimitiveAttributes? = nil, hint: PrimitiveDescriptor? = nil,
    name: String
  ) throws(InferenceError) {
    let attributes = if let attributes { attributes } else { try PrimitiveAttributes() }
    var result: dnnl_primitive_desc_t?
    let status = withUnsafePointer(to: description) { description in
      DNNL.create {
        dnnl_primitive_desc_create(
          &result, UnsafeRawPointer(description), attributes.handle, DNNL.engine, hint?.handle)
      }
    }
    try DNNL.check(status, name)
    self.init(owning: result!, name: name)
  }

  deinit { dnnl_primitive_desc_destroy(handle) }

  /// Which kernel serves the operation, such as `jit:avx512_core_bf16`; a `ref:` one has no place on a hot path.
  package var implementation: String {
    var text: UnsafePointer<CChar>?
    let status = dnnl_primitive_desc_query(handle, dnnl_query_impl_info_str, 0, &text)
    return status == dnnl_success ? text.map { String(cString: $0) } ?? "" : ""
  }

  /// True for kernels that are there for completeness only, or that go through matrix multiplication.
  package var isSlow: Bool { isReference || kernelWords.contains("gemm") }

  /// True for kernels that are there for completeness only: plain loops, up to a thousand times slower than compiled ones.
  package var isReference: Bool { kernelWords.contains("ref") || kernelWords.contains("simple") }

  /// Such as `ref:any`, `gemm:jit`, `x64:gemm:jit`; `brgemm:…` is another matter.
  private var kernelWords: [Substring] { implementation.split(separator: ":") }

  /// The layout that the operation wants for one of its tensors, such as `DNNL_ARG_SRC`; nil where it has none.
  package func layout(of argument: Int32) -> MemoryDescriptor? {
    query(dnnl_query_exec_arg_md, argument)
  }

  /// Temporary memory that the operation needs.
  package var scratchpad: MemoryDescriptor? { query(dnnl_query_scratchpad_md, 0) }

  /// What a forward pass leaves for the backward pass (the places of maxima, the signs before a ReLU).
  package var workspace: MemoryDescriptor? { query(dnnl_query_workspace_md, 0) }

  private func query(_ what: dnnl_query_t, _ index: Int32) -> MemoryDescriptor? {
    guard let descriptor = dnnl_primitive_desc_query_md(handle, what, index), descriptor.pointee.ndims > 0 else {
      return nil
    }
    return MemoryDescriptor(descriptor.pointee)
  }
}

/// A compiled operation together with the tensors it works on. Running it allocates nothing.
package final class Operation {
  package let name: String
  /// Which kernel serves it.
  package let implementation: String
  private let primitive: dnnl_primitive_t
  private let arguments: UnsafeMutableBufferPointer<dnnl_exec_arg_t>
  private let memories: [Memory]

  /// - Parameters:
  ///   - arguments: Tensors by their `DNNL_ARG_*` number.
  ///   - scratchpad: At least as large as `descriptor.scratchpad`; nothing else uses it while this runs.
  package init(
    _ descriptor: PrimitiveDescriptor, _ arguments: [(Int32, Memory)], scratchpad: AlignedBuffer?
  ) throws(InferenceError) {
    name = descriptor.name
    implementation = descriptor.implementation
    var all = arguments
    if let layout = descriptor.scratchpad {
      guard let scratchpad, scratchpad.byteCount >= layout.byteCount else {
        preconditionFailure("no scratchpad of \(layout.byteCount) bytes for \(descriptor.name)")
      }
      all.append((DNNL_ARG_SCRATCHPAD, try Memory(layout, in: scratchpad, offset: 0)))
    }
    var result: dnnl_primitive_t?
    try DNNL.check(DNNL.create { dnnl_primitive_create(&result, descriptor.handle) }, descriptor.name)
    primitive = result!
    memories = all.map(\.1)
    self.arguments = .allocate(capacity: all.count)
    for (index, (number, memory)) in all.enumerated() {
      self.arguments.initializeElement(at: index, to: dnnl_exec_arg_t(arg: number, memory: memory.handle))
    }
  }

  package func run(on stream: ExecutionStream) throws(InferenceError) {
    let status = dnnl_primitive_execute(
      primitive, stream.handle, Int32(arguments.count), UnsafePointer(arguments.baseAddress))
    if status != dnnl_success { try DNNL.check(status, name) }
  }

  deinit {
    dnnl_primitive_destroy(primitive)
    arguments.deallocate()
  }
}
