import Foundation

/// What a model file says about itself beside network and weights.
public struct ModelRecord: Codable, Equatable, Sendable {
  /// Names of the classes in the order of the network's results; empty for networks that do not classify.
  public var labels: [String]
  /// An input value is (luma / 255 - `inputMean`) / `inputStandardDeviation`, luma from 0 (black) to 255 (white).
  public var inputMean: Float
  public var inputStandardDeviation: Float
  /// Of each channel of a network with three, where their normalisations differ; nil where they don't. Callers normalise
  /// with `inputMean` and `inputStandardDeviation` all the same, and `InputChannels` brings each channel to its own.
  public var channelMeans: [Float]?
  /// Likewise.
  public var channelStandardDeviations: [Float]?
  /// How crops are framed; FaceCrop reads it.
  public var cropGeometry: JSONValue?
  /// How the weights came to be: data, recipe, seed.
  public var training: JSONValue?
  /// What was measured on which data.
  public var metrics: JSONValue?
  /// Number formats in which the network was seen to keep its accuracy.
  public var precisions: [Precision]

  public init(
    labels: [String] = [], inputMean: Float = 0, inputStandardDeviation: Float = 1,
    cropGeometry: JSONValue? = nil, training: JSONValue? = nil, metrics: JSONValue? = nil,
    precisions: [Precision] = Precision.allCases
  ) {
    self.labels = labels
    self.inputMean = inputMean
    self.inputStandardDeviation = inputStandardDeviation
    self.cropGeometry = cropGeometry
    self.training = training
    self.metrics = metrics
    self.precisions = precisions
  }

  /// The fastest format that both the record and the processor allow.
  public var preferredPrecision: Precision {
    precisions.contains(.fastest) ? .fastest : .f32
  }

  /// nil where everything is sensible.
  var problem: String? {
    if !inputMean.isFinite { return "an input mean of \(inputMean)" }
    if !inputStandardDeviation.isFinite || inputStandardDeviation <= 0 {
      return "an input standard deviation of \(inputStandardDeviation)"
    }
    if let channelMeans, !channelMeans.allSatisfy(\.isFinite) { return "input means of \(channelMeans)" }
    if let channelStandardDeviations, !channelStandardDeviations.allSatisfy({ $0.isFinite && $0 > 0 }) {
      return "input standard deviations of \(channelStandardDeviations)"
    }
    if channelMeans?.count != channelStandardDeviations?.count {
      return "other numbers of input means than of standard deviations"
    }
    if Set(labels).count != labels.count { return "labels that repeat: \(labels)" }
    if labels.contains("") { return "a label without a name" }
    return nil
  }
}
