/// How a stored picture must be turned to stand upright: one of the eight symmetries of a rectangle.
///
/// First rows and columns are exchanged (`transposes`), then the result is mirrored.
struct Orientation: Equatable, Sendable {
  var transposes = false
  /// Left and right of the result are exchanged.
  var mirrorsX = false
  /// Top and bottom of the result are exchanged.
  var mirrorsY = false

  static let upright = Orientation()

  var isUpright: Bool { self == .upright }

  /// From a display matrix (ISO/IEC 14496-12, 6.2.2): the stored point (x, y) is shown at (a·x + c·y, b·x + d·y), up to a
  /// shift. Angles between the multiples of 90° go to the nearest one.
  init(a: Int32, b: Int32, c: Int32, d: Int32) {
    let straight = Int64(a).magnitude + Int64(d).magnitude
    let crossed = Int64(b).magnitude + Int64(c).magnitude
    transposes = crossed > straight
    mirrorsX = (transposes ? c : a) < 0
    mirrorsY = (transposes ? b : d) < 0
  }

  /// From the Exif tag 0x0112 (CIPA DC-008, 4.6.4); nil for values outside 1...8.
  init?(exif value: Int) {
    switch value {
    case 1: self.init()
    case 2: self.init(mirrorsX: true)
    case 3: self.init(mirrorsX: true, mirrorsY: true)
    case 4: self.init(mirrorsY: true)
    case 5: self.init(transposes: true)
    case 6: self.init(transposes: true, mirrorsX: true)
    case 7: self.init(transposes: true, mirrorsX: true, mirrorsY: true)
    case 8: self.init(transposes: true, mirrorsY: true)
    default: return nil
    }
  }

  init(transposes: Bool = false, mirrorsX: Bool = false, mirrorsY: Bool = false) {
    self.transposes = transposes
    self.mirrorsX = mirrorsX
    self.mirrorsY = mirrorsY
  }

  /// Width and height of the upright picture.
  func uprightSize(width: Int, height: Int) -> (width: Int, height: Int) {
    transposes ? (height, width) : (width, height)
  }

  /// Copies a plane upright.
  ///
  /// - Parameters:
  ///   - source: `height` rows of `width` samples, `sourceStride` bytes apart.
  ///   - target: `width * height` samples without padding, in the upright shape.
  func apply(
    from source: UnsafePointer<UInt8>, width: Int, height: Int, sourceStride: Int,
    to target: UnsafeMutablePointer<UInt8>
  ) {
    let (outWidth, outHeight) = uprightSize(width: width, height: height)
    // The target is walked with a sign in both directions: its sample for stored (x, y) lies at
    // start + x·stepX + y·stepY.
    let right = mirrorsX ? -1 : 1
    let down = mirrorsY ? -outWidth : outWidth
    let start = target + (mirrorsX ? outWidth - 1 : 0) + (mirrorsY ? (outHeight - 1) * outWidth : 0)
    if !transposes {
      for y in 0..<height {
        let row = source + y * sourceStride
        let out = start + y * down
        if mirrorsX {
          Orientation.mirror(row, count: width, endingAt: out)
        } else {
          out.update(from: row, count: width)
        }
      }
      return
    }
    // Blocks keep the cache lines of both sides in use: a naive transpose touches a new one with every sample.
    let wholeWidth = width & ~7
    let wholeHeight = height & ~7
    for y in stride(from: 0, to: wholeHeight, by: 8) {
      for x in stride(from: 0, to: wholeWidth, by: 8) {
        // Loading the rows from the last to the first mirrors the block's columns.
        let first = source + x + (mirrorsX ? y + 7 : y) * sourceStride
        let out = start + x * down + (mirrorsX ? -(y + 7) : y)
        Orientation.transposeBlock(first, stride: sourceStride * right, to: out, targetStride: down)
      }
    }
    for y in 0..<height {
      for x in (y < wholeHeight ? wholeWidth : 0)..<width {
        start[x * down + y * right] = source[y * sourceStride + x]
      }
    }
  }

  /// Copies `count` samples in reverse order; the first one goes to `end`, the others before it.
  private static func mirror(_ source: UnsafePointer<UInt8>, count: Int, endingAt end: UnsafeMutablePointer<UInt8>)
  {
    let whole = count & ~7
    for x in stride(from: 0, to: whole, by: 8) {
      let samples = UnsafeRawPointer(source + x).loadUnaligned(as: UInt64.self)
      UnsafeMutableRawPointer(end - x - 7).storeBytes(of: samples.byteSwapped, as: UInt64.self)
    }
    for x in whole..<count { end[-x] = source[x] }
  }

  /// Exchanges rows and columns of 8 × 8 samples in registers (Warren, "Hacker's Delight", 7-3): halves of 1 × 1, then
  /// 2 × 2, then 4 × 4 samples are exchanged across the diagonal.
  @inline(__always)
  private static func transposeBlock(
    _ source: UnsafePointer<UInt8>, stride: Int, to target: UnsafeMutablePointer<UInt8>, targetStride: Int
  ) {
    func row(_ index: Int) -> UInt64 {
      UInt64(littleEndian: UnsafeRawPointer(source + index * stride).loadUnaligned(as: UInt64.self))
    }
    func exchange(_ a: inout UInt64, _ b: inout UInt64, shift: UInt64, mask: UInt64) {
      let difference = ((a &>> shift) ^ b) & mask
      b ^= difference
      a ^= difference &<< shift
    }
    var (r0, r1, r2, r3) = (row(0), row(1), row(2), row(3))
    var (r4, r5, r6, r7) = (row(4), row(5), row(6), row(7))
    exchange(&r0, &r1, shift: 8, mask: 0x00FF_00FF_00FF_00FF)
    exchange(&r2, &r3, shift: 8, mask: 0x00FF_00FF_00FF_00FF)
    exchange(&r4, &r5, shift: 8, mask: 0x00FF_00FF_00FF_00FF)
    exchange(&r6, &r7, shift: 8, mask: 0x00FF_00FF_00FF_00FF)
    exchange(&r0, &r2, shift: 16, mask: 0x0000_FFFF_0000_FFFF)
    exchange(&r1, &r3, shift: 16, mask: 0x0000_FFFF_0000_FFFF)
    exchange(&r4, &r6, shift: 16, mask: 0x0000_FFFF_0000_FFFF)
    exchange(&r5, &r7, shift: 16, mask: 0x0000_FFFF_0000_FFFF)
    exchange(&r0, &r4, shift: 32, mask: 0x0000_0000_FFFF_FFFF)
    exchange(&r1, &r5, shift: 32, mask: 0x0000_0000_FFFF_FFFF)
    exchange(&r2, &r6, shift: 32, mask: 0x0000_0000_FFFF_FFFF)
    exchange(&r3, &r7, shift: 32, mask: 0x0000_0000_FFFF_FFFF)
    func store(_ value: UInt64, _ index: Int) {
      UnsafeMutableRawPointer(target + index * targetStride).storeBytes(of: value.littleEndian, as: UInt64.self)
    }
    store(r0, 0)
    store(r1, 1)
    store(r2, 2)
    store(r3, 3)
    store(r4, 4)
    store(r5, 5)
    store(r6, 6)
    store(r7, 7)
  }
}
