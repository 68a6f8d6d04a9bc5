import Foundation

/// Tells how pictures are labelled that a crowd votes on in some way: a multinomial logistic regression from the votes to
/// the labels of the same pictures.
///
/// A crowd that seldom says *fear* is not mistaken for a collection without fear: summed over the pictures that it was
/// fitted on, the probabilities of each class are as many as its labels.
struct VoteCalibration {
  private let classes: Int
  /// `[features, classes]`
  private var weights: [Double]

  /// Steps of the fit; for FER2013 and FER+ the last half of them lower the loss by 0.003 of 0.88.
  private static let steps = 100
  /// Strength of the pull to zero, for all weights but those of the constant.
  private static let ridge = 1.0
  /// With more classes there would be too many pairs.
  private static let maximumPairedClasses = 16

  /// - Parameters:
  ///   - votes: Distributions over the classes, one for each picture.
  ///   - labels: Positions of the classes.
  init(votes: [[Float]], labels: [Int], classes: Int) {
    precondition(votes.count == labels.count && votes.allSatisfy { $0.count == classes })
    self.classes = classes
    // With ten voters the same votes come often.
    var groups: [[Float]: Int] = [:]
    var rows: [[Double]] = []
    var counts: [[Double]] = []
    for (vote, label) in zip(votes, labels) {
      let group = groups[vote, default: rows.count]
      if group == rows.count {
        groups[vote] = group
        rows.append(Self.features(vote))
        counts.append([Double](repeating: 0, count: classes))
      }
      counts[group][label] += 1
    }
    let size = Self.features([Float](repeating: 0, count: classes)).count
    weights = [Double](repeating: 0, count: size * classes)
    let penalties = (0..<size).map { $0 == 0 ? 1e-6 : Self.ridge }
    fit(rows, counts, penalties)
  }

  /// Newton's method with a fixed upper bound of the curvature (Böhning, "Multinomial logistic regression algorithm",
  /// 1992): every step lowers the loss.
  private mutating func fit(_ rows: [[Double]], _ counts: [[Double]], _ penalties: [Double]) {
    let size = penalties.count
    var bound = [Double](repeating: 0, count: size * size)
    for (row, count) in zip(rows, counts) {
      let total = count.reduce(0, +)
      for i in 0..<size {
        for j in 0...i { bound[i * size + j] += total * row[i] * row[j] }
      }
    }
    for i in 0..<size { bound[i * size + i] += 2 * penalties[i] }
    let curvature = CholeskyFactor(bound, size: size)
    for _ in 0..<Self.steps {
      var gradient = (0..<classes).map { label in
        (0..<size).map { -penalties[$0] * weights[$0 * classes + label] }
      }
      for (row, count) in zip(rows, counts) {
        let total = count.reduce(0, +)
        let probabilities = probabilities(features: row)
        for label in 0..<classes {
          let difference = count[label] - total * probabilities[label]
          for i in 0..<size { gradient[label][i] += difference * row[i] }
        }
      }
      for label in 0..<classes {
        let step = curvature.solve(gradient[label])
        for i in 0..<size { weights[i * classes + label] += 2 * step[i] }
      }
    }
  }

  /// - Parameter votes: Distribution over the classes.
  /// - Returns: Probability of each label.
  func probabilities(of votes: [Float]) -> [Float] {
    probabilities(features: Self.features(votes)).map { Float($0) }
  }

  private func probabilities(features: [Double]) -> [Double] {
    var values = [Double](repeating: 0, count: classes)
    for (i, feature) in features.enumerated() where feature != 0 {
      for label in 0..<classes { values[label] += feature * weights[i * classes + label] }
    }
    let highest = values.max()!
    for label in 0..<classes { values[label] = exp(values[label] - highest) }
    let sum = values.reduce(0, +)
    return values.map { $0 / sum }
  }

  /// A constant, the shares, their roots (one vote of ten says more than the tenth beside nine), and the roots' products,
  /// which say what a crowd wavered between.
  private static func features(_ votes: [Float]) -> [Double] {
    let shares = votes.map { Double($0) }
    let roots = shares.map { $0.squareRoot() }
    var features = [1] + shares + roots
    guard votes.count <= maximumPairedClasses else { return features }
    for (i, root) in roots.enumerated() { features += roots[..<i].map { $0 * root } }
    return features
  }
}
