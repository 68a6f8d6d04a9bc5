/// How much each picture is varied for training; 0 switches a part off. A value, kept in recipes and in the record of
/// every model.
///
/// The parts act in this order: one warp for everything geometric, local contrast (CLAHE), gamma, blur, noise, JPEG,
/// contrast and brightness, erasing; then pictures of a batch are mixed or cut together.
public struct AugmentationPolicy: Codable, Equatable, Sendable {
  /// Probability of mirroring left and right.
  public var flip: Float = 0
  /// Largest rotation to either side, in degrees.
  public var rotation: Float = 0
  /// Largest relative change of size, the same for both axes: 0.15 means 1/1.15 to 1.15.
  public var scale: Float = 0
  /// Largest relative change of the width against the height.
  public var stretch: Float = 0
  /// Largest shift along each axis as a part of the picture's size.
  public var shift: Float = 0
  /// Largest shift of each corner along each axis as a part of the picture's size: the view from a side.
  public var perspective: Float = 0
  /// Probability of contrast-limited adaptive histogram equalisation.
  public var clahe: Float = 0
  /// Its highest limit: no brightness counts as more than so many times as frequent as on average. Drawn from 1 on.
  public var claheLimit: Float = 3
  /// Largest relative change of the exponent of brightness: 0.25 means 1/1.25 to 1.25.
  public var gamma: Float = 0
  /// Probability of blurring.
  public var blur: Float = 0
  /// Largest standard deviation of the blur as a part of the picture's size.
  public var blurSize: Float = 0.015
  /// Probability of adding noise.
  public var noise: Float = 0
  /// Largest standard deviation of the noise as a part of the full range.
  public var noiseSize: Float = 0.03
  /// Probability of artefacts of JPEG.
  public var jpeg: Float = 0
  /// Its lowest quality, 1 to 100; drawn up to 95.
  public var jpegQuality: Float = 40
  /// Largest relative change of contrast around the picture's mean.
  public var contrast: Float = 0
  /// Largest change of brightness as a part of the full range.
  public var brightness: Float = 0
  /// Probability of erasing a rectangle.
  public var erasing: Float = 0
  /// Smallest and largest area of that rectangle as a part of the picture.
  public var erasedArea: [Float] = [0.02, 0.2]
  /// Probability that the pictures of a batch are mixed in pairs (Zhang et al., arXiv 1710.09412).
  public var mixup: Float = 0
  /// Both parameters of the beta distribution that the mixing ratio is drawn from.
  public var mixupAlpha: Float = 0.4
  /// Probability that the pictures of a batch that is not mixed exchange a rectangle in pairs (Yun et al., arXiv
  /// 1905.04899).
  public var cutmix: Float = 0
  /// Both parameters of the beta distribution that the part outside the rectangle is drawn from.
  public var cutmixAlpha: Float = 1

  /// Nothing is changed.
  public static let off = AugmentationPolicy()

  /// What fer48 was tuned with, and what a recipe has that says nothing about it.
  public static let standard = AugmentationPolicy(
    flip: 0.5, rotation: 12, scale: 0.15, stretch: 0.05, shift: 0.12, contrast: 0.3, brightness: 0.12,
    erasing: 0.25,
    mixup: 1 / 3)

  /// What 0 to 3 on the command line mean: none, light, `standard` with a little of all the rest, strong.
  public static func level(_ level: Int) -> AugmentationPolicy? {
    switch level {
    case 0: return .off
    case 1:
      return AugmentationPolicy(
        flip: 0.5, rotation: 6, scale: 0.08, shift: 0.06, perspective: 0.02, gamma: 0.1, noise: 0.1,
        noiseSize: 0.02,
        contrast: 0.15, brightness: 0.06)
    case 2:
      var policy = standard
      policy.perspective = 0.05
      policy.clahe = 0.1
      policy.gamma = 0.2
      policy.blur = 0.1
      policy.noise = 0.15
      policy.jpeg = 0.15
      return policy
    case 3:
      return AugmentationPolicy(
        flip: 0.5, rotation: 18, scale: 0.22, stretch: 0.1, shift: 0.16, perspective: 0.08, clahe: 0.2,
        claheLimit: 4,
        gamma: 0.35, blur: 0.2, blurSize: 0.02, noise: 0.25, noiseSize: 0.045, jpeg: 0.25, jpegQuality: 25,
        contrast: 0.45, brightness: 0.2, erasing: 0.5, erasedArea: [0.02, 0.3], mixup: 0.6, cutmix: 0.3)
    default: return nil
    }
  }

