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
  ///   - classifiers: how many equal ones to make.
  ///   - threadsEach: that one of them computes with.
  /// - Throws: `CommandFailure` and `InferenceError` for models that are missing or damaged.
  static func load(
    model: ModelOptions, detector: DetectorOptions?, bias: BiasOptions, profile: EnsembleProfile, detectEvery: Int?,
    classifiers: Int, threadsEach: Int = 1
  ) throws -> AnnotationEngine {
    let (classifiers, identity) = try Self.classifiers(
      path: model.path(), declaration: model.declaration, precision: model.precision, profile: profile, bias: bias,
      count: classifiers, threadsEach: threadsEach)
    return AnnotationEngine(
      finder: try detector.map { try finder($0, precision: model.precision, detectEvery: detectEvery) }
        ?? WholePictureFinder(),
      classifiers: classifiers, modelName: identity)
  }

  static func finder(
    _ options: DetectorOptions, precision: Precision?, detectEvery: Int?
  ) throws -> any FaceFinder {
    let (detector, tracking) = try Self.detector(
      path: options.path(), detectSize: options.detectSize, precision: precision)
    return TrackingFaceFinder(detector: detector, trackerOptions: tracking, detectEvery: detectEvery)
  }

  /// Equal classifiers, and name and checksum of their ensemble.
  static func classifiers(
    path: String, declaration: ModelDeclaration, precision: Precision?, profile: EnsembleProfile, bias: BiasOptions,
    count: Int, threadsEach: Int = 1
  ) throws -> (classifiers: [EnsembleClassifier], identity: String) {
    let first = try naming(path) {
      try EmotionEnsemble(
        path: path, as: declaration, precision: precision, threads: threadsEach, firstMemberOnly: profile == .fast)
    }
    let correction = try bias.correction(labels: first.labels)
    let classifiers = try (0..<count).map { index in
      try EnsembleClassifier(
        ensemble: index == 0 ? first : EmotionEnsemble(replicating: first), bias: correction)
    }
    return (classifiers, first.identity)
  }

  /// A detector, and how its faces are followed.
  ///
  /// - Parameters:
  ///   - detectSize: nil = the usual one.
  ///   - threshold: score that is enough for a face; nil = as the model's record says.
  static func detector(
    path: String, detectSize: Int?, threshold: Double? = nil, precision: Precision?
  ) throws -> (detector: FaceDetector, tracking: FaceTracker.Options) {
    var settings = FaceDetector.Options()
    if let detectSize { settings.detectSize = detectSize }
    return try naming(path) {
      let file = try ModelFile.read(from: path)
      var tracking = FaceTracker.Options()
      if let threshold = threshold.map({ Float($0) }) ?? FaceDetector.scoreThreshold(of: file) {
        tracking = FaceTracker.Options(scoreThreshold: threshold)
      }
      settings.scoreThreshold = tracking.keepScore
      settings.precision = precision ?? file.record.preferredPrecision
      return (try FaceDetector(model: file, options: settings), tracking)
    }
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
