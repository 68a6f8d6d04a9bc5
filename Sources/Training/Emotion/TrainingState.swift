import Inference

/// What a checkpoint says beside its buffers.
struct TrainingState: Codable, Equatable {
  var recipe: TrainingRecipe
  var spec: ModelSpec
  /// Of the training pictures and their classes, so that a run does not go on with other data unnoticed.
  var dataFingerprint: String
  /// Of the validation pictures that count; nil in checkpoints of versions that did not keep it.
  var validationFingerprint: String?
  var threads: Int
  var precision: Precision
  /// Identity of the teachers, where there are some.
  var teachers: String?
  /// What was taken over of other weights before the first step, and what was not; nil where the run starts from random
  /// ones, and in checkpoints of versions that did not keep it.
  var weights: [String]?

  /// Finished epochs.
  var epoch = 0
  /// Finished steps of the running epoch.
  var stepInEpoch = 0
  /// Steps since the start.
  var step = 0
  var optimiserSteps = 0
  var averageUpdates = 0
  /// Sum of the running epoch's losses.
  var lossSum = 0.0
  /// Time that the running epoch's steps took, over all processes that made them. nil at an epoch's start.
  var stepSeconds: Double?
  var bestScore: Double?
  var bestEpoch = 0
  /// Of the classes in the running epoch's sampling, where it follows validation; nil = 1 for all.
  var samplingWeights: [Double]?
  /// True once no more epoch will come, because all are done or patience is at its end.
  var isFinished = false

  /// Why a checkpoint cannot be continued by a run of these settings; nil where it can.
  func obstacle(to other: TrainingState) -> String? {
    var comparable = recipe
    comparable.epochs = other.recipe.epochs
    comparable.earlyEpochs = other.recipe.earlyEpochs
    if comparable != other.recipe {
      let settings = comparable.names(ofSettingsOtherThanIn: other.recipe).joined(separator: ", ")
      return "belongs to another recipe, which differs in \(settings); continue with the same settings"
    }
    if spec != other.spec { return "belongs to another network" }
    if dataFingerprint != other.dataFingerprint { return "belongs to other training pictures" }
    if let validationFingerprint, validationFingerprint != other.validationFingerprint {
      return "chose its best epoch by other validation pictures, or with others excluded"
    }
    if precision != other.precision {
      return "was trained in \(precision.rawValue), this run would go on in \(other.precision.rawValue)"
    }
    if teachers != other.teachers {
      return "learned \(teachers.map { "from \($0)" } ?? "without teachers"), this run would go on "
        + (other.teachers.map { "with \($0)" } ?? "without")
    }
    return nil
  }
}
