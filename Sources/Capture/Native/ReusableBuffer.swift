/// 64-byte aligned memory that grows when it must and is kept otherwise.
final class ReusableBuffer {
  private(set) var base: UnsafeMutablePointer<UInt8>
  private var capacity: Int

  /// Vector code may write this far beyond the last sample.
  private static let padding = 64

  init() {
    capacity = 0
    base = ReusableBuffer.allocate(0)
  }

  deinit { UnsafeMutableRawPointer(base).deallocate() }

  func reserve(_ count: Int) -> UnsafeMutablePointer<UInt8> {
    if count > capacity {
      UnsafeMutableRawPointer(base).deallocate()
      base = ReusableBuffer.allocate(count)
      capacity = count
    }
    return base
  }

  private static func allocate(_ count: Int) -> UnsafeMutablePointer<UInt8> {
    UnsafeMutableRawPointer.allocate(byteCount: count + padding, alignment: 64).assumingMemoryBound(to: UInt8.self)
  }
}
