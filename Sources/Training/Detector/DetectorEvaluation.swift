import Capture
public import FaceCrop
import Pixels

/// Runs a detector over labelled pictures.
public struct DetectorEvaluation: Sendable {
  public var score = DetectorScore()

  /// - Parameters:
  ///   - pictures: which labels to hold it against.
  ///   - folder: holds the files they name.
  ///   - detector: with a low score threshold, so that thresholds above it can be compared.
  public init(pictures: [FaceAnnotation], folder: String, detector: FaceDetector) throws {
    let reader = PictureReader()
    var faces: [DetectedFace] = []
    for annotation in pictures {
      let image = try reader.read(folder + "/" + annotation.file)
      guard image.width == annotation.width, image.height == annotation.height else {
        throw TrainingError.invalidData(
          path: folder + "/" + annotation.file,
          "expected \(annotation.width)x\(annotation.height), got \(image.width)x\(image.height)")
      }
      try image.withPlane { try detector.detect(in: $0, into: &faces) }
      score.add(annotation, answers: faces)
    }
  }
}
