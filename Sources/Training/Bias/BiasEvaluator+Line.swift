import Foundation

extension BiasEvaluator {
  /// Part of a line on which nothing changes what any picture is called.
  struct Plateau: Equatable {
    /// Limits of ln b.
    var low: Double
    var high: Double
    /// Of the objective, without regularisation.
    var value: Double
  }

  /// The objective along the factor of one class, exactly: a picture is called this class from the factor on at which it
  /// overtakes all others, and nothing else changes.
  ///
  /// - Parameters:
  ///   - logFactors: ln b of all classes; that of `label` is not used.
  ///   - range: Of ln b.
  /// - Returns: All parts from the lower to the upper limit. Only for objectives without likelihood.
  func plateaus(along label: Int, logFactors: [Double], range: ClosedRange<Double>) -> [Plateau] {
    precondition(objective.weights[.nll, default: 0] == 0)
    let factors = logFactors.map { Float(exp($0)) }
    var confusion = [Int32](repeating: 0, count: groupCount * classes)
    // Pictures that overtake within the range: where, and the cells of the confusion matrix between which they move.
    var events: [(at: Double, from: Int, to: Int)] = []
    for group in 0..<groupCount {
      let row = group * classes
      for picture in groups[group]..<groups[group + 1] {
        var rival = -1
        var highest: Float = -1
        for column in 0..<classes where column != label {
          let score = columns[column * count + picture] * factors[column]
          if score > highest { (rival, highest) = (column, score) }
        }
        let own = columns[label * count + picture]
        let at = own > 0 ? log(Double(highest)) - log(Double(own)) : .infinity
        if at < range.lowerBound {
          confusion[row + label] += 1
        } else {
          confusion[row + rival] += 1
          if at <= range.upperBound { events.append((at, row + rival, row + label)) }
        }
      }
    }
    events.sort { $0.at < $1.at }
    var plateaus: [Plateau] = []
    var low = range.lowerBound
    var next = 0
    while true {
      let high = next < events.count ? events[next].at : range.upperBound
      if high > low {
        let value = confusion.withUnsafeBufferPointer { self.value(confusion: $0, negativeLogLikelihood: 0) }
        plateaus.append(Plateau(low: low, high: high, value: value))
      }
      guard next < events.count else { return plateaus }
      confusion[events[next].from] -= 1
      confusion[events[next].to] += 1
      low = high
      next += 1
    }
  }
}
