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
  @Test func biasMultipliesAndScalesToOne() {
    var values: [Float] = [7, 0.2, 0.3, 0.5]
    applyBias([2, 1, 1], to: &values, range: 1..<4)
    #expect(values[0] == 7)
    for (value, expected) in zip(values[1...], [0.4 / 1.2, 0.3 / 1.2, 0.5 / 1.2] as [Float]) {
      #expect(abs(value - expected) < 1e-6)
    }
  }

  @Test func temperatureWorksAsInTheEnsemblesOwnCorrection() throws {
    let labels = ["a", "b", "c"]
    for temperature in [0.05, 0.7, 1, 3] {
      let correction = try BiasCorrection(["b": 2.5], labels: labels, temperature: temperature)
      for row in [[0.2, 0.3, 0.5], [1, 0, 0], [1e-4, 1e-4, 0.9998], [0, 0, 0]] as [[Float]] {
        var values = [7] + row
        applyBias(correction.factors, temperature: correction.temperature, to: &values, range: 1..<4)
        #expect(values[0] == 7)
        for (value, expected) in zip(values[1...], correction.corrected(row)) {
          #expect(abs(value - expected) < 1e-6)
        }
      }
    }
  }

  @Test(arguments: [
    [.nan, 0.5, 0.5], [.infinity, 0, 0], [0, 0, 0], [-1, 1, 1], [1e30, 1e30, 1e38] as [Float], [0.2, 0.2, 0.2],
  ])
  func whateverANetworkGivesBecomesProbabilities(given: [Float]) {
    var values = given
    normaliseProbabilities(&values, range: 0..<3)
    #expect(abs(values.reduce(0, +) - 1) < 1e-5 && values.allSatisfy { $0 >= 0 && $0 <= 1 })
    applyBias([1e6, 1, 1e-30], to: &values, range: 0..<3)
    #expect(abs(values.reduce(0, +) - 1) < 1e-5 && values.allSatisfy { $0 >= 0 && $0 <= 1 })
  }
}
