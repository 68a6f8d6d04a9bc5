import Foundation

/// In which order, and how often, an epoch shows the pictures.
///
/// With `power` 0 and equal importance each picture comes once. Otherwise the classes' shares are weighted by
/// (their count)^-power, 1 showing all classes equally often, and by importance. Shares are met exactly up to rounding,
/// and inside a class no picture comes a second time before all have come once.
struct ClassSampler: Sendable {
  let power: Float
  /// Factor on each class's share.
  let importance: [Double]
  let seed: UInt64
  private let indicesByClass: [[Int]]
  private let total: Int

  /// - Parameter importance: nil = 1 for all.
  init(indicesByClass: [[Int]], power: Float, importance: [Double]? = nil, seed: UInt64) {
    self.indicesByClass = indicesByClass
    self.power = power
    self.importance = importance ?? indicesByClass.map { _ in 1 }
    self.seed = seed
    total = indicesByClass.reduce(0) { $0 + $1.count }
  }

  /// How many pictures of each class an epoch shows; they sum to the number of pictures.
  ///
  /// - Parameter weights: Further factors on the classes' shares, as `DynamicSampling` makes them; nil = 1 for all.
  func quotas(weights: [Double]? = nil) -> [Int] {
    let factors = zip(importance, weights ?? importance.map { _ in 1 }).map(*)
    return Self.quotas(counts: indicesByClass.map(\.count), power: power, factors: factors)
  }

  /// What the power alone makes of the classes' counts.
  static func quotas(counts: [Int], power: Float, factors: [Double]? = nil) -> [Int] {
    let factors = factors ?? counts.map { _ in 1 }
    guard power != 0 || Set(factors).count > 1 else { return counts }
    let total = counts.reduce(0, +)
    let weights = zip(counts, factors).map { $0 == 0 ? 0 : pow(Double($0), 1 - Double(power)) * $1 }
    let sum = weights.reduce(0, +)
    var quotas: [Int] = []
    var reached = 0.0
    var given = 0
    // Rounding the running sum keeps the total exact.
    for weight in weights {
      reached += weight / sum * Double(total)
      let next = Int(reached.rounded())
      quotas.append(next - given)
      given = next
    }
    return quotas
  }

  /// Positions of pictures in the order of an epoch, the same for the same seed, epoch and weights.
  func order(epoch: Int, weights: [Double]? = nil) -> [Int] {
    var order: [Int] = []
    order.reserveCapacity(total)
    for (label, quota) in quotas(weights: weights).enumerated() {
      let indices = indicesByClass[label]
      var left = quota
      var round = 0
      while left > 0 {
        var random = RandomGenerator(
          seed: seed ^ 0x434C_4153_5300, stream: UInt64(epoch) << 24 | UInt64(round) << 8 | UInt64(label))
        // A whole round needs no choice, and its order does not matter before the last shuffle.
        order += left >= indices.count ? indices : Array(indices.shuffled(using: &random).prefix(left))
        left -= min(left, indices.count)
        round += 1
      }
    }
    var random = RandomGenerator(seed: seed ^ 0x4F52_4445_5200, stream: UInt64(epoch))
    order.shuffle(using: &random)
    return order
  }
}
