import Foundation

/// A learning rate that rises linearly over the first steps and then falls along half a cosine, once or again and again
/// (Loshchilov and Hutter 2017, "SGDR", 1608.03983). A fall would reach `finalShare` of its height one step after its last.
/// The last fall ends with the run: it is shorter than planned where at least half of it has room, otherwise the one
/// before it takes its time.
public struct CosineSchedule: Codable, Equatable, Sendable {
  public var base: Float
  public var warmupSteps: Int
  public var totalSteps: Int
  /// 0 to 1.
  public var finalShare: Float
  /// Steps of the first fall, after which the rate jumps up to `base` again; 0 = one fall over all steps.
  public var cycleSteps: Int
  /// How many times as long each fall is as the one before, 1 or more.
  public var cycleGrowth: Int

  public init(
    base: Float, warmupSteps: Int, totalSteps: Int, finalShare: Float = 0, cycleSteps: Int = 0, cycleGrowth: Int = 1
  ) {
    precondition(cycleSteps >= 0 && cycleGrowth >= 1, "cycles of \(cycleSteps) steps, growing by \(cycleGrowth)")
    self.base = base
    self.warmupSteps = warmupSteps
    self.totalSteps = totalSteps
    self.finalShare = finalShare
    self.cycleSteps = cycleSteps
    self.cycleGrowth = cycleGrowth
  }

  /// - Parameter step: Counts from 0.
  public func learningRate(atStep step: Int) -> Float {
    if step < warmupSteps { return base * Float(step + 1) / Float(warmupSteps) }
    let (position, length) = cycle(ofStep: step - warmupSteps)
    let progress = min(1, Double(position) / Double(length))
    let share = Float(0.5 * (1 + cos(Double.pi * progress)))
    return base * (finalShare + (1 - finalShare) * share)
  }

  /// Where in its fall a step lies that counts from the end of the warm-up, and how long that fall is.
  private func cycle(ofStep step: Int) -> (position: Int, length: Int) {
    let total = max(1, totalSteps - warmupSteps)
    guard cycleSteps > 0 else { return (step, total) }
    var start = 0
    var length = cycleSteps
    while true {
      let next = length * cycleGrowth
      if 2 * (total - start - length) < next { return (step - start, max(1, total - start)) }
      if step < start + length { return (step - start, length) }
      start += length
      length = next
    }
  }
}
