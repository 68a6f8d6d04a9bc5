/// How a search proposes the factors that it tries.
public enum BiasMethod: String, Sendable, CaseIterable, Codable {
  /// `BiasGridSearch`
  case gridSearch = "grid-search"
  /// `BiasParzenSearch`
  case bayesian
  /// `BiasEvolution`
  case evolutionary
}

/// What `BiasSearch` does.
public struct BiasSearchSettings: Equatable, Sendable {
  public var method: BiasMethod
  public var objective: BiasObjective
  /// Positions of the classes whose factors are searched; the others stay at 1. Where all are searched, a common factor
  /// changes nothing: then the geometric mean of the factors is 1 (as far as the limits allow).
  public var searchedClasses: [Int]
  /// Sets of factors that are tried on all pictures, and again for each fold. The first are 1s, the closed form
  /// (`LogitAdjustment`) and, where true classes are asked for, the likeliest (`LikelihoodFit`).
  public var trials: Int
  /// Parts of the work that run at the same time; has no influence on the result.
  public var jobs: Int
  public var seed: UInt64
  /// Parts for cross-validation.
  public var folds: Int
  public var smallestFactor: Double
  public var largestFactor: Double
  /// Searches a temperature too: p' = p^(1/T) * b / sum. Objectives without a term of likelihood do not feel it; for
  /// them it is chosen after the factors, by the likelihood, so that no picture is called otherwise.
  public var searchesTemperature: Bool
  /// Ends the search with an exact line search along each factor (`BiasRefinement`).
  public var isRefined: Bool
  /// Gives the candidate as `factors` even where its gain may be noise.
  public var force: Bool

  public init(
    method: BiasMethod = .gridSearch, objective: BiasObjective = BiasObjective(), searchedClasses: [Int],
    trials: Int = 2000, jobs: Int = 1, seed: UInt64 = 0, folds: Int = 5, smallestFactor: Double = 0.1,
    largestFactor: Double = 10, searchesTemperature: Bool = false, isRefined: Bool = true, force: Bool = false
  ) {
    self.method = method
    self.objective = objective
    self.searchedClasses = searchedClasses
    self.trials = trials
    self.jobs = jobs
    self.seed = seed
    self.folds = folds
    self.smallestFactor = smallestFactor
    self.largestFactor = largestFactor
    self.searchesTemperature = searchesTemperature
    self.isRefined = isRefined
    self.force = force
  }

  static let temperatureRange = 0.2...5.0

  /// - Throws: `TrainingError.invalidSettings` where they contradict themselves or the scores.
  func validate(_ scores: BiasScores) throws(TrainingError) {
    try objective.validate(classes: scores.labels.count)
    guard trials >= 1 else { throw .invalidSettings("trials: expected at least 1, found \(trials)") }
    guard jobs >= 1 else { throw .invalidSettings("jobs: expected at least 1, found \(jobs)") }
    guard folds >= 2, folds <= scores.count else {
      throw .invalidSettings(
        "folds: expected 2 to the number of pictures (\(scores.count)), found \(folds)")
    }
    guard smallestFactor >= 1e-6, smallestFactor <= 1, largestFactor >= 1, largestFactor <= 1e6,
      smallestFactor < largestFactor
    else {
      throw .invalidSettings(
        "limits of the factors: expected a range around 1 within 0.000001 to 1000000, found \(smallestFactor) to "
          + "\(largestFactor)")
    }
    guard !searchedClasses.isEmpty, Set(searchedClasses).count == searchedClasses.count,
      searchedClasses.allSatisfy(scores.labels.indices.contains)
    else {
      throw .invalidSettings(
        "searched classes: expected different ones of 0 to \(scores.labels.count - 1), found \(searchedClasses)")
    }
    guard objective.needsTruth || searchesTemperature else { return }
    let unknown = scores.truth.count { $0 == nil }
    guard unknown == 0 else {
      throw .invalidSettings(
        "the objective needs every picture's true class, which \(unknown) of \(scores.count) pictures lack")
    }
    for label in searchedClasses where !scores.truth.contains(label) {
      throw .invalidSettings(
        "no picture of \"\(scores.labels[label])\": its factor cannot be judged; add pictures or leave the class out"
      )
    }
  }
}
