package import CDNNL

/// What is computed after an operation's own result, before it is stored.
package enum PostOperation {
  case activation(Activation)
  /// result += the old content of the destination
  case sum
  /// result += other; `other` is passed as `DNNL_ARG_ATTR_MULTIPLE_POST_OP(index) | DNNL_ARG_SRC_1`.
  case add(MemoryDescriptor)
  /// result *= other, passed likewise.
  case multiply(MemoryDescriptor)
}

extension Activation {
  /// oneDNN's functions, one after the other, each with its two constants.
  package var algorithms: [(kind: dnnl_alg_kind_t, alpha: Float, beta: Float)] {
    switch self {
    case .relu: [(dnnl_eltwise_relu, 0, 0)]
    case .silu: [(dnnl_eltwise_swish, 1, 0)]
    case .hardSwish: [(dnnl_eltwise_hardswish, 0, 0)]
    // 2.6 has no hard sigmoid of its own: relu6(x + 3) / 6 = clip(x / 6 + 1/2, 0, 1).
    case .hardSigmoid: [(dnnl_eltwise_linear, 1 / 6, 0.5), (dnnl_eltwise_clip, 0, 1)]
    case .sigmoid: [(dnnl_eltwise_logistic, 0, 0)]
    }
  }
}

/// Post-operations and scratchpad mode of a primitive.
package final class PrimitiveAttributes {
  package let handle: dnnl_primitive_attr_t

  /// The scratchpad is always the caller's: the library's own is bound to the thread that made the primitive.
  package init(_ postOperations: [PostOperation] = []) throws(InferenceError) {
    var attributes: dnnl_primitive_attr_t?
    try DNNL.check(dnnl_primitive_attr_create(&attributes), "attributes")
    handle = attributes!
    let status = dnnl_primitive_attr_set_scratchpad_mode(handle, dnnl_scratchpad_mode_user)
    try DNNL.check(status, "scratchpad mode")
    guard !postOperations.isEmpty else { return }
    var list: dnnl_post_ops_t?
    try DNNL.check(dnnl_post_ops_create(&list), "post-operations")
    defer { dnnl_post_ops_destroy(list) }
    for operation in postOperations { try Self.append(operation, to: list!) }
    try DNNL.check(dnnl_primitive_attr_set_post_ops(handle, list), "post-operations")
  }

  private static func append(_ operation: PostOperation, to list: dnnl_post_ops_t) throws(InferenceError) {
    switch operation {
    case .activation(let activation):
      for algorithm in activation.algorithms {
        let status = dnnl_post_ops_append_eltwise(list, 1, algorithm.kind, algorithm.alpha, algorithm.beta)
        try DNNL.check(status, "fused \(activation)")
      }
    case .sum:
      try DNNL.check(dnnl_post_ops_append_sum(list, 1), "fused sum")
    case .add(let other):
      let status = withUnsafePointer(to: other.raw) { dnnl_post_ops_append_binary(list, dnnl_binary_add, $0) }
      try DNNL.check(status, "fused addition")
    case .multiply(let other):
      let status = withUnsafePointer(to: other.raw) { dnnl_post_ops_append_binary(list, dnnl_binary_mul, $0) }
      try DNNL.check(status, "fused multiplication")
    }
  }

  deinit { dnnl_primitive_attr_destroy(handle) }
}
