/// A point in picture coordinates: pixels, x to the right, y down; (0, 0) is the outer corner of the first pixel.
public struct Point: Equatable, Sendable, Codable {
  public var x: Float
  public var y: Float

  public init(x: Float, y: Float) {
    self.x = x
    self.y = y
  }
}

extension Point {
  /// The same point of a picture whose sides are so many times as long.
  public func scaled(x scaleX: Float, y scaleY: Float) -> Point { Point(x: x * scaleX, y: y * scaleY) }
}

/// An axis-aligned rectangle in picture coordinates (pixels). It may reach beyond the picture.
public struct Rect: Equatable, Sendable, Codable {
  public var x: Float
  public var y: Float
  public var width: Float
  public var height: Float

  public init(x: Float, y: Float, width: Float, height: Float) {
    self.x = x
    self.y = y
    self.width = width
    self.height = height
  }

  public var maxX: Float { x + width }
  public var maxY: Float { y + height }
  public var area: Float { max(0, width) * max(0, height) }
  public var center: Point { Point(x: x + width / 2, y: y + height / 2) }

  /// The common part of two rectangles; of zero size where they do not meet.
  public func intersection(_ other: Rect) -> Rect {
    let left = max(x, other.x)
    let top = max(y, other.y)
    return Rect(
      x: left, y: top, width: max(0, min(maxX, other.maxX) - left),
      height: max(0, min(maxY, other.maxY) - top))
  }

  /// Intersection over union, 0 to 1.
  public func overlap(with other: Rect) -> Float {
    let common = intersection(other).area
    let union = area + other.area - common
    return union > 0 ? common / union : 0
  }

  /// The part inside a picture of the given size.
  public func clipped(width pictureWidth: Int, height pictureHeight: Int) -> Rect {
    intersection(Rect(x: 0, y: 0, width: Float(pictureWidth), height: Float(pictureHeight)))
  }
}

extension Rect {
  /// The same rectangle of a picture whose sides are so many times as long.
  public func scaled(x scaleX: Float, y scaleY: Float) -> Rect {
    Rect(x: x * scaleX, y: y * scaleY, width: width * scaleX, height: height * scaleY)
  }
}

/// The affine map (x, y) ↦ (a·x + b·y + tx, c·x + d·y + ty).
public struct AffineTransform: Equatable, Sendable {
  public var a: Float
  public var b: Float
  public var tx: Float
  public var c: Float
  public var d: Float
  public var ty: Float

  public init(a: Float, b: Float, tx: Float, c: Float, d: Float, ty: Float) {
    self.a = a
    self.b = b
    self.tx = tx
    self.c = c
    self.d = d
    self.ty = ty
  }

  public static let identity = AffineTransform(a: 1, b: 0, tx: 0, c: 0, d: 1, ty: 0)

  public func callAsFunction(_ point: Point) -> Point {
    Point(x: a * point.x + b * point.y + tx, y: c * point.x + d * point.y + ty)
  }

  /// First this map, then `next`.
  public func then(_ next: AffineTransform) -> AffineTransform {
    AffineTransform(
      a: next.a * a + next.b * c, b: next.a * b + next.b * d, tx: next.a * tx + next.b * ty + next.tx,
      c: next.c * a + next.d * c, d: next.c * b + next.d * d, ty: next.c * tx + next.d * ty + next.ty)
  }

  /// The inverse map, or nil where the map flattens the plane.
  public var inverse: AffineTransform? {
    let determinant = a * d - b * c
    guard abs(determinant) > 1e-12 else { return nil }
    let ia = d / determinant
    let ib = -b / determinant
    let ic = -c / determinant
    let id = a / determinant
    return AffineTransform(a: ia, b: ib, tx: -(ia * tx + ib * ty), c: ic, d: id, ty: -(ic * tx + id * ty))
  }
}
