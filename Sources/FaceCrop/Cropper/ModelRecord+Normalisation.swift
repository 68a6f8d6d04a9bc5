public import Inference
public import Pixels

extension ModelRecord {
  /// How brightness is given to the network.
  public var normalisation: Normalisation {
    Normalisation(mean: inputMean, standardDeviation: inputStandardDeviation)
  }
}
