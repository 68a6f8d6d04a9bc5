import Threads

/// Weights of one network in the layouts of its kernels, which its plans share.
///
/// Most layouts do not depend on the batch size: plans for 1, 2, 4 and 8 pictures mostly need one copy instead of four.
/// Belongs to one network, one set of parameters; plans on several threads may share it, as nobody writes what is in it.
public final class PreparedWeights: Sendable {
  private struct Entry {
    var layout: MemoryDescriptor
    var buffer: AlignedBuffer
  }

  /// By the operation's name.
  private let entries = Guarded<[String: [Entry]]>([:])

  public init() {}

  /// In all layouts together.
  public var byteCount: Int {
    entries.withLock { $0.values.joined().reduce(0) { $0 + $1.buffer.byteCount } }
  }

  /// The weights of an operation, made where no plan needed them in this layout before.
  func buffer(
    of operation: String, layout: MemoryDescriptor, make: () throws(InferenceError) -> AlignedBuffer
  ) throws(InferenceError) -> AlignedBuffer {
    try entries.withLock { entries throws(InferenceError) in
      if let entry = entries[operation]?.first(where: { $0.layout == layout }) { return entry.buffer }
      let buffer = try make()
      entries[operation, default: []].append(Entry(layout: layout, buffer: buffer))
      return buffer
    }
  }
}
