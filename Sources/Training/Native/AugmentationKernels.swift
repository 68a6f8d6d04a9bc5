internal import CKernels

/// Vector kernels that vary grey pictures of 0 to 255 in place; see `augmentation_kernels.h`.
enum AugmentationKernels {
  typealias Picture = UnsafeMutableBufferPointer<Float>

  static func gamma(_ picture: Picture, exponent: Float) {
    ferd_augment_gamma(picture.baseAddress, picture.count, exponent)
  }

  /// - Parameter deviation: In pixels.
  static func blur(_ picture: Picture, width: Int, deviation: Float) {
    let margins = width + 2 * Int(FERD_AUGMENT_BLUR_RADIUS)
    withUnsafeTemporaryAllocation(of: Float.self, capacity: picture.count + margins) { scratch in
      ferd_augment_blur(
        picture.baseAddress, Int32(width), Int32(picture.count / width), deviation, scratch.baseAddress)
    }
  }

  static func noise(_ picture: Picture, seed: UInt64, deviation: Float) {
    ferd_augment_noise(picture.baseAddress, picture.count, seed, deviation)
  }

  /// - Parameter quality: 1 to 100.
  static func jpeg(_ picture: Picture, width: Int, quality: Int) {
    ferd_augment_jpeg(picture.baseAddress, Int32(width), Int32(picture.count / width), Int32(quality))
  }

  /// - Parameter tiles: Along each axis, at most 8.
  static func equalise(_ picture: Picture, width: Int, tiles: Int, limit: Float) {
    ferd_augment_clahe(picture.baseAddress, Int32(width), Int32(picture.count / width), Int32(tiles), limit)
  }
}
