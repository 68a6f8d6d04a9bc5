/// How much each picture is varied for training; 0 switches a part off. A value, kept in recipes and in the record of
/// every model.
///
/// The parts act in the order of the fields: one affine warp, then brightness, then erasing, then mixing of two pictures.
public struct AugmentationPolicy: Codable, Equatable, Sendable {
  /// Probability of mirroring left and right.
  public var flip: Float
  /// Largest rotation to either side, in degrees.
  public var rotation: Float
  /// Largest relative change of size, the same for both axes: 0.15 means 1/1.15 to 1.15.
  public var scale: Float
  /// Largest relative change of the width against the height.
  public var stretch: Float
  /// Largest shift along each axis as a part of the picture's size.
  public var shift: Float
  /// Largest relative change of contrast around the picture's mean.
  public var contrast: Float
  /// Largest change of brightness as a part of the full range.
  public var brightness: Float
  /// Probability of erasing a rectangle.
  public var erasing: Float
  /// Smallest and largest area of that rectangle as a part of the picture.
  public var erasedArea: [Float]
  /// Probability that the pictures of a batch are mixed in pairs (Zhang et al., arXiv 1710.09412).
  public var mixup: Float
  /// Both parameters of the beta distribution that the mixing ratio is drawn from.
  public var mixupAlpha: Float

  public init(
    flip: Float = 0, rotation: Float = 0, scale: Float = 0, stretch: Float = 0, shift: Float = 0,
    contrast: Float = 0,
    brightness: Float = 0, erasing: Float = 0, erasedArea: [Float] = [0.02, 0.2], mixup: Float = 0,
    mixupAlpha: Float = 0.4
  ) {
    self.flip = flip
    self.rotation = rotation
    self.scale = scale
    self.stretch = stretch
    self.shift = shift
    self.contrast = contrast
    self.brightness = brightness
    self.erasing = erasing
    self.erasedArea = erasedArea
    self.mixup = mixup
    self.mixupAlpha = mixupAlpha
  }

  /// Nothing is changed.
  public static let off = AugmentationPolicy()

  /// What 0 to 3 on the command line mean: none, light, the one that fer48 was tuned with, strong.
  public static func level(_ level: Int) -> AugmentationPolicy? {
    switch level {
    case 0: .off
    case 1: AugmentationPolicy(flip: 0.5, rotation: 6, scale: 0.08, shift: 0.06, contrast: 0.15, brightness: 0.06)
    case 2:
      AugmentationPolicy(
        flip: 0.5, rotation: 12, scale: 0.15, stretch: 0.05, shift: 0.12, contrast: 0.3, brightness: 0.12,
        erasing: 0.25, mixup: 1 / 3)
    case 3:
      AugmentationPolicy(
        flip: 0.5, rotation: 18, scale: 0.22, stretch: 0.1, shift: 0.16, contrast: 0.45, brightness: 0.2,
        erasing: 0.5, erasedArea: [0.02, 0.3], mixup: 0.6)
    default: nil
    }
  }

  /// - Throws: `invalidSettings` naming the first value out of its range.
  public func validate() throws(TrainingError) {
    let ranges: [(String, Float, ClosedRange<Float>)] = [
      ("flip", flip, 0...1), ("rotation", rotation, 0...180), ("scale", scale, 0...1), ("stretch", stretch, 0...1),
      ("shift", shift, 0...1), ("contrast", contrast, 0...1), ("brightness", brightness, 0...1),
      ("erasing", erasing, 0...1), ("mixup", mixup, 0...1), ("mixupAlpha", mixupAlpha, 0.01...10),
    ]
    for (name, value, range) in ranges where !range.contains(value) {
      throw .invalidSettings(
        "augmentation: \(name) must be from \(range.lowerBound) to \(range.upperBound), it is \(value)")
    }
    guard erasedArea.count == 2, erasedArea[0] > 0, erasedArea[0] <= erasedArea[1], erasedArea[1] < 1 else {
      throw .invalidSettings("augmentation: erasedArea takes two parts of the area in order, it is \(erasedArea)")
    }
  }
}
