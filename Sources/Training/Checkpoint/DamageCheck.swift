/// A running 64-bit checksum over bytes: FNV-1a (Fowler, Noll and Vo) over little-endian words of eight bytes, the last
/// one filled with zeros, and the length at the end. A shift after each product lets high bits reach low ones.
///
/// Every step is a bijection of the word it takes in, so any change confined to one word is found for certain, any
/// other with probability 1 - 2⁻⁶⁴. It guards against damage, not against malice.
struct DamageCheck {
  private var state: UInt64 = 0xCBF2_9CE4_8422_2325
  private var length = 0

  /// Only after `completeWord()` may more follow a number of bytes that is no multiple of eight.
  mutating func update(_ bytes: UnsafeRawBufferPointer) {
    precondition(length % 8 == 0, "a checksum continued after an odd end")
    let words = bytes.count / 8
    var state = state
    for index in 0..<words {
      state = Self.mix(state, UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)))
    }
    if words * 8 < bytes.count {
      var last: UInt64 = 0
      for index in words * 8..<bytes.count { last |= UInt64(bytes[index]) << UInt64(8 * (index - words * 8)) }
      state = Self.mix(state, last)
    }
    self.state = state
    length += bytes.count
  }

  /// Says that the file goes on with zeros up to a multiple of eight bytes.
  mutating func completeWord() { length += (8 - length % 8) % 8 }

  var value: UInt64 { Self.mix(state, UInt64(length)) }

  static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var check = DamageCheck()
    check.update(bytes)
    return check.value
  }

  @inline(__always)
  private static func mix(_ state: UInt64, _ word: UInt64) -> UInt64 {
    let product = (state ^ word) &* 0x0000_0100_0000_01B3
    return product ^ (product >> 29)
  }
}
