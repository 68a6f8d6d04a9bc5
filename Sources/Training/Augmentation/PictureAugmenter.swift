import Foundation
public import Pixels

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
    warp(source, by: drawTransform(&random), to: target)

    // Brightness, contrast and normalisation are one linear map: y = gain · x + offset.
    let contrast = Self.ratio(policy.contrast, &random)
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
    let scale = Self.ratio(policy.scale, &random)
    let stretch = Self.ratio(policy.stretch, &random).squareRoot()
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

  /// A factor between 1 / (1 + range) and 1 + range, as often below 1 as above.
  private static func ratio(_ range: Float, _ random: inout RandomGenerator) -> Float {
    exp(log(1 + range) * random.uniform(-1, 1))
  }

  /// Bilinear, pixel centres at half-integers; beyond the border the outermost samples go on.
  private func warp(
    _ source: UnsafePointer<UInt8>, by map: Pixels.AffineTransform, to target: UnsafeMutablePointer<Float>
  ) {
    let size = sourceSize
    let last = Float(size - 1)
    for row in 0..<imageSize {
      let start = map(Point(x: 0.5, y: Float(row) + 0.5))
      let line = target + row * imageSize
      for column in 0..<imageSize {
        let x = min(last, max(0, start.x + map.a * Float(column) - 0.5))
        let y = min(last, max(0, start.y + map.c * Float(column) - 0.5))
        // Not negative, so the conversion rounds down.
        let left = Int(x)
        let top = Int(y)
        let right = min(left + 1, size - 1)
        let upper = source + top * size
        let lower = source + min(top + 1, size - 1) * size
        let fx = x - Float(left)
        let fy = y - Float(top)
        let above = Float(upper[left]) + fx * (Float(upper[right]) - Float(upper[left]))
        let below = Float(lower[left]) + fx * (Float(lower[right]) - Float(lower[left]))
        line[column] = above + fy * (below - above)
      }
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

extension Normalisation {
  /// FER2013's training part.
  public static let fer2013 = Normalisation(mean: 0.508, standardDeviation: 0.255)

  /// Unchanged pictures as network input.
  func apply(_ source: UnsafePointer<UInt8>, to target: UnsafeMutablePointer<Float>, count: Int) {
    let scale = 1 / (255 * standardDeviation)
    let offset = -mean / standardDeviation
    for index in 0..<count { target[index] = Float(source[index]) * scale + offset }
  }
}
