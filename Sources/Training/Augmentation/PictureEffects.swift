import Foundation

/// What light, lens, sensor and file do to one picture, as drawn for it.
struct PictureEffects: Equatable, Sendable {
  /// Limit of the histogram equalisation, or nil for none.
  var claheLimit: Float?
  /// 1 changes nothing.
  var gamma: Float = 1
  /// As a part of the picture's side, or nil for none.
  var blurDeviation: Float?
  /// As a part of the full range, or nil for none.
  var noiseDeviation: Float?
  var noiseSeed: UInt64 = 0
  /// 1 to 100, or nil for none.
  var jpegQuality: Int?

  static let none = PictureEffects()

  /// As many draws for every policy.
  static func drawn(_ policy: AugmentationPolicy, _ random: inout RandomGenerator) -> PictureEffects {
    var effects = PictureEffects.none
    let isEqualised = random.chance(policy.clahe)
    let limit = random.uniform(1, policy.claheLimit)
    if isEqualised { effects.claheLimit = limit }
    effects.gamma = random.ratio(policy.gamma)
    let isBlurred = random.chance(policy.blur)
    // Small ones leave the picture as it is.
    let blur = random.uniform(0.2, 1) * policy.blurSize
    if isBlurred { effects.blurDeviation = blur }
    let isNoisy = random.chance(policy.noise)
    let noise = random.uniform(0.2, 1) * policy.noiseSize
    effects.noiseSeed = random.next()
    if isNoisy { effects.noiseDeviation = noise }
    let isCompressed = random.chance(policy.jpeg)
    let quality = random.uniform(policy.jpegQuality, 95)
    if isCompressed { effects.jpegQuality = Int(quality.rounded()) }
    return effects
  }

  /// - Parameter picture: `[size, size]`, 0 (black) to 255 (white), and so it stays.
  func apply(to picture: UnsafeMutableBufferPointer<Float>, size: Int) {
    if let claheLimit {
      // Twelve pixels make enough of a tile, four tiles along a side enough of a face.
      AugmentationKernels.equalise(picture, width: size, tiles: min(4, max(1, size / 12)), limit: claheLimit)
    }
    if gamma != 1 { AugmentationKernels.gamma(picture, exponent: gamma) }
    if let blurDeviation { AugmentationKernels.blur(picture, width: size, deviation: blurDeviation * Float(size)) }
    if let noiseDeviation {
      AugmentationKernels.noise(picture, seed: noiseSeed, deviation: noiseDeviation * 255)
    }
    if let jpegQuality { AugmentationKernels.jpeg(picture, width: size, quality: jpegQuality) }
  }
}

extension RandomGenerator {
  /// A factor between 1 / (1 + range) and 1 + range, as often below 1 as above.
  mutating func ratio(_ range: Float) -> Float { exp(log(1 + range) * uniform(-1, 1)) }
}
