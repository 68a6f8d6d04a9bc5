/// One set of factors that was tried.
public struct BiasTrial: Equatable, Sendable {
  /// From 0, in the order of proposal.
  public var number: Int
  /// In the order of the labels.
  public var factors: [Double]
  /// 1 = none.
  public var temperature: Double
  /// Objective on all pictures less the regularisation: what the search makes large.
  public var value: Double

  public init(number: Int, factors: [Double], temperature: Double, value: Double) {
    self.number = number
    self.factors = factors
    self.temperature = temperature
    self.value = value
  }
}

/// What factors do to pictures that had no part in finding them: each picture is judged with the factors found without
/// its fold.
///
/// The interval is that of a percentile bootstrap over the pictures, `BiasCrossValidation.widening` times as wide, as the
/// folds share pictures and so are not as independent as the bootstrap takes them (Bates, Hastie and Tibshirani, arXiv
/// 2104.00673); by how much was found by simulation.
public struct BiasEstimate: Equatable, Sendable {
  /// Objective without factors.
  public var before: Double
  /// Objective with factors.
  public var after: Double
  /// 95 % interval of the gain `after - before`.
  public var interval: (low: Double, high: Double)

  public init(before: Double, after: Double, interval: (low: Double, high: Double)) {
    self.before = before
    self.after = after
    self.interval = interval
  }

  public static func == (a: BiasEstimate, b: BiasEstimate) -> Bool {
    a.before == b.before && a.after == b.after && a.interval == b.interval
  }
}

/// Factors by maximum likelihood (`LikelihoodFit`), which chance fools less than the search's.
public struct BiasAlternative: Equatable, Sendable {
  /// In the order of the labels.
  public var factors: [Double]
  /// 1 = none.
  public var temperature: Double
  /// Objective on all pictures, without regularisation.
  public var value: Double
  /// nil where the search was interrupted before all folds were done.
  public var crossValidated: BiasEstimate?
}

/// What a search found.
public struct BiasResult: Equatable, Sendable {
  /// What is recommended, in the order of the labels: the candidate where its gain is sure; else the alternative where
  /// its gain is; else 1s, or the candidate where it was forced.
  public var factors: [Double]
  /// Belongs to `factors`; 1 = none. p' = p^(1/T) * b / sum.
  public var temperature: Double
  /// The best found.
  public var candidate: [Double]
  public var candidateTemperature: Double
  /// Whether the cross-validated gain of the candidate or the alternative is above 0 with its whole interval. Forcing
  /// does not change it.
  public var recommended: Bool
  /// Objective on all pictures without factors, and with the candidate; both without regularisation.
  public var valueBefore: Double
  public var value: Double
  /// Of the candidate; nil where the search was interrupted before all folds were done.
  public var crossValidated: BiasEstimate?
  /// nil where no true classes are asked for.
  public var alternative: BiasAlternative?
  /// Factors by logit adjustment (Menon et al. 2021) with the effective prior, where the search starts.
  public var closedForm: [Double]
  /// Mean probability of each class.
  public var effectivePrior: [Double]
  /// Those on all pictures, in the order of their numbers; the last may be the refined one.
  public var trials: [BiasTrial]
  /// How much each searched class's factor matters around the candidate, in the order of the searched classes; sums to
  /// 1 or is all 0 where none matters.
  public var importance: [Double]
  public var isInterrupted: Bool

  /// Whether `factors` are those of the alternative, as its gain is sure and the candidate's is not.
  public var isAlternativeRecommended: Bool { recommended && (crossValidated?.interval.low ?? 0) <= 0 }
}
