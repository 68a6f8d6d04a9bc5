import Foundation
import Testing

@testable import Training

/// Whether intervals and recommendations are right as often as they claim, on many drawn samples. FERD_SIMULATIONS sets
/// how many; with few the bounds are wide.
struct BiasStatisticsTests {
  private let simulations = ProcessInfo.processInfo.environment["FERD_SIMULATIONS"].flatMap { Int($0) } ?? 60

  private struct Outcome {
    var recommended = 0
    var covered = 0
    var gains: [Double] = []
  }

  private func simulate(
    _ model: SyntheticScores, count: Int, method: BiasMethod = .gridSearch, trueGain: ([Double]) -> Double
  ) throws -> Outcome {
    var outcome = Outcome()
    for simulation in 0..<simulations {
      let scores = model.draw(count, seed: UInt64(1000 + simulation))
      let settings = BiasSearchSettings(
        method: method, searchedClasses: Array(model.prior.indices), trials: 40, jobs: 2, seed: UInt64(simulation))
      let result = try BiasSearch.run(scores, settings: settings)
      let estimate = try #require(result.crossValidated)
      let gain = trueGain(result.candidate)
      outcome.recommended += result.recommended ? 1 : 0
      outcome.covered += (estimate.interval.low...estimate.interval.high).contains(gain) ? 1 : 0
      outcome.gains.append(gain)
    }
    return outcome
  }

  /// Largest number of a share's occurrences that is still plausible (four standard errors and one).
  private func bound(_ share: Double) -> Int {
    Int(Double(simulations) * share + 4 * (Double(simulations) * share * (1 - share)).squareRoot() + 1)
  }

  /// Mean recall of two classes by the normal distribution: the difference of their logits has a mean of
  /// +-separation^2 and a variance of 2 separation^2.
  private func recall(_ model: SyntheticScores, factors: [Double]) -> Double {
    let shift = log(model.prior[1] * factors[1] / (model.prior[0] * factors[0]))
    let deviation = 2.0.squareRoot() * model.separation
    func below(_ x: Double) -> Double { (1 + erf(x / 2.0.squareRoot())) / 2 }
    let distance = model.separation * model.separation
    return (below((distance + shift) / deviation) + below((distance - shift) / deviation)) / 2
  }

  @Test(arguments: [150, 1000])
  func intervalsHoldTheTrueGainAndNoiseIsNotRecommended(count: Int) throws {
    let model = SyntheticScores(prior: [0.5, 0.5], shares: [0.5, 0.5], separation: 1)
    let outcome = try simulate(model, count: count) {
      recall(model, factors: $0) - recall(model, factors: [1, 1])
    }
    #expect(outcome.gains.allSatisfy { $0 <= 0 })
    print("null, \(count): recommended \(outcome.recommended), covered \(outcome.covered) of \(simulations)")
    #expect(outcome.recommended <= bound(0.03))
    #expect(simulations - outcome.covered <= bound(0.07))
  }

  @Test(arguments: [150, 1000])
  func intervalsHoldTheTrueGainAndSkewIsFound(count: Int) throws {
    let model = SyntheticScores(prior: [0.85, 0.15], shares: [0.85, 0.15], separation: 1)
    let outcome = try simulate(model, count: count) {
      recall(model, factors: $0) - recall(model, factors: [1, 1])
    }
    print("skew, \(count): recommended \(outcome.recommended), covered \(outcome.covered) of \(simulations)")
    #expect(simulations - outcome.recommended <= bound(count > 500 ? 0.001 : 0.6))
    #expect(simulations - outcome.covered <= bound(0.07))
  }

  @Test func noiseIsNotRecommendedWithOneRareClassOfFour() throws {
    // The network is right for alike classes, and mean recall asks for nothing else; but of one class there are few.
    let model = SyntheticScores(
      prior: [0.25, 0.25, 0.25, 0.25], shares: [0.32, 0.32, 0.32, 0.04], separation: 1.2)
    let outcome = try simulate(model, count: 400, method: .evolutionary) { _ in 0 }
    print("rare: recommended \(outcome.recommended) of \(simulations)")
    #expect(outcome.recommended <= bound(0.03))
  }
}
