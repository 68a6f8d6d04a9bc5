import Foundation
import Testing

@testable import Training

struct ClassificationMetricsTests {
  /// Worked out by hand.
  @Test func agreesWithValuesByHand() {
    let metrics = ClassificationMetrics(
      probabilities: [
        0.9, 0.1, 0,  // truth 0, called 0
        0.2, 0.7, 0.1,  // truth 0, called 1
        0.1, 0.6, 0.3,  // truth 1, called 1
        0.5, 0.3, 0.2,  // truth 1, called 0
        0.1, 0.8, 0.1,  // truth 1, called 1
      ], truth: [0, 0, 1, 1, 1], classes: 3)
    #expect(metrics.images == 5)
    #expect(metrics.confusion == [[1, 1, 0], [1, 2, 0], [0, 0, 0]])
    #expect(abs(metrics.accuracy - 0.6) < 1e-9)
    #expect(metrics.perClass.map(\.support) == [2, 3, 0])
    #expect(abs(metrics.perClass[0].precision - 0.5) < 1e-9 && abs(metrics.perClass[0].recall - 0.5) < 1e-9)
    #expect(abs(metrics.perClass[1].precision - 2 / 3) < 1e-9 && abs(metrics.perClass[1].recall - 2 / 3) < 1e-9)
    // The class without pictures has no say.
    #expect(metrics.perClass[2] == .init(precision: 0, recall: 0, f1: 0, support: 0))
    #expect(abs(metrics.macroRecall - (0.5 + 2.0 / 3) / 2) < 1e-9)
    #expect(abs(metrics.macroF1 - (0.5 + 2.0 / 3) / 2) < 1e-9)
    let nll = -(log(0.9) + log(0.2) + log(0.6) + log(0.3) + log(0.8)) / 5
    #expect(abs(metrics.nll - nll) < 1e-6)
    // Every picture has a bin of its own: |1 - 0.9| + |0 - 0.7| + |1 - 0.6| + |0 - 0.5| + |1 - 0.8|.
    #expect(abs(metrics.ece - 1.9 / 5) < 1e-6)
  }

  @Test func picturesOfOneBinAreTakenTogether() {
    // 0.94 and 0.98 lie in the last of 15 bins: accuracy 0.5, confidence 0.96.
    let metrics = ClassificationMetrics(
      probabilities: [0.94, 0.06, 0.98, 0.02], truth: [0, 1], classes: 2)
    #expect(abs(metrics.ece - 0.46) < 1e-6)
  }

  @Test func certaintyAboutTheWrongClassIsFinite() {
    let metrics = ClassificationMetrics(probabilities: [1, 0], truth: [1], classes: 2)
    #expect(abs(metrics.nll + log(1e-12)) < 1e-6)
    #expect(metrics.accuracy == 0 && metrics.ece == 1)
  }

  @Test func whatIsNoNumberCountsAsZero() {
    let metrics = ClassificationMetrics(probabilities: [.nan, .nan, .infinity, 0.5], truth: [1, 1], classes: 2)
    #expect(metrics.accuracy == 0.5 && metrics.nll.isFinite && metrics.ece == 0.25)
  }

  @Test func noPictureAtAllGivesZeros() {
    let metrics = ClassificationMetrics(probabilities: [], truth: [], classes: 7)
    #expect(metrics.accuracy == 0 && metrics.macroRecall == 0 && metrics.nll == 0 && metrics.ece == 0)
  }
}
