import Pipeline

/// The networks that a command loaded, ready to run.
struct AnnotationEngine {
  var finder: any FaceFinder
  /// Equal ones, each for a thread of its own.
  var classifiers: [any FaceClassifier]
  /// Name and checksum of the ensemble, for `hello`.
  var modelName: String
}
