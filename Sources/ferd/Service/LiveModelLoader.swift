import FaceCrop
import Foundation
import Inference
import Pipeline

/// Makes ready what a reload of `ferd stream` may change: networks, thresholds and bias factors.
struct LiveModelLoader: Sendable {
  /// What the command line says of a state dict.
  var declaration = ModelDeclaration()
  /// Bias options of the command line, which win over the configuration; nil: there are none.
  var biasOptions: BiasOptions?

  /// Threads that classify: as the user says, or one for each processor; more than four wait for the detector.
  static func classifierCount(_ configuration: StreamConfiguration) -> Int {
    configuration.threads ?? min(4, ProcessInfo.processInfo.activeProcessorCount)
  }

  /// Reads the files; takes as long as disk and compiler need.
  ///
  /// - Throws: `CommandFailure` and `InferenceError` for models and bias factors that are missing or damaged.
  func load(_ configuration: StreamConfiguration) throws -> LiveModels {
    // What the environment says is in the configuration already; "default" there is the bundled one whatever it says.
    let locator = ModelLocator(environment: [:])
    let (classifiers, identity) = try AnnotationEngine.classifiers(
      path: try locator.path(
        given: configuration.model, variable: "FERD_MODEL", bundledName: ModelLocator.ensembleName, what: "model",
        option: "--model"),
      declaration: declaration, precision: configuration.precision, profile: configuration.profile,
      bias: try biasOptions(configuration), count: Self.classifierCount(configuration))
    let (detector, tracking) = try AnnotationEngine.detector(
      path: try locator.path(
        given: configuration.detector, variable: "FERD_DETECTOR", bundledName: ModelLocator.detectorName,
        what: "detector", option: "--detector"),
      detectSize: configuration.detectSize, threshold: configuration.detectThreshold,
      precision: configuration.precision)
    return LiveModels(
      finder: TrackingFaceFinder(detector: detector, trackerOptions: tracking, looksAtRegions: true),
      classifiers: classifiers, modelName: identity)
  }

  private func biasOptions(_ configuration: StreamConfiguration) throws -> BiasOptions {
    if let biasOptions { return biasOptions }
    guard case .given(let text) = configuration.bias else { return try BiasOptions.parse([]) }
    return try BiasOptions.parse(["--bias=\(text)"])
  }
}
