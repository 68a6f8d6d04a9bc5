import FaceCrop
import Foundation
import Inference
import Pipeline

extension AnnotationEngine {
  /// Reads the models and makes them ready to run.
  ///
  /// - Parameters:
  ///   - detector: nil = pictures are face crops already.
  ///   - threads: of each network, where the user names no number.
  /// - Throws: `CommandFailure` and `InferenceError` for models that are missing or damaged.
  static func load(
    model: ModelOptions, detector: DetectorOptions?, bias: BiasOptions, profile: EnsembleProfile, detectEvery: Int,
    threads: Int
  ) throws -> AnnotationEngine {
    let path = try model.path()
    let ensemble = try naming(path) {
      try EmotionEnsemble(
        path: path, precision: model.precision, threads: model.threads ?? threads, firstMemberOnly: profile == .fast
      )
    }
    return AnnotationEngine(
      finder: try detector.map { try finder($0, model: model, detectEvery: detectEvery, threads: threads) }
        ?? WholePictureFinder(),
      classifier: try EnsembleClassifier(ensemble: ensemble, bias: try bias.correction(labels: ensemble.labels)),
      modelName: ensemble.identity)
  }

  private static func finder(
    _ options: DetectorOptions, model: ModelOptions, detectEvery: Int, threads: Int
  ) throws -> any FaceFinder {
    var settings = FaceDetector.Options()
    settings.scoreThreshold = TrackingFaceFinder.detectionThreshold
    settings.threads = model.threads ?? threads
    if let size = options.detectSize { settings.detectSize = size }
    settings.precision = model.precision ?? .f32
    let path = try options.path()
    let detector = try naming(path) { try FaceDetector(model: ModelFile.read(from: path), options: settings) }
    return TrackingFaceFinder(detector: detector, detectEvery: detectEvery)
  }

  /// Says in every error which file it is about.
  private static func naming<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let error as InferenceError {
      if case .unreadableFile = error { throw error }
      throw CommandFailure(.unreadable, "\(path): \(error)")
    }
  }
}
