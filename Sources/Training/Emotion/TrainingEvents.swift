/// What a run tells while it works.
public enum TrainingEvent: Sendable {
  /// One line for the person who waits.
  case note(String)
  case step(TrainingProgress)
  /// What is measured from now on, which takes a while.
  case measuring(String)
  case epoch(EpochRecord)
}

/// Where a run stands after a step.
public struct TrainingProgress: Sendable {
  /// From 1.
  public var epoch: Int
  public var epochs: Int
  /// Within the epoch, from 1.
  public var step: Int
  public var steps: Int
  /// Mean of the epoch so far.
  public var loss: Double
  public var learningRate: Float
  public var imagesPerSecond: Double
  /// Until the last epoch's end, evaluations included.
  public var secondsLeft: Double
}

/// One finished epoch: a line of `metrics.jsonl`.
public struct EpochRecord: Codable, Equatable, Sendable {
  public struct Scores: Codable, Equatable, Sendable {
    public var images: Int
    public var accuracy: Double
    public var macroRecall: Double
    public var macroF1: Double
    public var nll: Double
    public var ece: Double
    /// In the order of the labels.
    public var recall: [Double]
    /// Rows are the truth, columns what was called; nil in lines of versions that did not keep it.
    public var confusion: [[Int]]?

    init(_ metrics: ClassificationMetrics) {
      images = metrics.images
      accuracy = metrics.accuracy
      macroRecall = metrics.macroRecall
      macroF1 = metrics.macroF1
      nll = metrics.nll
      ece = metrics.ece
      recall = metrics.perClass.map(\.recall)
      confusion = metrics.confusion
    }
  }

  /// From 1.
  public var epoch: Int
  /// Steps since the start of the run.
  public var step: Int
  /// Of the last step.
  public var learningRate: Float
  /// Mean over the epoch, with augmentation and smoothing.
  public var trainLoss: Double
  /// Of training alone, without evaluation.
  public var imagesPerSecond: Double
  /// Flip-averaged, with averaged weights.
  public var validation: Scores
  /// The same without the excluded pictures, where there are any.
  public var deduplicated: Scores?
  /// What selects the best epoch; from `deduplicated` where there is one, otherwise from `validation`.
  public var score: Double
  public var isBest: Bool
  /// How many pictures of each class the epoch showed; nil in lines of versions that did not keep it.
  public var sampled: [Int]?
  /// Of the epoch, its evaluation included; nil in lines of versions that did not keep it.
  public var seconds: Double?
}
