import Foundation

/// Puts the pictures of a batch together in pairs, and their targets with them: the first with the last, the second with
/// the last but one and so on, as their order is random anyway.
struct BatchMixer {
  let policy: AugmentationPolicy
  /// Pictures of the batch.
  let rows: Int
  /// Side of the square pictures in pixels.
  let imageSize: Int

  /// Mixes the pictures, or exchanges rectangles, or leaves all as it is.
  ///
  /// - Parameters:
  ///   - input: `[rows, imageSize, imageSize]`.
  ///   - targets: `[rows, classes]`.
  func mix(
    input: UnsafeMutableBufferPointer<Float>, targets: UnsafeMutableBufferPointer<Float>,
    random: inout RandomGenerator
  ) {
    if random.chance(policy.mixup) {
      let share = Self.beta(policy.mixupAlpha, &random)
      blend(input, share: share)
      blend(targets, share: share)
    } else if random.chance(policy.cutmix) {
      let kept = exchangeRectangle(input, share: Self.beta(policy.cutmixAlpha, &random), &random)
      blend(targets, share: kept)
    }
  }

  /// Row i becomes share · row i + (1 - share) · row (rows - 1 - i), for all rows at once.
  private func blend(_ values: UnsafeMutableBufferPointer<Float>, share: Float) {
    let length = values.count / rows
    for row in 0..<rows / 2 {
      let first = values.baseAddress! + row * length
      let second = values.baseAddress! + (rows - 1 - row) * length
      for index in 0..<length {
        let a = first[index]
        let b = second[index]
        first[index] = share * a + (1 - share) * b
        second[index] = share * b + (1 - share) * a
      }
    }
  }

  /// The same rectangle for all pairs, shaped like the picture, its centre anywhere; what lies outside is cut off.
  ///
  /// - Returns: The part of the picture that stays outside of it.
  private func exchangeRectangle(
    _ input: UnsafeMutableBufferPointer<Float>, share: Float, _ random: inout RandomGenerator
  ) -> Float {
    let half = (1 - share).squareRoot() * Float(imageSize) / 2
    func range(around centre: Float) -> Range<Int> {
      let first = max(0, Int((centre - half).rounded()))
      return first..<max(first, min(imageSize, Int((centre + half).rounded())))
    }
    let columns = range(around: random.uniform() * Float(imageSize))
    let lines = range(around: random.uniform() * Float(imageSize))
    let area = imageSize * imageSize
    for row in 0..<rows / 2 {
      let first = input.baseAddress! + row * area
      let second = input.baseAddress! + (rows - 1 - row) * area
      for line in lines {
        for index in line * imageSize + columns.lowerBound..<line * imageSize + columns.upperBound {
          (first[index], second[index]) = (second[index], first[index])
        }
      }
    }
    return 1 - Float(columns.count * lines.count) / Float(area)
  }

  /// A draw from the beta distribution with both parameters `alpha`, by Jöhnk's method (1964), which suits small ones;
  /// above 1 it rejects too much, so there the ratio is uniform.
  private static func beta(_ alpha: Float, _ random: inout RandomGenerator) -> Float {
    guard alpha < 1 else { return random.uniform() }
    while true {
      let x = pow(random.uniform(), 1 / alpha)
      let y = pow(random.uniform(), 1 / alpha)
      if x + y <= 1, x + y > 0 { return x / (x + y) }
    }
  }
}
