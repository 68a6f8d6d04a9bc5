import Inference

/// Buffers for values that live for a part of a pass only.
///
/// It is used while a graph is built: since steps run in the order in which they are built, a buffer released there can
/// serve a later step. Counting holders lets several gradients share one buffer.
final class BufferPool {
  private var free: [AlignedBuffer] = []
  private var holders: [ObjectIdentifier: Int] = [:]
  /// In bytes, over all buffers.
  private(set) var byteCount = 0

  /// A tensor with one holder. What it contains is undefined.
  func acquire(_ descriptor: MemoryDescriptor) throws(InferenceError) -> Memory {
    let needed = max(64, descriptor.byteCount)
    let fitting = free.indices.filter { free[$0].byteCount >= needed }
    let buffer: AlignedBuffer
    if let best = fitting.min(by: { free[$0].byteCount < free[$1].byteCount }) {
      buffer = free.remove(at: best)
    } else {
      buffer = AlignedBuffer(byteCount: needed)
      byteCount += needed
    }
    holders[ObjectIdentifier(buffer)] = 1
    return try Memory(descriptor, in: buffer, offset: 0)
  }

  func retain(_ memory: Memory) { holders[ObjectIdentifier(memory.buffer)]! += 1 }

  func release(_ memory: Memory) {
    let key = ObjectIdentifier(memory.buffer)
    holders[key]! -= 1
    if holders[key] == 0 {
      holders[key] = nil
      free.append(memory.buffer)
    }
  }

  func isShared(_ memory: Memory) -> Bool { holders[ObjectIdentifier(memory.buffer)]! > 1 }
}
