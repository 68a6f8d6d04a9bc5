package import CDNNL
internal import CKernels

/// x · sigmoid(x) and its gradient, for tensors of any layout: oneDNN takes three times as long, fused or not.
package enum Swish {
  /// True where there are kernels for `type` that the processor can run.
  package static func supports(_ type: dnnl_data_type_t) -> Bool {
    switch type {
    case dnnl_f32: true
    case dnnl_bf16: DNNL.hasNativeBF16 && ferd_has_bf16_kernels()
    default: false
    }
  }

  /// `target` has the layout of `source`, or is it.
  package static func apply(to source: Memory, into target: Memory) {
    precondition(target.descriptor == source.descriptor, "source and result differ in layout")
    onParts(of: source) { start, count in
      if source.descriptor.dataType == dnnl_bf16 {
        ferd_swish_bf16(source.values(from: start), target.values(from: start), count)
      } else {
        ferd_swish_f32(source.values(from: start), target.values(from: start), count)
      }
    }
  }

  /// From the gradient of the result to that of the source; all have the layout of `source`, and the gradients may be the
  /// same tensor.
  package static func applyGradient(source: Memory, dResult: Memory, into dSource: Memory) {
    precondition(
      dResult.descriptor == source.descriptor && dSource.descriptor == source.descriptor,
      "source and gradients differ in layout")
    onParts(of: source) { start, count in
      if source.descriptor.dataType == dnnl_bf16 {
        ferd_swish_gradient_bf16(
          source.values(from: start), dResult.values(from: start), dSource.values(from: start), count)
      } else {
        ferd_swish_gradient_f32(
          source.values(from: start), dResult.values(from: start), dSource.values(from: start), count)
      }
    }
  }

  /// Shares the values out to the threads.
  private static func onParts(of memory: Memory, _ body: (_ start: Int, _ count: Int) -> Void) {
    precondition(supports(memory.descriptor.dataType), "no swish for \(memory.descriptor.dataType)")
    let count = memory.descriptor.byteCount / dnnl_data_type_size(memory.descriptor.dataType)
    // A multiple of what fills cache lines and vectors.
    let unit = 64
    let units = (count + unit - 1) / unit
    DNNL.onEachThread { thread, threads in
      let start = units * thread / threads * unit
      let end = min(count, units * (thread + 1) / threads * unit)
      if start < end { body(start, end - start) }
    }
  }
}

extension Memory {
  /// For elements of the size of `Element`.
  fileprivate func values<Element>(from start: Int) -> UnsafeMutablePointer<Element> {
    pointer.assumingMemoryBound(to: Element.self) + start
  }
}
