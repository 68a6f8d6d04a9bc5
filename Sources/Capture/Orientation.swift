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
          for x in 0..<width { out[-x] = row[x] }
        } else {
          out.update(from: row, count: width)
        }
      }
      return
    }
    // Tiles keep the cache lines of both sides in use: a naive transpose touches a new one with every sample.
    let tile = 32
    for tileY in stride(from: 0, to: height, by: tile) {
      let endY = min(tileY + tile, height)
      for tileX in stride(from: 0, to: width, by: tile) {
        let endX = min(tileX + tile, width)
        for x in tileX..<endX {
          let column = source + x
          let out = start + x * down
          for y in tileY..<endY { out[y * right] = column[y * sourceStride] }
        }
      }
    }
  }
}
