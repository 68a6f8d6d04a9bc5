import Foundation
import Pixels

/// Turns stored 8-bit pictures into varied, normalised network input.
struct PictureAugmenter: Sendable {
  let policy: AugmentationPolicy
  /// Side of the square stored pictures in pixels.
  let sourceSize: Int
  /// Side of the square result in pixels.
  let imageSize: Int
  let normalisation: Normalisation

  /// Writes one varied picture to `target`, `[imageSize, imageSize]`. All that is random comes from `random`, always
  /// in the same order.
  func render(
    _ source: UnsafePointer<UInt8>, to target: UnsafeMutablePointer<Float>, random: inout RandomGenerator
  ) {
    let count = imageSize * imageSize
    // These draw from a generator of their own: so what the other parts draw does not depend on them, and recipes from
    // before they were there give the pictures that they gave then.
    var seed = random
    var further = RandomGenerator(seed: seed.next() ^ 0x4655_5254_4845_5200)
    let map = drawTransform(&random)
    let corners = drawCorners(&further)
    let effects = PictureEffects.drawn(policy, &further)

    let warp = PictureWarp(source: source, sourceSize: sourceSize, size: imageSize)
    if policy.perspective > 0 {
      warp.draw(ProjectiveTransform(map, after: corners, size: Float(imageSize)), to: target)
    } else {
      warp.draw(map, to: target)
    }
    effects.apply(to: UnsafeMutableBufferPointer(start: target, count: count), size: imageSize)

    // Brightness, contrast and normalisation are one linear map: y = gain · x + offset.
    let contrast = random.ratio(policy.contrast)
    let brightness = policy.brightness * random.uniform(-1, 1)
    let sum = Self.sum(target, count)
    let mean = sum / Float(count) / 255
    let scale = contrast / (255 * normalisation.standardDeviation)
    let offset = (mean * (1 - contrast) + brightness - normalisation.mean) / normalisation.standardDeviation
    // Like the stored samples, the varied ones cannot be darker than black or brighter than white.
    let black = -normalisation.mean / normalisation.standardDeviation
    let white = (1 - normalisation.mean) / normalisation.standardDeviation
    for index in 0..<count { target[index] = min(white, max(black, target[index] * scale + offset)) }

    if policy.erasing > 0 { erase(target, &random) }
  }

  /// From places in the result to places in the source.
  private func drawTransform(_ random: inout RandomGenerator) -> Pixels.AffineTransform {
    let mirrored = random.chance(policy.flip)
    let angle = policy.rotation * random.uniform(-1, 1) * .pi / 180
    let scale = random.ratio(policy.scale)
    let stretch = random.ratio(policy.stretch).squareRoot()
    let size = Float(sourceSize)
    let shiftX = policy.shift * size * random.uniform(-1, 1)
    let shiftY = policy.shift * size * random.uniform(-1, 1)
    let cosine = cos(angle) / scale
    let sine = sin(angle) / scale
    let reduction = size / Float(imageSize)
    let a = (mirrored ? -cosine : cosine) * stretch * reduction
    let b = (mirrored ? -sine : sine) * stretch * reduction
    let c = -sine / stretch * reduction
    let d = cosine / stretch * reduction
    let half = size / 2
    let middle = Float(imageSize) / 2
    return Pixels.AffineTransform(
      a: a, b: b, tx: half - (a + b) * middle + shiftX, c: c, d: d, ty: half - (c + d) * middle + shiftY)
  }

  /// Where the corners of the result go before the rest of the warp, as parts of its size.
  private func drawCorners(_ random: inout RandomGenerator) -> [Point] {
    ([(0, 0), (1, 0), (1, 1), (0, 1)] as [(Float, Float)]).map { x, y in
      let dx = policy.perspective * random.uniform(-1, 1)
      let dy = policy.perspective * random.uniform(-1, 1)
      return Point(x: x + dx, y: y + dy)
    }
  }

  /// Random erasing (Zhong et al., arXiv 1708.04896), filled with the mean of the data, which is 0 by now.
  private func erase(_ target: UnsafeMutablePointer<Float>, _ random: inout RandomGenerator) {
    let isErased = random.chance(policy.erasing)
    let area = random.uniform(policy.erasedArea[0], policy.erasedArea[1]) * Float(imageSize * imageSize)
    let aspect = exp(random.uniform(-1, 1) * log(Float(3)))
    let left = random.uniform()
    let top = random.uniform()
    guard isErased else { return }
    let width = min(imageSize, max(1, Int((area * aspect).squareRoot().rounded())))
    let height = min(imageSize, max(1, Int((area / aspect).squareRoot().rounded())))
    let x = Int(left * Float(imageSize - width + 1))
    let y = Int(top * Float(imageSize - height + 1))
    for row in y..<y + height { (target + row * imageSize + x).update(repeating: 0, count: width) }
  }

  /// Four sums side by side: one alone does not vectorise.
  private static func sum(_ values: UnsafePointer<Float>, _ count: Int) -> Float {
    var sums = SIMD4<Float>()
    var index = 0
    while index + 4 <= count {
      sums += SIMD4(values[index], values[index + 1], values[index + 2], values[index + 3])
      index += 4
    }
    var total = sums.sum()
    while index < count {
      total += values[index]
      index += 1
    }
    return total
  }
}
