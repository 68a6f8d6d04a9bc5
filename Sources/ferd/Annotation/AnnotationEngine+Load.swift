extension AnnotationEngine {
  static func load(
    model: ModelOptions, detector: DetectorOptions?, bias: BiasOptions, profile: EnsembleProfile, detectEvery: Int
  ) throws -> AnnotationEngine {
    throw CommandFailure(.internalError, "annotate needs the ensemble and the detector")
  }
}
