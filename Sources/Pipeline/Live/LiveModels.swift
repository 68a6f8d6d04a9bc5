import Inference

/// Everything that a reload may change: networks, thresholds, bias factors.
///
/// To be made ready, and found fit, before it is handed over: the classifiers' crops and labels are checked where they are
/// made. Handed over, it belongs to the pipeline.
public struct LiveModels: @unchecked Sendable {
  public let finder: any LiveFaceFinder
  /// Equal ones, each for a thread of its own.
  public let classifiers: [any FaceClassifier]
  /// Name and checksum of the ensemble, for `hello`.
  public let modelName: String

  public init(finder: any LiveFaceFinder, classifiers: [any FaceClassifier], modelName: String) {
    precondition(!classifiers.isEmpty, "nobody to classify")
    precondition(
      classifiers.allSatisfy { $0.labels == classifiers[0].labels && $0.bias == classifiers[0].bias },
      "classifiers that are not equal")
    self.finder = finder
    self.classifiers = classifiers
    self.modelName = modelName
  }
}

/// Models that are being used; which ones, is known by their address.
final class LoadedModels {
  let finder: any LiveFaceFinder
  let classifiers: [any FaceClassifier]
  let labels: [String]
  let bias: BiasCorrection
  let modelName: String

  init(_ models: LiveModels) {
    finder = models.finder
    classifiers = models.classifiers
    labels = models.classifiers[0].labels
    bias = models.classifiers[0].bias
    modelName = models.modelName
  }
}
