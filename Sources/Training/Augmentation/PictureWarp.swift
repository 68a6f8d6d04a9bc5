import Foundation
import Pixels

/// A projective map from places in a result to places in a source picture.
///
/// `x = (xx · u + xy · v + x0) / w`, `y = (yx · u + yy · v + y0) / w`, `w = wx · u + wy · v + 1`.
struct ProjectiveTransform: Equatable, Sendable {
  var xx: Float
  var xy: Float
  var x0: Float
  var yx: Float
  var yy: Float
  var y0: Float
  var wx: Float
  var wy: Float

  /// What `affine` does after the corners of a square of `size` pixels have moved.
  ///
  /// - Parameter corners: Where (0, 0), (1, 0), (1, 1) and (0, 1) of the square go, as parts of its size; they must
  ///   stay a convex quadrilateral (Heckbert, Fundamentals of Texture Mapping, 1989, section 2.2.3).
  init(_ affine: Pixels.AffineTransform, after corners: [Point], size: Float) {
    let (p0, p1, p2, p3) = (corners[0], corners[1], corners[2], corners[3])
    let (dx1, dx2, sx) = (p1.x - p2.x, p3.x - p2.x, p0.x - p1.x + p2.x - p3.x)
    let (dy1, dy2, sy) = (p1.y - p2.y, p3.y - p2.y, p0.y - p1.y + p2.y - p3.y)
    let determinant = dx1 * dy2 - dx2 * dy1
    let g = (sx * dy2 - dx2 * sy) / determinant
    let h = (dx1 * sy - sx * dy1) / determinant
    let (a, b, c) = (p1.x - p0.x + g * p1.x, p3.x - p0.x + h * p3.x, p0.x)
    let (d, e, f) = (p1.y - p0.y + g * p1.y, p3.y - p0.y + h * p3.y, p0.y)
    // That was in units of the square; the affine map counts pixels.
    xx = affine.a * a + affine.b * d + affine.tx * g / size
    xy = affine.a * b + affine.b * e + affine.tx * h / size
    x0 = (affine.a * c + affine.b * f) * size + affine.tx
    yx = affine.c * a + affine.d * d + affine.ty * g / size
    yy = affine.c * b + affine.d * e + affine.ty * h / size
    y0 = (affine.c * c + affine.d * f) * size + affine.ty
    wx = g / size
    wy = h / size
  }

  func callAsFunction(_ point: Point) -> Point {
    let w = wx * point.x + wy * point.y + 1
    return Point(x: (xx * point.x + xy * point.y + x0) / w, y: (yx * point.x + yy * point.y + y0) / w)
  }
}

/// Draws square 8-bit pictures through a map into float ones: bilinear, pixel centres at half-integers; beyond the border
/// the outermost samples go on.
struct PictureWarp {
  /// `[sourceSize, sourceSize]`
  let source: UnsafePointer<UInt8>
  let sourceSize: Int
  /// Side of the result in pixels.
  let size: Int

  func draw(_ map: Pixels.AffineTransform, to target: UnsafeMutablePointer<Float>) {
    let last = Float(sourceSize - 1)
    for row in 0..<size {
      let start = map(Point(x: 0.5, y: Float(row) + 0.5))
      let line = target + row * size
      for column in 0..<size {
        let x = min(last, max(0, start.x + map.a * Float(column) - 0.5))
        let y = min(last, max(0, start.y + map.c * Float(column) - 0.5))
        line[column] = sample(x, y)
      }
    }
  }

  func draw(_ map: ProjectiveTransform, to target: UnsafeMutablePointer<Float>) {
    let last = Float(sourceSize - 1)
    for row in 0..<size {
      let v = Float(row) + 0.5
      let (x0, y0, w0) = (map.xy * v + map.x0, map.yy * v + map.y0, map.wy * v + 1)
      let line = target + row * size
      for column in 0..<size {
        let u = Float(column) + 0.5
        let scale = 1 / (w0 + map.wx * u)
        let x = min(last, max(0, (x0 + map.xx * u) * scale - 0.5))
        let y = min(last, max(0, (y0 + map.yx * u) * scale - 0.5))
        line[column] = sample(x, y)
      }
    }
  }

  /// Between four samples, `x` and `y` counted from the centre of the first one and inside the picture.
  @inline(__always)
  private func sample(_ x: Float, _ y: Float) -> Float {
    // Not negative, so the conversion rounds down.
    let left = Int(x)
    let top = Int(y)
    let right = min(left + 1, sourceSize - 1)
    let upper = source + top * sourceSize
    let lower = source + min(top + 1, sourceSize - 1) * sourceSize
    let fx = x - Float(left)
    let fy = y - Float(top)
    let above = Float(upper[left]) + fx * (Float(upper[right]) - Float(upper[left]))
    let below = Float(lower[left]) + fx * (Float(lower[right]) - Float(lower[left]))
    return above + fy * (below - above)
  }
}
