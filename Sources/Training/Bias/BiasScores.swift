/// What an ensemble without bias makes of pictures, and what they truly show: all that a search for factors needs.
public struct BiasScores: Equatable, Sendable {
  /// The classes, in the order of the columns.
  public let labels: [String]
  /// `[pictures, labels]`, each row sums to 1.
  public let probabilities: [Float]
  /// Position of each picture's true class; nil = unknown.
  public let truth: [Int?]

  /// Number of pictures.
  public var count: Int { truth.count }

  /// - Throws: `TrainingError.invalidData` for fewer than two classes or pictures, and for a row that is no
  ///   distribution (not a number, negative, a sum further than 0.001 from 1).
  public init(labels: [String], probabilities: [Float], truth: [Int?]) throws(TrainingError) {
    func refuse(_ problem: String) -> TrainingError { .invalidData(path: "scores", problem) }
    guard labels.count >= 2 else { throw refuse("expected at least 2 classes, found \(labels.count)") }
    guard truth.count >= 2 else { throw refuse("expected at least 2 pictures, found \(truth.count)") }
    guard probabilities.count == truth.count * labels.count else {
      throw refuse(
        "expected \(truth.count) x \(labels.count) probabilities, found \(probabilities.count)")
    }
    for (picture, label) in truth.enumerated() {
      if let label, !labels.indices.contains(label) {
        throw refuse("picture \(picture): expected a class of 0 to \(labels.count - 1), found \(label)")
      }
      var sum: Float = 0
      for column in labels.indices {
        let value = probabilities[picture * labels.count + column]
        guard value >= 0, value.isFinite else {
          throw refuse("picture \(picture): expected a probability for \"\(labels[column])\", found \(value)")
        }
        sum += value
      }
      guard abs(sum - 1) <= 1e-3 else {
        throw refuse("picture \(picture): expected probabilities that sum to 1, they sum to \(sum)")
      }
    }
    self.labels = labels
    self.probabilities = probabilities
    self.truth = truth
  }

  private init(unchecked labels: [String], _ probabilities: [Float], _ truth: [Int?]) {
    self.labels = labels
    self.probabilities = probabilities
    self.truth = truth
  }

  /// The pictures at `positions`, in that order.
  func subset(_ positions: [Int]) -> BiasScores {
    let classes = labels.count
    var rows: [Float] = []
    rows.reserveCapacity(positions.count * classes)
    for position in positions {
      rows += probabilities[position * classes..<(position + 1) * classes]
    }
    return BiasScores(unchecked: labels, rows, positions.map { truth[$0] })
  }

  /// Part of the pictures that truly show each class; nil where a picture's class is unknown.
  public var classShares: [Double]? {
    var shares = [Double](repeating: 0, count: labels.count)
    for label in truth {
      guard let label else { return nil }
      shares[label] += 1
    }
    return shares.map { $0 / Double(count) }
  }

  /// Mean probability of each class: the prior that the network in effect works with, which on skewed data is not that
  /// of the class counts (Prior2Posterior, arXiv 2412.16540).
  public var effectivePrior: [Double] {
    var sums = [Double](repeating: 0, count: labels.count)
    for picture in 0..<count {
      for column in labels.indices { sums[column] += Double(probabilities[picture * labels.count + column]) }
    }
    let total = sums.reduce(0, +)
    return sums.map { $0 / total }
  }

  /// Which class each picture is called with these factors; of equal ones the first.
  public func called(factors: [Double]) -> [Int] {
    precondition(factors.count == labels.count)
    let factors = factors.map { Float($0) }
    return (0..<count).map { picture in
      var best = 0
      var highest = probabilities[picture * labels.count] * factors[0]
      for column in 1..<labels.count {
        let score = probabilities[picture * labels.count + column] * factors[column]
        if score > highest { (best, highest) = (column, score) }
      }
      return best
    }
  }
}
