import Foundation
import Inference
import Testing

@testable import Pipeline

struct ProbabilitySmootherTests {
  @Test func takesTheFirstSightInFullAndThenApproachesExponentially() {
    var smoother = ProbabilitySmoother(timeConstant: 0.3)
    var values: [Float] = [9, 1, 0]
    smoother.smooth(&values, range: 1..<3, track: 1, seconds: 10)
    #expect(values == [9, 1, 0])
    values = [9, 0, 1]
    smoother.smooth(&values, range: 1..<3, track: 1, seconds: 10.1)
    let weight = Float(1 - exp(-0.1 / 0.3))
    #expect(abs(values[1] - (1 - weight)) < 1e-6 && abs(values[2] - weight) < 1e-6 && values[0] == 9)
  }

  /// Two steps of Δt weigh as much as one of 2Δt: the result does not depend on the frame rate.
  @Test func doesNotDependOnTheFrameRate() {
    var slow = ProbabilitySmoother(timeConstant: 0.5)
    var fast = ProbabilitySmoother(timeConstant: 0.5)
    var values: [Float] = [1, 0]
    slow.smooth(&values, range: 0..<2, track: 1, seconds: 0)
    fast.smooth(&values, range: 0..<2, track: 1, seconds: 0)
    for step in 1...10 {
      values = [0, 1]
      fast.smooth(&values, range: 0..<2, track: 1, seconds: Double(step) * 0.04)
    }
    var slowValues: [Float] = [0, 1]
    slow.smooth(&slowValues, range: 0..<2, track: 1, seconds: 0.4)
    #expect(abs(values[0] - slowValues[0]) < 1e-5)
  }

  @Test func keepsTracksApartAndChangesNothingWithoutSmoothing() {
    var smoother = ProbabilitySmoother(timeConstant: 1)
    var values: [Float] = [1, 0, 0, 1]
    smoother.smooth(&values, range: 0..<2, track: 1, seconds: 0)
    smoother.smooth(&values, range: 2..<4, track: 2, seconds: 0)
    #expect(values == [1, 0, 0, 1])
    var none = ProbabilitySmoother(timeConstant: 0)
    for value in [Float(1), 0, 0.3] {
      var values = [value, 1 - value]
      none.smooth(&values, range: 0..<2, track: 1, seconds: 0)
      #expect(values == [value, 1 - value])
    }
  }

  @Test func forgetsTracksThatAreGone() {
    var smoother = ProbabilitySmoother(timeConstant: 0.3)
    for track in 1...50 {
      var values: [Float] = [1, 0]
      smoother.smooth(&values, range: 0..<2, track: track, seconds: Double(track))
      smoother.forgetTracks(before: Double(track))
      #expect(smoother.trackCount <= 7)
    }
    var values: [Float] = [0, 1]
    smoother.smooth(&values, range: 0..<2, track: 1, seconds: 51)
    #expect(values == [0, 1])
  }
}

struct ProbabilityTests {
  @Test(arguments: [
    [.nan, 0.5, 0.5], [.infinity, 0, 0], [0, 0, 0], [-1, 1, 1], [1e30, 1e30, 1e38] as [Float], [0.2, 0.2, 0.2],
  ])
  func whateverANetworkGivesBecomesProbabilities(given: [Float]) throws {
    var values = given
    normaliseProbabilities(&values, range: 0..<3)
    #expect(abs(values.reduce(0, +) - 1) < 1e-5 && values.allSatisfy { $0 >= 0 && $0 <= 1 })
    let bias = try BiasCorrection(["a": 1e6, "c": 1e-30], labels: ["a", "b", "c"])
    values.withUnsafeMutableBufferPointer { bias.apply(to: $0) }
    #expect(abs(values.reduce(0, +) - 1) < 1e-5 && values.allSatisfy { $0 >= 0 && $0 <= 1 })
  }
}
