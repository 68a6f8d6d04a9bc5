import Capture
import Foundation
import Pixels

/// The mean of many aligned faces on a square canvas, with how far each of its pixels is covered.
struct MeanFace {
  /// Sides of the canvas in pixels.
  static let side = 192
  /// Side of a training picture on the canvas; the rest is room for pictures that are shifted or larger.
  private static let pictureSide: Float = 150
  /// Where the landmarks come to lie: FER2013's mean framing, in the middle of the canvas.
  private static let template = [(0.31, 0.38), (0.67, 0.40), (0.47, 0.59), (0.33, 0.76), (0.63, 0.76)].map {
    let offset = (Float(side) - pictureSide) / 2
    return Point(x: offset + pictureSide * Float($0.0), y: offset + pictureSide * Float($0.1))
  }
  /// Brightness of the mean and contrast around it, of the middle of the face.
  private static let targetMean: Float = 132
  private static let targetDeviation: Float = 44

  /// Luma 0 to 255, `side * side`.
  private(set) var luma: [Float]
  /// 0 = no picture reaches here, 1 = all do.
  private(set) var coverage: [Float]

  init(averaging faces: [CataloguedFace]) throws {
    let count = Self.side * Self.side
    luma = [Float](repeating: 0, count: count)
    coverage = [Float](repeating: 0, count: count)
    let reader = PictureReader()
    var used = 0
    var warped = [Float](repeating: 0, count: count)
    for face in faces {
      let picture = try reader.read(face.path)
      guard let toPicture = similarity(from: Self.template, to: face.landmarks) else { continue }
      picture.withPlane { plane in
        warped.withUnsafeMutableBufferPointer {
          plane.warp(toPicture, width: Self.side, height: Self.side, normalisation: .none, into: $0)
        }
      }
      let (mean, deviation) = Self.statistics(warped)
      guard deviation > 8 else { continue }
      used += 1
      for y in 0..<Self.side {
        for x in 0..<Self.side {
          let place = toPicture(Point(x: Float(x) + 0.5, y: Float(y) + 0.5))
          guard 0...Float(picture.width) ~= place.x, 0...Float(picture.height) ~= place.y else { continue }
          luma[y * Self.side + x] += (warped[y * Self.side + x] - mean) / deviation
          coverage[y * Self.side + x] += 1
        }
      }
    }
    for index in 0..<count {
      // Where few pictures reach, the mean is theirs, not a darker one.
      luma[index] = coverage[index] > 0 ? luma[index] / coverage[index] : 0
      coverage[index] /= Float(max(1, used))
    }
    let (mean, deviation) = Self.statistics(luma)
    for index in 0..<count {
      luma[index] = Self.targetMean + (luma[index] - mean) / deviation * Self.targetDeviation
    }
  }

  /// Part of one mean, part of another.
  func mixed(with other: MeanFace, share: Float) -> MeanFace {
    var result = self
    for index in luma.indices {
      result.luma[index] += share * (other.luma[index] - luma[index])
      result.coverage[index] += share * (other.coverage[index] - coverage[index])
    }
    return result
  }

  func picture() -> LumaImage {
    LumaImage(
      width: Self.side, height: Self.side, pixels: luma.map { UInt8(min(max($0, 0), 255)) })
  }

  /// Mean and standard deviation in the ellipse that every face fills.
  private static func statistics(_ values: [Float]) -> (mean: Float, deviation: Float) {
    var (sum, squares, count): (Double, Double, Double) = (0, 0, 0)
    for y in 0..<side {
      for x in 0..<side {
        let dx = (Float(x) - Float(side) / 2) / (0.30 * Float(side))
        let dy = (Float(y) - Float(side) / 2) / (0.36 * Float(side))
        guard dx * dx + dy * dy < 1 else { continue }
        let value = Double(values[y * side + x])
        sum += value
        squares += value * value
        count += 1
      }
    }
    let mean = sum / count
    return (Float(mean), Float(max(0, squares / count - mean * mean).squareRoot()))
  }
}

/// The rotation, scale and shift that take `source` nearest to `target` in the sum of squares.
private func similarity(from source: [Point], to target: [Point]) -> Pixels.AffineTransform? {
  func mean(_ points: [Point]) -> Point {
    let count = Float(points.count)
    return Point(x: points.reduce(0) { $0 + $1.x } / count, y: points.reduce(0) { $0 + $1.y } / count)
  }
  let (a, b) = (mean(source), mean(target))
  var (variance, along, across): (Float, Float, Float) = (0, 0, 0)
  for (s, t) in zip(source, target) {
    let (sx, sy, tx, ty) = (s.x - a.x, s.y - a.y, t.x - b.x, t.y - b.y)
    variance += sx * sx + sy * sy
    along += sx * tx + sy * ty
    across += sx * ty - sy * tx
  }
  guard variance > 0 else { return nil }
  let (p, q) = (along / variance, across / variance)
  let tx = b.x - p * a.x + q * a.y
  let ty = b.y - q * a.x - p * a.y
  return Pixels.AffineTransform(a: p, b: -q, tx: tx, c: q, d: p, ty: ty)
}
