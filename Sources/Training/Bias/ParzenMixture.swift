import Foundation

/// A mixture of normal densities along independent coordinates, cut off at limits: one about each point, and a wide one
/// in the middle.
///
/// Points stay in their slots, so that only what changed from one trial to the next is computed again.
struct ParzenMixture {
  private let lower: [Double]
  private let upper: [Double]
  private var points: [[Double]] = []
  /// `[axes, capacity]`; slot 0 is the wide density in the middle, slot 1 + i that of point i.
  private var centres: [Float]
  private var inverseWidths: [Float]
  /// -ln(width * mass within the limits), the same shape.
  private var logScales: [Float]
  private var capacity = 32
  private var logWeights: [Float] = []
  private var weights: [Double] = []
  private var scratch: [Float] = []

  init(lower: [Double], upper: [Double]) {
    self.lower = lower
    self.upper = upper
    centres = [Float](repeating: 0, count: lower.count * capacity)
    inverseWidths = centres
    logScales = centres
    for axis in lower.indices {
      centres[axis * capacity] = Float((lower[axis] + upper[axis]) / 2)
      setWidth(upper[axis] - lower[axis], axis: axis, slot: 0)
    }
  }

  mutating func append(_ point: [Double]) {
    if points.count + 1 == capacity { grow() }
    points.append(point)
    for axis in lower.indices { centres[axis * capacity + points.count] = Float(point[axis]) }
  }

  private mutating func grow() {
    func widened(_ old: [Float]) -> [Float] {
      var new = [Float](repeating: 0, count: old.count * 2)
      for axis in lower.indices {
        for slot in 0..<capacity { new[axis * capacity * 2 + slot] = old[axis * capacity + slot] }
      }
      return new
    }
    centres = widened(centres)
    inverseWidths = widened(inverseWidths)
    logScales = widened(logScales)
    capacity *= 2
  }

  private mutating func setWidth(_ width: Double, axis: Int, slot: Int) {
    let index = axis * capacity + slot
    let inverse = Float(1 / width)
    guard inverse != inverseWidths[index] else { return }
    inverseWidths[index] = inverse
    let centre = Double(centres[index])
    func below(_ x: Double) -> Double { erf((x - centre) / width * 0.5.squareRoot()) / 2 }
    logScales[index] = Float(-log(width * (below(upper[axis]) - below(lower[axis]))))
  }

  /// Fits widths and weights.
  ///
  /// - Parameters:
  ///   - orders: For each axis the points that take part, in ascending order.
  ///   - weights: Of the points; those that take no part have 0. The wide density has 1.
  mutating func update(orders: [[Int]], weights: [Double]) {
    precondition(weights.count == points.count)
    let active = orders[0].count
    for axis in lower.indices {
      let range = upper[axis] - lower[axis]
      let narrowest = range / min(100, Double(active) + 2)
      let order = orders[axis]
      var before = lower[axis]
      for index in order.indices {
        let value = points[order[index]][axis]
        let after = index + 1 < order.count ? points[order[index + 1]][axis] : upper[axis]
        // The outermost points look at their neighbours only, unless there are none.
        var width = max(value - before, after - value)
        if order.count > 1 {
          if index == 0 { width = after - value }
          if index == order.count - 1 { width = value - before }
        }
        setWidth(min(range, max(narrowest, width)), axis: axis, slot: order[index] + 1)
        before = value
      }
    }
    self.weights = [1] + weights
    let total = log(self.weights.reduce(0, +))
    logWeights = self.weights.indices.map { slot in
      guard self.weights[slot] > 0 else { return -.infinity }
      var sum = Float(log(self.weights[slot]) - total)
      for axis in lower.indices { sum += logScales[axis * capacity + slot] }
      return sum
    }
    scratch = [Float](repeating: 0, count: logWeights.count)
  }

  /// - Precondition: `update` was called after the last point.
  func draw(_ random: inout RandomGenerator) -> [Double] {
    var rest = random.uniformDouble() * weights.reduce(0, +)
    var slot = weights.count - 1
    for candidate in weights.indices {
      rest -= weights[candidate]
      if rest < 0 {
        slot = candidate
        break
      }
    }
    return lower.indices.map { axis in
      let centre = slot == 0 ? (lower[axis] + upper[axis]) / 2 : points[slot - 1][axis]
      let width = 1 / Double(inverseWidths[axis * capacity + slot])
      // A third of the draws falls within the limits at worst.
      while true {
        let value = centre + width * random.standardNormal()
        if (lower[axis]...upper[axis]).contains(value) { return value }
      }
    }
  }

  /// ln of the density, up to a constant that depends on the number of coordinates alone.
  mutating func logDensities(_ drawn: [[Double]]) -> [Float] {
    BiasKernels.mixture(
      centres: centres, inverseWidths: inverseWidths, logWeights: logWeights, stride: capacity,
      points: drawn.flatMap { $0.map { Float($0) } }, dimensions: lower.count, scratch: &scratch)
  }
}
