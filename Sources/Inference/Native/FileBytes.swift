import CKernels

/// Bytes of model files as numbers, and their checksum.
package enum FileBytes {
  static func widenBF16(_ source: UnsafeRawBufferPointer) -> [Float] {
    widen(source, bytesPerValue: 2, ferd_bf16_to_f32)
  }

  static func widenF16(_ source: UnsafeRawBufferPointer) -> [Float] {
    widen(source, bytesPerValue: 2, ferd_f16_to_f32)
  }

  private static func widen(
    _ source: UnsafeRawBufferPointer, bytesPerValue: Int,
    _ convert: (UnsafeRawPointer?, UnsafeMutablePointer<Float>?, Int) -> Void
  ) -> [Float] {
    let count = source.count / bytesPerValue
    return [Float](unsafeUninitializedCapacity: count) { buffer, initialised in
      if count > 0 { convert(source.baseAddress, buffer.baseAddress, count) }
      initialised = count
    }
  }

  /// Rounded to the nearest bf16, two bytes a value.
  static func narrowToBF16(_ values: [Float]) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: values.count * 2) { buffer, initialised in
      if !values.isEmpty { ferd_f32_to_bf16(values, buffer.baseAddress, values.count) }
      initialised = values.count * 2
    }
  }

  static func areFinite(_ values: [Float]) -> Bool { ferd_all_finite(values, values.count) != 0 }

  /// SHA-256 in lower-case hexadecimal digits.
  package static func sha256(_ bytes: UnsafeRawBufferPointer) -> String { sha256(bytes, isPlain: false) }

  /// - Parameter isPlain: without the processor's instructions for it, for tests.
  static func sha256(_ bytes: UnsafeRawBufferPointer, isPlain: Bool) -> String {
    var digest = [UInt8](repeating: 0, count: 32)
    (isPlain ? ferd_sha256_plain : ferd_sha256)(bytes.baseAddress, bytes.count, &digest)
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}
