import Foundation

/// Grids in ln b, from coarse to fine.
///
/// - Where the trials suffice for three full grids of at least five points along each axis (two factors: 75 trials, six:
///   46,875), the first grid covers the limits, and each further one covers the surroundings of the best point so far,
///   as wide as two steps of the grid before, until the trials are used up or the steps are below 0.0005.
/// - With fewer trials (all seven classes would need them) grids over two factors at a time, 3 to 9 points along each,
///   the others being held at the best so far. All pairs have their turn; with each round the grids become half as wide,
///   from the whole range down to steps of about 0.01, then it begins again at a quarter of the range.
///
/// Draws nothing at random.
enum BiasGridSearch {
  static func run(_ recorder: inout BiasTrialRecorder) {
    let dimensions = recorder.space.dimensions
    let points = Int(pow(Double(recorder.remaining) / 3, 1 / Double(dimensions)) + 1e-9)
    if dimensions == 1 || points >= 5 {
      zoom(&recorder, axes: Array(0..<dimensions), points: max(3, points))
    } else {
      alternate(&recorder)
    }
  }

  private static func zoom(_ recorder: inout BiasTrialRecorder, axes: [Int], points: Int) {
    let space = recorder.space
    var halves = axes.map { (space.upper[$0] - space.lower[$0]) / 2 }
    var centre = axes.map { (space.upper[$0] + space.lower[$0]) / 2 }
    while recorder.remaining > 0, halves.max()! > 0.0005 {
      recorder.evaluate(lattice(axes, around: recorder.bestPoint, centre: centre, halves: halves, points, space))
      halves = halves.map { $0 * 2 / Double(points - 1) }
      centre = axes.map { recorder.bestPoint[$0] }
    }
  }

  private static func alternate(_ recorder: inout BiasTrialRecorder) {
    let space = recorder.space
    let pairs = pairs(space.dimensions)
    // About four rounds over all pairs.
    let points = min(9, max(3, Int((Double(recorder.remaining) / Double(4 * pairs.count)).squareRoot())))
    var part = 1.0
    while recorder.remaining > 0 {
      for pair in pairs where recorder.remaining > 0 {
        let best = recorder.bestPoint
        let halves = pair.map { (space.upper[$0] - space.lower[$0]) / 2 * part }
        let centre = pair.map { part == 1 ? (space.upper[$0] + space.lower[$0]) / 2 : best[$0] }
        recorder.evaluate(lattice(pair, around: best, centre: centre, halves: halves, points, space))
      }
      part = part > 0.01 ? part / 2 : 0.25
    }
  }

  /// All pairs of axes, in rounds of which each has every axis at most once (the circle method of tournaments), so that
  /// few trials visit all axes too.
  static func pairs(_ count: Int) -> [[Int]] {
    // With an odd number one axis pauses in each round.
    let seats = count + count % 2
    var pairs: [[Int]] = []
    for round in 0..<(seats - 1) {
      for table in 0..<seats / 2 {
        let first = table == 0 ? seats - 1 : (round + table) % (seats - 1)
        let second = (round + seats - 1 - table) % (seats - 1)
        if max(first, second) < count { pairs.append([min(first, second), max(first, second)]) }
      }
    }
    return pairs
  }

  /// Points of a grid over some axes; the others are those of `point`.
  private static func lattice(
    _ axes: [Int], around point: [Double], centre: [Double], halves: [Double], _ points: Int, _ space: BiasSpace
  ) -> [[Double]] {
    let ticks = axes.indices.map { index in
      let low = max(space.lower[axes[index]], centre[index] - halves[index])
      let high = min(space.upper[axes[index]], centre[index] + halves[index])
      return (0..<points).map { low + (high - low) * Double($0) / Double(points - 1) }
    }
    var result = [point]
    for (axis, ticks) in zip(axes, ticks) {
      result = result.flatMap { point in
        ticks.map { tick in
          var moved = point
          moved[axis] = tick
          return moved
        }
      }
    }
    return result
  }
}
