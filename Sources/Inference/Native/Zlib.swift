import CZlib

/// What a zip archive needs of zlib.
enum Zlib {
  /// CRC-32 as zip archives keep it.
  static func crc32(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
    return UInt32(truncatingIfNeeded: crc32_z(0, start, bytes.count))
  }

  /// Inflates a raw deflate stream of which the result's size is known.
  ///
  /// No more than `size` bytes are allocated, whatever the stream says.
  /// - Returns: nil where the stream is damaged or does not give exactly `size` bytes.
  static func inflate(_ source: UnsafeRawBufferPointer, size: Int) -> [UInt8]? {
    // zlib counts in 32 bits.
    guard source.count <= Int(UInt32.max), size < Int(UInt32.max), source.count > 0 else { return nil }
    var stream = z_stream()
    guard ferd_inflate_init_raw(&stream) == Z_OK else { return nil }
    defer { inflateEnd(&stream) }
    // One byte more, so that a stream without content has an address to write to.
    var isComplete = false
    let result = [UInt8](unsafeUninitializedCapacity: size + 1) { buffer, initialised in
      stream.next_in = UnsafeMutablePointer(
        mutating: source.baseAddress!.assumingMemoryBound(to: UInt8.self))
      stream.avail_in = UInt32(source.count)
      stream.next_out = buffer.baseAddress!
      stream.avail_out = UInt32(size + 1)
      let status = CZlib.inflate(&stream, Z_FINISH)
      initialised = size + 1 - Int(stream.avail_out)
      isComplete = status == Z_STREAM_END && initialised == size
    }
    return isComplete ? result : nil
  }
}
