import Foundation
import Inference
import Pixels
import Testing

@testable import Training

struct TrainingReportTests {
  private static let labels = ["<script>alert(1)</script>", "b&\"'", "c\nd"]

  private static func record(_ epoch: Int, isBest: Bool = false) -> EpochRecord {
    let metrics = ClassificationMetrics(
      probabilities: [0.8, 0.1, 0.1, 0.2, 0.7, 0.1, 0.5, 0.3, 0.2], truth: [0, 1, 2], classes: 3)
    return EpochRecord(
      epoch: epoch, step: epoch * 10, learningRate: 0.1 / Float(epoch), trainLoss: 1 / Double(epoch),
      imagesPerSecond: 100, validation: .init(metrics), deduplicated: nil, score: 0.5, isBest: isBest,
      sampled: [10, 10, 10 + epoch], seconds: 60)
  }

  private static func report(_ epochs: [EpochRecord], isFinished: Bool = true) -> TrainingReport {
    TrainingReport(
      name: "net <x>", command: ["ferd", "train", "--data-dir", "my <data>"],
      facts: [ReportFact("Seed", "7")], recipe: ["epochs": 3, "nested": ["a": [1, 2], "b": "<i>"]], labels: labels,
      trainingCounts: [20, 5, 10], validationCounts: [1, 1, 1], unreadable: [("x<y>.png", "broken & bad")],
      epochs: epochs, plannedEpochs: 3, isFinished: isFinished, modelFile: "pretrained.safetensors")
  }

  private func write(_ report: TrainingReport, gnuplot: Gnuplot? = nil) throws -> (
    page: String, folder: TemporaryFolder
  ) {
    let folder = try TemporaryFolder()
    _ = try report.write(to: folder.url, gnuplot: gnuplot)
    return (try String(contentsOf: folder.url.appending(path: "report.html"), encoding: .utf8), folder)
  }

  @Test func itTellsHowTheRunWent() throws {
    let (page, folder) = try write(Self.report([Self.record(1), Self.record(2, isBest: true), Self.record(3)]))
    for text in [
      "Training report: net &lt;x&gt;", "ferd train --data-dir &#39;my &lt;data&gt;&#39;",
      "Finished after 3 of 3 epochs. Epoch 2 is the best", "35 pictures for training, 3 for validation",
      "4.0 times as many", "nested.a", "1, 2", "x&lt;y&gt;.png", "broken &amp; bad", "1 picture could not be read",
      "Time: 3 min 00 s", "c␊d",
    ] { #expect(page.contains(text), "no \(text)") }
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.url.appending(path: "report").path)
    #expect(
      files.filter { $0.hasSuffix(".tsv") }.sorted() == [
        "classes.tsv", "confusion.tsv", "learning-rate.tsv", "loss.tsv", "per-class.tsv", "recall.tsv",
        "sampling.tsv", "scores.tsv",
      ])
    let loss = try String(contentsOf: folder.url.appending(path: "report/loss.tsv"), encoding: .utf8)
    #expect(loss.split(separator: "\n").count == 4 && loss.hasPrefix("epoch\ttraining\tvalidation\n1\t1\t"))
  }

  @Test(arguments: [nil, Gnuplot.find()]) func nothingInThePageIsLoadedOrRun(gnuplot: Gnuplot?) throws {
    let (page, _) = try write(Self.report([Self.record(1, isBest: true)]), gnuplot: gnuplot)
    #expect(
      page.contains("Content-Security-Policy\" content=\"default-src &#39;none&#39;;")
        || page.contains("default-src 'none';"))
    #expect(!page.contains("<script") && !page.contains("<link") && !page.contains("javascript:"))
    let addresses = page.matches(of: #/(?:src|href|action|data)=["']([^"']*)["']/#).map { String($0.1) }
    #expect(!addresses.isEmpty)
    #expect(addresses.allSatisfy { $0.hasPrefix("#") || $0.hasPrefix("report/") || $0.hasPrefix("data:image/png") })
  }

  @Test func anInterruptedRunSaysSo() throws {
    let stopped = try write(Self.report([Self.record(1, isBest: true)], isFinished: false)).page
    #expect(stopped.contains("Stopped after 1 of 3 epochs; epoch 1 is the best so far"))
    let atOnce = try write(Self.report([], isFinished: false)).page
    #expect(atOnce.contains("Stopped before the first epoch") && atOnce.contains("No epoch has been finished yet"))
    let patient = try write(Self.report([Self.record(1, isBest: true), Self.record(2)])).page
    #expect(patient.contains("Ended after 2 of 3 epochs, as it got no better. Epoch 1"))
    #expect(patient.contains("it is in pretrained.safetensors."))
  }

  @Test func linesOfEarlierVersionsAreRead() throws {
    let folder = try TemporaryFolder()
    let line = """
      {"deduplicated":{"accuracy":0.5,"ece":0.1,"images":2,"macro_f1":0.4,"macro_recall":0.4,"nll":1.3,"recall":[0,1,0.5]},\
      "epoch":1,"images_per_second":441.8,"is_best":true,"learning_rate":0.07,"score":0.4,"step":3360,"train_loss":1.3,\
      "validation":{"accuracy":0.5,"ece":0.1,"images":3,"macro_f1":0.4,"macro_recall":0.4,"nll":1.3,"recall":[0,1,0.5]}}
      """
    try folder.write(Array((line + "\n").utf8), to: "metrics.jsonl")
    let log = MetricsLog(folder: folder.url)
    try log.append(Self.record(2))
    #expect(log.records.count == 2 && log.records[1] == Self.record(2))
    let old = try #require(log.records.first)
    #expect(old.seconds == nil && old.sampled == nil && old.validation.confusion == nil)
    let (page, _) = try write(Self.report(log.records))
    #expect(page.contains("metrics.jsonl has no confusion matrix of this epoch"))
    #expect(page.contains("(1 of 2 epochs tell)") && page.contains("without excluded"))
  }

  @Test func weightedMeansCountPictures() {
    let perClass =
      ClassificationMetrics.perClass(of: [[3, 1], [0, 0]]) + [.init(precision: 1, recall: 1, f1: 1, support: 12)]
    let averages = ReportPage.averages(perClass)
    let plain = averages[0].values[1]
    let weighted = averages[1].values[1]
    #expect(plain == 0.875)
    #expect(weighted == 15.0 / 16)
  }
}

