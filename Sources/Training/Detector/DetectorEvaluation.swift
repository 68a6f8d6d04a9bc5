import Capture
public import FaceCrop
import Foundation
public import Inference
import Pixels

/// Runs a detector over labelled pictures.
public struct DetectorEvaluation: Sendable {
  public var score = DetectorScore()

  /// - Parameters:
  ///   - pictures: which labels to hold it against.
  ///   - folder: holds the files they name.
  ///   - detector: with a low score threshold, so that thresholds above it can be compared.
  ///   - isThorough: whether it looks as at still pictures (`detectThoroughly`) or as at the frames of a video.
  public init(pictures: [FaceAnnotation], folder: String, detector: FaceDetector, isThorough: Bool) throws {
    let reader = PictureReader()
    var faces: [DetectedFace] = []
    for annotation in pictures {
      let image = try reader.read(folder + "/" + annotation.file)
      guard image.width == annotation.width, image.height == annotation.height else {
        throw TrainingError.invalidData(
          path: folder + "/" + annotation.file,
          "expected \(annotation.width)x\(annotation.height), got \(image.width)x\(image.height)")
      }
      try image.withPlane {
        if isThorough {
          try detector.detectThoroughly(in: $0, into: &faces)
        } else {
          try detector.detect(in: $0, into: &faces)
        }
      }
      score.add(annotation, answers: faces)
    }
  }
}

extension DetectorEvaluation {
  /// What is printed, and kept in the model's record.
  public struct Report: Codable, Sendable {
    /// A face that was not found, or was with a score below the threshold.
    public struct Miss: Codable, Sendable {
      public var file: String
      public var box: [Float]
      public var score: Float?
    }
    /// An answer that is no labelled face.
    public struct Alarm: Codable, Sendable {
      public var file: String
      public var box: [Float]
      public var score: Float
    }
    public var threshold: Float
    /// Longer side of the detector's input in pixels.
    public var detectSize: Int
    public var medianLandmarkError: Double?
    public var folders: [String: DetectorScore.Figures.Folder]
    public var misses: [Miss]?
    public var falseAlarms: [Alarm]?
    public var reach: [DetectorReach.Trial]?
  }

  /// - Parameters:
  ///   - threshold: of the score; nil = the lowest one at which at most every twentieth picture of scenes has a false alarm.
  ///   - lists: true to name each miss and each false alarm.
  public func report(threshold: Float?, detectSize: Int, lists: Bool) -> Report {
    let limit = (score.pictures["scenes"] ?? 0) / 20
    let threshold = threshold ?? score.threshold(falseAlarmsAtMost: limit, folder: "scenes")
    let figures = score.figures(threshold: threshold)
    func numbers(_ box: Rect) -> [Float] {
      [box.x, box.y, box.width, box.height].map { ($0 * 10).rounded() / 10 }
    }
    let misses = score.faces.filter { ($0.score ?? 0) < threshold }
    let alarms = score.falseAlarms.filter { $0.score >= threshold }
    return Report(
      threshold: threshold, detectSize: detectSize, medianLandmarkError: figures.medianLandmarkError,
      folders: figures.folders,
      misses: lists ? misses.map { .init(file: $0.file, box: numbers($0.box), score: $0.score) } : nil,
      falseAlarms: lists ? alarms.map { .init(file: $0.file, box: numbers($0.box), score: $0.score) } : nil)
  }
}

extension DetectorTrainer {
  /// A model file of the averaged network with its recipe and what was measured.
  public static func model(
    tensors: [String: Tensor], phases: [Phase], data: String, report: DetectorEvaluation.Report
  ) throws -> ModelFile {
    func json(_ value: some Encodable) throws -> JSONValue {
      try JSONDecoder().decode(JSONValue.self, from: JSONEncoder().encode(value))
    }
    return try ModelFile(
      spec: FaceDetectorSpec.model(), tensors: tensors,
      record: ModelRecord(
        inputMean: FaceDetectorSpec.inputMean, inputStandardDeviation: FaceDetectorSpec.inputStandardDeviation,
        training: .object(["phases": try json(phases), "data": .string(data)]), metrics: try json(report)))
  }
}
