/// Shows classes that validation finds neglected more often, from epoch to epoch.
///
/// With the error e = 1 - recall + 0.05 of each class, the goal of its weight is e / (mean of all e), held within 1/3
/// and 3; after each epoch the weight goes half of the way there. So a class that is never recognised soon comes three
/// times as often as its share says, recall alike everywhere leaves all as it is, and no weight leaves these bounds.
enum DynamicSampling {
  static let bounds = 1.0 / 3...3.0
  /// Keeps the classes of a nearly perfect network from taking turns.
  static let floor = 0.05

  /// - Parameters:
  ///   - weights: The former ones, nil before the first epoch's end: 1 for all.
  ///   - recall: Of each class on validation, nil where it has no pictures there: its goal is 1.
  static func next(_ weights: [Double]?, recall: [Double?]) -> [Double] {
    let weights = weights ?? recall.map { _ in 1 }
    precondition(weights.count == recall.count)
    let errors = recall.map { $0.map { 1 - $0 + floor } }
    let known = errors.compactMap(\.self)
    guard !known.isEmpty else { return weights }
    let mean = known.reduce(0, +) / Double(known.count)
    return zip(weights, errors).map { weight, error in
      let goal = min(max((error ?? mean) / mean, bounds.lowerBound), bounds.upperBound)
      return (weight + goal) / 2
    }
  }
}
