import Inference

/// Zeroed f32 values laid out like a parameter store's.
final class FlatBuffer {
  let values: UnsafeMutableBufferPointer<Float>
  private let buffer: AlignedBuffer

  init(count: Int) {
    buffer = AlignedBuffer(byteCount: max(1, count) * MemoryLayout<Float>.stride)
    values = UnsafeMutableBufferPointer(
      start: buffer.pointer.bindMemory(to: Float.self, capacity: count), count: count)
  }
}
