import Pipeline

/// The networks that a command loaded, ready to run.
struct AnnotationEngine {
  var finder: any FaceFinder
  var classifier: any FaceClassifier
  /// Name and checksum of the ensemble, for `hello`.
  var modelName: String
}