struct EvaluationReportTests {
  @Test func theWorstMistakesAreThoseOfTheHighestConfidence() {
    let probabilities: [Float] = [0.9, 0.1, 0.2, 0.8, 0.4, 0.6, 0.2, 0.8]
    let mistakes = EvaluationReport.worstMistakes(probabilities, truth: [0, 0, 0, 0], classes: 2)
    #expect(mistakes.map(\.index) == [1, 3, 2])
    #expect(mistakes[0] == .init(index: 1, called: 1, confidence: 0.8, truth: 0.2))
    let many = EvaluationReport.worstMistakes(
      [Float](repeating: 0.5, count: 200), truth: [Int](repeating: 1, count: 100), classes: 2)
    #expect(many.map(\.index) == Array(0..<24))
  }

  @Test func largePicturesAreReduced() {
    let image = ReportPictures.reduced(LumaImage(width: 4000, height: 30, filledWith: 77))
    #expect(image.width == 160 && image.height == 1 && image.pixels.allSatisfy { $0 == 77 })
    let small = LumaImage(width: 48, height: 48, filledWith: 3)
    #expect(ReportPictures.reduced(small) == small)
  }

  @Test func binsHoldWhatTheCalibrationErrorIsMadeOf() {
    let metrics = ClassificationMetrics(
      probabilities: [0.94, 0.06, 0.98, 0.02, 0.45, 0.55], truth: [0, 1, 1], classes: 2)
    #expect(metrics.calibration.count == 15)
    #expect(metrics.calibration[14].images == 2 && metrics.calibration[14].accuracy == 0.5)
    #expect(abs(metrics.calibration[14].confidence - 0.96) < 1e-6)
    #expect(metrics.calibration[8].images == 1 && metrics.calibration[8].accuracy == 1)
    let ece = metrics.calibration.reduce(0) { $0 + Double($1.images) / 3 * abs($1.accuracy - $1.confidence) }
    #expect(abs(ece - metrics.ece) < 1e-9)
  }
}
