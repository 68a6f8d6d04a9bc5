import Inference
import Pixels

extension TrainingRecipe {
  /// - Throws: `invalidSettings` for another number of channels than 1 and 3, of whatever they are told of.
  func validateChannels() throws(TrainingError) {
    guard inputChannels == 1 || inputChannels == 3 else {
      throw .invalidSettings("inputChannels must be 1 or 3, it is \(inputChannels)")
    }
    if let channelNormalisations, channelNormalisations.count != 3 {
      throw .invalidSettings("channelNormalisations must be three, they are \(channelNormalisations.count)")
    }
  }

  /// The model's record as far as the recipe tells: its classes, and how its input is normalised. Training and evaluation
  /// feed the network by it, too.
  func makeRecord(labels: ClassLabels) -> ModelRecord {
    var record = ModelRecord(
      labels: labels.names, inputMean: normalisation.mean,
      inputStandardDeviation: normalisation.standardDeviation)
    // Where no channel differs from the picture, the record does not name them: inference then folds them into one.
    if let channels = completed().channelNormalisations, channels.contains(where: { $0 != normalisation }) {
      record.channelMeans = channels.map(\.mean)
      record.channelStandardDeviations = channels.map(\.standardDeviation)
    }
    return record
  }
}

extension Normalisation {
  /// What torchvision's weights expect of red, green and blue.
  static let imageNet = zip(ModelDeclaration.imageNetMeans, ModelDeclaration.imageNetStandardDeviations).map {
    Normalisation(mean: $0, standardDeviation: $1)
  }
}
