import Pixels
import Testing

struct GeometryTests {
  @Test func overlapOfHalfCoveredRectanglesIsAThird() {
    let left = Rect(x: 0, y: 0, width: 2, height: 1)
    let right = Rect(x: 1, y: 0, width: 2, height: 1)
    #expect(abs(left.overlap(with: right) - 1 / 3) < 1e-6)
  }

  @Test func inverseUndoesAnAffineMap() throws {
    let map = AffineTransform(a: 1.2, b: -0.3, tx: 5, c: 0.4, d: 0.9, ty: -7)
    let inverse = try #require(map.inverse)
    let back = inverse(map(Point(x: 3, y: 11)))
    #expect(abs(back.x - 3) < 1e-4 && abs(back.y - 11) < 1e-4)
  }
}
