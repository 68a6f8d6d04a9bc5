import Foundation

/// How much each factor matters: total-effect indices of the variance of the objective (Sobol 2001, by Jansen's estimator
/// of 1999), where each searched factor varies between half and twice that of the candidate.
enum BiasImportance {
  static let samples = 512

  /// - Returns: One number per searched class, which sum to 1; all 0 where the objective does not change.
  static func around(
    _ logFactors: [Double], temperature: Double, searched: [Int], evaluator: BiasEvaluator, seed: UInt64
  ) -> [Double] {
    var random = RandomGenerator(seed: seed, stream: 0x50B0)
    func draw() -> Double { (2 * random.uniformDouble() - 1) * log(2) }
    var points: [[Double]] = []
    for _ in 0..<samples {
      var base = logFactors
      for label in searched { base[label] += draw() }
      points.append(base)
      for label in searched {
        var moved = base
        moved[label] = logFactors[label] + draw()
        points.append(moved)
      }
    }
    let values = evaluator.objectives(
      logFactors: points, temperatures: [Double](repeating: temperature, count: points.count))
    let step = searched.count + 1
    let effects = searched.indices.map { index in
      (0..<samples).reduce(0.0) { sum, sample in
        let difference = values[sample * step + index + 1] - values[sample * step]
        return sum + difference * difference
      }
    }
    let total = effects.reduce(0, +)
    return total > 0 ? effects.map { $0 / total } : effects.map { _ in 0 }
  }
}
