import Foundation

/// The coordinates that a search moves in: ln b of the searched classes, and the logarithm of the temperature where it
/// has influence on the objective.
///
/// Where all classes are searched, one of them stands at 0 and the others count from it, as a common factor changes
/// nothing; factors are reported with a geometric mean of 1 then, as far as the limits allow.
struct BiasSpace: Sendable {
  let classes: Int
  /// Classes with a coordinate, in the order of the coordinates.
  let free: [Int]
  let searchesAll: Bool
  let hasTemperature: Bool
  /// Limits of each coordinate.
  let lower: [Double]
  let upper: [Double]
  /// Limits of ln b.
  private let low: Double
  private let high: Double

  var dimensions: Int { lower.count }

  /// - Parameter start: ln b of the closed form. Where all classes are searched, the one in its middle is what the
  ///   others count from, so that these lie around 0.
  init(settings: BiasSearchSettings, classes: Int, start: [Double]) {
    self.classes = classes
    low = log(settings.smallestFactor)
    high = log(settings.largestFactor)
    let searched = settings.searchedClasses
    searchesAll = searched.count == classes
    if searchesAll {
      let middle = searched.sorted { (start[$0], $0) < (start[$1], $1) }[classes / 2]
      free = searched.filter { $0 != middle }
    } else {
      free = searched
    }
    hasTemperature = settings.searchesTemperature && settings.objective.weights[.nll, default: 0] > 0
    var lower = [Double](repeating: low, count: free.count)
    var upper = [Double](repeating: high, count: free.count)
    if hasTemperature {
      lower.append(log(BiasSearchSettings.temperatureRange.lowerBound))
      upper.append(log(BiasSearchSettings.temperatureRange.upperBound))
    }
    self.lower = lower
    self.upper = upper
  }

  /// ln b of all classes.
  func logFactors(_ point: some Collection<Double>) -> [Double] {
    var result = [Double](repeating: 0, count: classes)
    for (label, value) in zip(free, point) { result[label] = value }
    if searchesAll { centre(&result) }
    return result
  }

  func temperature(_ point: some BidirectionalCollection<Double>) -> Double {
    hasTemperature ? exp(point.last!) : 1
  }

  /// The point that stands for these factors, moved to the limits where it is beyond them.
  func point(logFactors: [Double], temperature: Double) -> [Double] {
    var point = free.map { logFactors[$0] }
    if searchesAll, let reference = (0..<classes).first(where: { !free.contains($0) }) {
      for index in point.indices { point[index] -= logFactors[reference] }
    }
    if hasTemperature { point.append(log(temperature)) }
    return clamped(point)
  }

  func clamped(_ point: [Double]) -> [Double] {
    point.indices.map { min(upper[$0], max(lower[$0], point[$0])) }
  }

  /// Where along an axis the regularisation charges least, the other coordinates being those of the point.
  func neutral(_ axis: Int, of point: [Double]) -> Double {
    guard searchesAll, axis < free.count else { return 0 }
    let others = point[..<free.count].reduce(0, +) - point[axis]
    return others / Double(classes - 1)
  }

  /// Moves all to a mean of 0, or so near to it that none leaves the limits.
  func centre(_ logFactors: inout [Double]) {
    let shift = -logFactors.reduce(0, +) / Double(classes)
    let limited = min(high - logFactors.max()!, max(low - logFactors.min()!, shift))
    for label in logFactors.indices { logFactors[label] += limited }
  }
}