  /// About a level more: everything half as strong again and half as likely again, up to a bound beyond which faces stop
  /// being faces. What is off stays off, and so does the mixing of pictures, which belongs to a batch, not to a class.
  public var strengthened: AugmentationPolicy {
    func more(_ value: Float, atMost bound: Float) -> Float { max(value, min(1.5 * value, bound)) }
    var policy = self
    policy.rotation = more(rotation, atMost: 27)
    policy.scale = more(scale, atMost: 0.33)
    policy.stretch = more(stretch, atMost: 0.15)
    policy.shift = more(shift, atMost: 0.2)
    policy.perspective = more(perspective, atMost: 0.12)
    policy.clahe = more(clahe, atMost: 0.5)
    policy.claheLimit = more(claheLimit, atMost: 6)
    policy.gamma = more(gamma, atMost: 0.6)
    policy.blur = more(blur, atMost: 0.5)
    policy.blurSize = more(blurSize, atMost: 0.03)
    policy.noise = more(noise, atMost: 0.5)
    policy.noiseSize = more(noiseSize, atMost: 0.06)
    policy.jpeg = more(jpeg, atMost: 0.5)
    policy.jpegQuality = min(jpegQuality, max(15, 100 - 1.5 * (100 - jpegQuality)))
    policy.contrast = more(contrast, atMost: 0.6)
    policy.brightness = more(brightness, atMost: 0.3)
    policy.erasing = more(erasing, atMost: 0.75)
    policy.erasedArea[1] = more(erasedArea[1], atMost: 0.35)
    return policy
  }

  /// - Throws: `invalidSettings` naming the first value out of its range.
  public func validate() throws(TrainingError) {
    let ranges: [(String, Float, ClosedRange<Float>)] = [
      ("flip", flip, 0...1), ("rotation", rotation, 0...180), ("scale", scale, 0...1), ("stretch", stretch, 0...1),
      ("shift", shift, 0...1), ("perspective", perspective, 0...0.3), ("clahe", clahe, 0...1),
      ("claheLimit", claheLimit, 1...256), ("gamma", gamma, 0...4), ("blur", blur, 0...1),
      ("blurSize", blurSize, 0...0.2), ("noise", noise, 0...1), ("noiseSize", noiseSize, 0...1),
      ("jpeg", jpeg, 0...1),
      ("jpegQuality", jpegQuality, 1...95), ("contrast", contrast, 0...1), ("brightness", brightness, 0...1),
      ("erasing", erasing, 0...1), ("mixup", mixup, 0...1), ("mixupAlpha", mixupAlpha, 0.01...10),
      ("cutmix", cutmix, 0...1), ("cutmixAlpha", cutmixAlpha, 0.01...10),
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

extension AugmentationPolicy {
  /// What is not named keeps its default: older files don't know all parts.
  public init(from decoder: any Decoder) throws {
    let fields = try DefaultingFields(decoder, keyedBy: CodingKeys.self)
    self = .off
    try fields.take(.flip, &flip)
    try fields.take(.rotation, &rotation)
    try fields.take(.scale, &scale)
    try fields.take(.stretch, &stretch)
    try fields.take(.shift, &shift)
    try fields.take(.perspective, &perspective)
    try fields.take(.clahe, &clahe)
    try fields.take(.claheLimit, &claheLimit)
    try fields.take(.gamma, &gamma)
    try fields.take(.blur, &blur)
    try fields.take(.blurSize, &blurSize)
    try fields.take(.noise, &noise)
    try fields.take(.noiseSize, &noiseSize)
    try fields.take(.jpeg, &jpeg)
    try fields.take(.jpegQuality, &jpegQuality)
    try fields.take(.contrast, &contrast)
    try fields.take(.brightness, &brightness)
    try fields.take(.erasing, &erasing)
    try fields.take(.erasedArea, &erasedArea)
    try fields.take(.mixup, &mixup)
    try fields.take(.mixupAlpha, &mixupAlpha)
    try fields.take(.cutmix, &cutmix)
    try fields.take(.cutmixAlpha, &cutmixAlpha)
  }
}
