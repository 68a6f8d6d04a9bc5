import Foundation
import Testing

@testable import Training

struct ScheduleTests {
  /// First cycle, growth, final share, and the rates of `torch.optim.lr_scheduler.CosineAnnealingWarmRestarts`.
  static let restarts: [(Int, Int, Float, [Float])] = [
    (
      5, 1, 0,
      [
        0.1, 0.0904508, 0.0654508, 0.0345492, 0.0095492, 0.1, 0.0904508, 0.0654508, 0.0345492, 0.0095492, 0.1,
        0.0904508, 0.0654508, 0.0345492,
      ]
    ),
    (
      4, 2, 0.01,
      [
        0.1, 0.0855018, 0.0505, 0.0154982, 0.1, 0.096232, 0.0855018, 0.0694428, 0.0505, 0.0315572, 0.0154982,
        0.004768, 0.1, 0.0990489,
      ]
    ),
  ]

  @Test(arguments: restarts.indices) func warmRestartsAreThoseOfPyTorch(_ index: Int) {
    let (cycle, growth, finalShare, expected) = Self.restarts[index]
    for warmup in [0, 3] {
      let schedule = CosineSchedule(
        base: 0.1, warmupSteps: warmup, totalSteps: 100, finalShare: finalShare, cycleSteps: cycle,
        cycleGrowth: growth)
      for (step, rate) in expected.enumerated() {
        #expect(abs(schedule.learningRate(atStep: warmup + step) - rate) < 1e-6, "step \(step)")
      }
    }
  }

  /// Total steps, first cycle, growth, and the steps at which the rate is at the top.
  static let lastFalls: [(Int, Int, Int, [Int])] = [
    (50, 10, 2, [0, 10, 30]), (49, 10, 2, [0, 10]), (24, 10, 1, [0, 10]), (25, 10, 1, [0, 10, 20]), (7, 10, 2, [0]),
  ]

  @Test(arguments: lastFalls) func theLastFallEndsWithTheRun(total: Int, cycle: Int, growth: Int, tops: [Int]) {
    let schedule = CosineSchedule(
      base: 1, warmupSteps: 2, totalSteps: total + 2, cycleSteps: cycle, cycleGrowth: growth)
    let rates = (0..<total).map { schedule.learningRate(atStep: $0 + 2) }
    #expect(rates.indices.filter { rates[$0] == 1 } == tops)
    #expect(rates[total - 1] < 0.15 && schedule.learningRate(atStep: total + 2) == 0)
  }

  @Test func withoutRestartsItFallsOnceAfterTheWarmUp() {
    let schedule = CosineSchedule(base: 1, warmupSteps: 4, totalSteps: 14, finalShare: 0.2)
    let rates = (0..<14).map { schedule.learningRate(atStep: $0) }
    #expect(Array(rates[..<5]) == [0.25, 0.5, 0.75, 1, 1])
    #expect(zip(rates[4...], rates[5...]).allSatisfy { $0 > $1 })
    #expect(abs(rates[9] - 0.6) < 1e-6)
    #expect(rates[13] > 0.2 && schedule.learningRate(atStep: 14) == 0.2)
  }
}
