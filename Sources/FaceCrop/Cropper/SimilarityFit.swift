import Glibc
import Pixels

/// The map (x, y) ↦ (p·x − q·y + tx, q·x + p·y + ty): rotation, scale and shift.
struct Similarity {
  var p: Float
  var q: Float
  var tx: Float
  var ty: Float

  var scale: Float { (p * p + q * q).squareRoot() }
  /// Radians, clockwise as seen (y points down).
  var angle: Float { atan2(q, p) }

  /// The similarity that takes `source` nearest to `target` in the sum of squares: S. Umeyama, "Least-squares
  /// estimation of transformation parameters between two point patterns", 1991, in two dimensions and without mirroring.
  ///
  /// - Returns: nil where all source points or all target points fall together.
  static func fit(from source: [Point], to target: [Point]) -> Similarity? {
    precondition(source.count == target.count && source.count >= 2)
    let (a, b) = (mean(source), mean(target))
    var variance: Float = 0
    var along: Float = 0
    var across: Float = 0
    for (s, t) in zip(source, target) {
      let (sx, sy, ux, uy) = (s.x - a.x, s.y - a.y, t.x - b.x, t.y - b.y)
      variance += sx * sx + sy * sy
      along += sx * ux + sy * uy
      across += sx * uy - sy * ux
    }
    guard variance > 0 else { return nil }
    let (p, q) = (along / variance, across / variance)
    guard p * p + q * q > 0, p.isFinite, q.isFinite else { return nil }
    return Similarity(p: p, q: q, tx: b.x - (p * a.x - q * a.y), ty: b.y - (q * a.x + p * a.y))
  }

  private static func mean(_ points: [Point]) -> Point {
    let count = Float(points.count)
    return Point(x: points.reduce(0) { $0 + $1.x } / count, y: points.reduce(0) { $0 + $1.y } / count)
  }
}
