import Foundation

/// A learning rate that rises linearly over the first steps and then falls along half a cosine (Loshchilov and Hutter
/// 2017, 1608.03983), which would reach `finalShare` of its height one step after the last.
public struct CosineSchedule: Codable, Equatable, Sendable {
  public var base: Float
  public var warmupSteps: Int
  public var totalSteps: Int
  /// 0 to 1.
  public var finalShare: Float

  public init(base: Float, warmupSteps: Int, totalSteps: Int, finalShare: Float = 0) {
    self.base = base
    self.warmupSteps = warmupSteps
    self.totalSteps = totalSteps
    self.finalShare = finalShare
  }

  /// - Parameter step: Counts from 0.
  public func learningRate(atStep step: Int) -> Float {
    if step < warmupSteps { return base * Float(step + 1) / Float(warmupSteps) }
    let length = max(1, totalSteps - warmupSteps)
    let progress = min(1, Double(step - warmupSteps) / Double(length))
    let share = Float(0.5 * (1 + cos(Double.pi * progress)))
    return base * (finalShare + (1 - finalShare) * share)
  }
}
