import CFFmpeg
import CKernels

/// Where the luma samples of a pixel format lie in its first plane.
struct LumaLayout: Equatable, Sendable {
  /// Bytes from one sample to the next.
  var step: Int
  /// Bytes before the first sample of a row.
  var offset = 0
  /// Bits that a sample is shifted right to become an 8-bit one.
  var shift = 0
  var isTwoBytes = false
  var isBigEndian = false

  var isPlain8Bit: Bool { !isTwoBytes && step == 1 && offset == 0 }

  /// Copies the samples, the deeper ones rounded to 8 bits; their range stays what it was.
  func gather(
    from source: UnsafePointer<UInt8>, stride: Int, width: Int, height: Int,
    to target: UnsafeMutablePointer<UInt8>, instructionSet: Int32 = LumaLayout.bestInstructionSet
  ) {
    for y in 0..<height {
      let row = UnsafeRawPointer(source + y * stride + offset)
      let out = target + y * width
      if !isTwoBytes && step == 2 {
        // YUYV and its like, which most webcams send.
        ferd_pixel_every_second(instructionSet, source + y * stride, Int32(offset), Int32(width), out)
      } else if !isTwoBytes {
        for x in 0..<width { out[x] = row.load(fromByteOffset: x * step, as: UInt8.self) }
      } else if step == 2 && !isBigEndian {
        // Nearly all deep video; plain enough for the compiler to vectorise.
        let samples = row.assumingMemoryBound(to: UInt16.self)
        let bits = UInt32(shift)
        let half = (UInt32(1) &<< bits) / 2
        for x in 0..<width {
          out[x] = UInt8(truncatingIfNeeded: min(255, (UInt32(samples[x]) &+ half) &>> bits))
        }
      } else {
        for x in 0..<width {
          let sample = row.loadUnaligned(fromByteOffset: x * step, as: UInt16.self)
          let value = Int(isBigEndian ? sample.bigEndian : sample.littleEndian)
          out[x] = UInt8(min(255, (value + (1 << shift) / 2) >> shift))
        }
      }
    }
  }

  /// As in `pixel_kernels.h`: 0 runs everywhere.
  static let bestInstructionSet = ferd_pixel_best_isa()
}

extension LumaLayout {
  /// nil for formats without a luma component, or with one that is not made of whole bytes.
  init?(format: AVPixelFormat, descriptor: UnsafePointer<AVPixFmtDescriptor>) {
    let flags = Int32(truncatingIfNeeded: descriptor.pointee.flags)
    let luma = descriptor.pointee.comp.0
    let unusable =
      AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_HWACCEL
      | AV_PIX_FMT_FLAG_BAYER | AV_PIX_FMT_FLAG_FLOAT
    guard flags & unusable == 0, luma.plane == 0, (8...16).contains(luma.depth),
      format != AV_PIX_FMT_XYZ12LE, format != AV_PIX_FMT_XYZ12BE, luma.shift + luma.depth <= 16
    else { return nil }
    self.init(
      step: Int(luma.step), offset: Int(luma.offset), shift: Int(luma.shift + luma.depth) - 8,
      isTwoBytes: luma.shift + luma.depth > 8, isBigEndian: flags & AV_PIX_FMT_FLAG_BE != 0)
  }
}
