import Foundation

/// Samples of many square pictures of one size: in memory, or mapped from a file so that the system may drop and reload
/// them as it sees fit. Never changed once made.
final class PixelStorage: @unchecked Sendable {
  /// Side of the pictures in pixels.
  let side: Int
  let count: Int
  /// The rows of bytes, one picture each, `stride` apart.
  private let base: UnsafePointer<UInt8>
  private let stride: Int
  private let memory: UnsafeMutableRawBufferPointer
  private let isMapped: Bool

  /// - Parameter pixels: `count × side × side` samples.
  init(side: Int, count: Int, pixels: [UInt8]) {
    precondition(pixels.count == count * side * side, "\(pixels.count) samples for \(count) pictures of \(side)")
    self.side = side
    self.count = count
    stride = side * side
    memory = .allocate(byteCount: max(1, pixels.count), alignment: 64)
    memory.copyBytes(from: pixels)
    base = UnsafePointer(memory.baseAddress!.assumingMemoryBound(to: UInt8.self))
    isMapped = false
  }

  /// Takes over a mapping.
  ///
  /// - Parameters:
  ///   - offset: Of the first picture, in bytes.
  ///   - stride: From one picture to the next, in bytes.
  init(side: Int, count: Int, mapping: UnsafeMutableRawBufferPointer, offset: Int, stride: Int) {
    precondition(offset + count * stride <= mapping.count && stride >= side * side)
    self.side = side
    self.count = count
    self.stride = stride
    memory = mapping
    base = UnsafePointer((mapping.baseAddress! + offset).assumingMemoryBound(to: UInt8.self))
    isMapped = true
  }

  deinit {
    if isMapped {
      munmap(memory.baseAddress, memory.count)
    } else {
      memory.deallocate()
    }
  }

  /// Valid as long as the storage is.
  func picture(_ index: Int) -> UnsafeBufferPointer<UInt8> {
    precondition(0..<count ~= index, "picture \(index) of \(count)")
    return UnsafeBufferPointer(start: base + index * stride, count: side * side)
  }
}
