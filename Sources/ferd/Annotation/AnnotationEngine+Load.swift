import FaceCrop
import Foundation
import Inference
import Pipeline

extension AnnotationEngine {
  /// Reads the models and makes them ready to run.
  ///
  /// - Parameters:
  ///   - detector: nil = pictures are face crops already.
  ///   - detectEvery: nil = as the frame rate demands.
  ///   - classifiers: how many equal ones to make; each runs on one thread.
  /// - Throws: `CommandFailure` and `InferenceError` for models that are missing or damaged.
  static func load(
    model: ModelOptions, detector: DetectorOptions?, bias: BiasOptions, profile: EnsembleProfile, detectEvery: Int?,
    classifiers: Int
  ) throws -> AnnotationEngine {
    let path = try model.path()
    let first = try naming(path) {
      try EmotionEnsemble(
        path: path, as: model.declaration, precision: model.precision, threads: 1,
        firstMemberOnly: profile == .fast)
    }
    let correction = try bias.correction(labels: first.labels)
    let loaded = try (0..<classifiers).map { index in
      try EnsembleClassifier(
        ensemble: index == 0 ? first : EmotionEnsemble(replicating: first), bias: correction)
    }
    return AnnotationEngine(
      finder: try detector.map { try finder($0, precision: model.precision, detectEvery: detectEvery) }
        ?? WholePictureFinder(),
      classifiers: loaded, modelName: first.identity)
  }

  static func finder(
    _ options: DetectorOptions, precision: Precision?, detectEvery: Int?
  ) throws -> any FaceFinder {
    var settings = FaceDetector.Options()
    if let size = options.detectSize { settings.detectSize = size }
    var tracking = FaceTracker.Options()
    let path = try options.path()
    let detector = try naming(path) {
      let file = try ModelFile.read(from: path)
      if let threshold = FaceDetector.scoreThreshold(of: file) {
        tracking = FaceTracker.Options(scoreThreshold: threshold)
      }
      settings.scoreThreshold = tracking.keepScore
      settings.precision = precision ?? file.record.preferredPrecision
      return try FaceDetector(model: file, options: settings)
    }
    return TrackingFaceFinder(detector: detector, trackerOptions: tracking, detectEvery: detectEvery)
  }

  /// Says in every error which file it is about.
  static func naming<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let error as InferenceError {
      if case .unreadableFile = error { throw error }
      throw CommandFailure(.unreadable, "\(path): \(error)")
    }
  }
}
