import ArgumentParser
import Testing
import Training

@testable import ferd

struct BiasArgumentTests {
  private let labels = ["angry", "sad", "neutral"]

  @Test(arguments: [
    ("grid-search", BiasMethod.gridSearch), ("grid_search", .gridSearch), ("bayesian", .bayesian),
    ("optuna", .bayesian), ("evolutionary", .evolutionary),
  ])
  func methodsHaveTheOriginalsNamesToo(text: String, method: BiasMethod) throws {
    #expect(try BiasSearchOptions.parse(["--method", text]).method == method)
  }

  @Test(
    arguments: [
      ("macro-recall", [.macroRecall: 1]), ("macro_f1", [.macroF1: 1]), ("nll=2", [.nll: 2]),
      ("macro-recall=0.7,nll=0.3", [.macroRecall: 0.7, .nll: 0.3]), ("accuracy=1, nll=1", [.accuracy: 1, .nll: 1]),
    ] as [(String, [BiasObjective.Term: Double])])
  func objectivesMayBeMixed(text: String, weights: [BiasObjective.Term: Double]) throws {
    #expect(try #require(ObjectiveArgument(argument: text)).weights == weights)
  }

  @Test(arguments: [
    "", "recall", "macro-recall,nll", "nll=0", "nll=-1", "nll=x", "nll=1=2", "nll=1,nll=2", "nll=inf", "nll=nan",
  ])
  func whatIsNoObjectiveIsRefused(text: String) {
    #expect(ObjectiveArgument(argument: text) == nil)
  }

  @Test func theDefaultObjectiveGoesByWhatIsKnown() throws {
    func objective(_ arguments: [String], _ truth: [Int?], usesTruth: Bool = false) throws -> BiasObjective {
      try BiasSearchOptions.parse(arguments).settings(
        labels: labels, truth: truth, usesTruth: usesTruth, isForced: false
      ).objective
    }
    let known: [Int?] = [0, 1, 1, 2]
    #expect(try objective([], known).weights == [.macroRecall: 1])
    #expect(try objective([], [0, nil, 1, 2]).weights == [.distribution: 1])
    let target = try objective(["--target-distribution", "anger=0.4"], known)
    #expect(target.weights == [.distribution: 1])
    let shares = try #require(target.targetDistribution)
    #expect(zip(shares, [0.4, 0.3, 0.3]).allSatisfy { abs($0 - $1) < 1e-12 })
    #expect(try objective(["--target-distribution", "uniform"], known).targetDistribution == nil)
    #expect(try objective(["--target-distribution", "data"], known).targetDistribution == [0.25, 0.5, 0.25])
    #expect {
      try objective(["--target-distribution", "uniform"], known, usesTruth: true)
    } throws: {
      ($0 as? CommandFailure)?.status == .wrongUsage
    }
    #expect(
      try objective(["--objective", "distribution=1,accuracy=1", "--target-distribution", "data"], known)
        .targetDistribution == [0.25, 0.5, 0.25])
  }

  @Test func fewPicturesHaveFewFolds() throws {
    func folds(_ arguments: [String], _ count: Int) throws -> Int {
      try BiasSearchOptions.parse(arguments).settings(
        labels: labels, truth: Array(repeating: 1, count: count), usesTruth: false, isForced: false
      ).folds
    }
    #expect(try [2, 3, 5, 100].map { try folds([], $0) } == [2, 3, 5, 5])
    #expect(try folds(["--folds", "10"], 100) == 10)
  }
}
