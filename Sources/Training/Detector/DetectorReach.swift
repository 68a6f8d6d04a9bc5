import Capture
public import FaceCrop
import Pixels

/// How small, how large and how far rolled faces a detector finds: portraits of the validation part, one at a time, pasted
/// with soft edges into the middle of a scene of 320×180 pixels.
public struct DetectorReach: Sendable {
  /// A size and a roll that all portraits are shown in.
  public struct Trial: Codable, Equatable, Sendable {
    /// Of the face's box before it is rolled, in pixels.
    public var height: Float
    /// Clockwise.
    public var degrees: Float
    /// With an overlap of at least 0.5.
    public var found = 0
    public var shown = 0

    public init(height: Float, degrees: Float) {
      self.height = height
      self.degrees = degrees
    }
  }

  /// 144 pixels is the close webcam face of 80 % of the picture.
  public static let trials: [Trial] = [16, 20, 24, 32, 48, 96, 144, 180].flatMap { height in
    [-30, 0, 30].map { Trial(height: height, degrees: $0) }
  }

  private static let size = (width: 320, height: 180)

  private let portraits: [LabelledPicture]
  private let backgrounds: [LabelledPicture]

  /// - Throws: where pictures cannot be read.
  public init(_ data: DetectorData) throws {
    let reader = PictureReader()
    func pictures(_ count: Int, where isWanted: (FaceAnnotation) -> Bool) throws -> [LabelledPicture] {
      try data.validation.filter(isWanted).prefix(count).map {
        LabelledPicture(try reader.read(data.folder + "/" + $0.file), faces: $0.faces)
      }
    }
    portraits = try pictures(40) { $0.folder == "portraits" && $0.faces.count == 1 && !$0.faces[0].isIgnored }
    backgrounds = try pictures(10) { $0.folder == "scenes" && $0.faces.isEmpty }
    guard !portraits.isEmpty, !backgrounds.isEmpty else {
      throw TrainingError.invalidData(
        path: data.folder, "has no portraits or no scenes without faces for validation")
    }
  }

  /// - Parameter detector: with the threshold that counts.
  public func run(_ trial: Trial, _ detector: FaceDetector) throws -> Trial {
    var result = trial
    var answers: [DetectedFace] = []
    for (number, portrait) in portraits.enumerated() {
      let (canvas, wanted) = paste(portrait, into: backgrounds[number % backgrounds.count], trial)
      try canvas.image.withPlane { try detector.detect(in: $0, into: &answers) }
      let isFound = answers.contains { Self.clip($0.box).overlap(with: wanted) >= 0.5 }
      result.shown += 1
      result.found += isFound ? 1 : 0
    }
    return result
  }

  private func paste(
    _ portrait: LabelledPicture, into background: LabelledPicture, _ trial: Trial
  ) -> (canvas: DetectorCanvas, box: Rect) {
    let canvas = DetectorCanvas(width: Self.size.width, height: Self.size.height)
    let cover = max(Float(canvas.width) / background.width, Float(canvas.height) / background.height)
    canvas.paint(
      background.pyramid, toCanvas: AffineTransform(a: cover, b: 0, tx: 0, c: 0, d: cover, ty: 0),
      clip: canvas.bounds, mask: LayerMask(window: background.bounds, exponent: nil), tone: .identity)
    let box = portrait.faces[0].box
    let map = CanvasComposer.placement(
      of: box.center, scale: trial.height / box.height, roll: trial.degrees * .pi / 180, mirrored: false,
      at: canvas.bounds.rect.center)
    canvas.paint(
      portrait.pyramid, toCanvas: map, clip: canvas.bounds,
      mask: LayerMask(window: portrait.bounds, exponent: 4, feather: 0.1), tone: .identity)
    return (canvas, Self.clip(CanvasComposer.mappedBox(box, map)))
  }

  private static func clip(_ box: Rect) -> Rect { box.clipped(width: size.width, height: size.height) }
}
