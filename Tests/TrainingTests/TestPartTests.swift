import Foundation
import Inference
import Testing
import Threads

@testable import Training

/// What a run's record and report say beside validation: the test part and the weights that it started from.
struct TestPartTests {
  private struct Run {
    var notes: [String] = []
    var page: String
    /// nil where it was stopped.
    var model: ModelFile?
  }

  private func train(
    _ folder: TemporaryFolder, test: PictureSet? = nil, weights: [String]? = nil, resumes: Bool = false,
    stopAfterSteps limit: Int = .max
  ) throws -> Run {
    var settings = EmotionTrainer.Settings(
      recipe: EmotionTrainerTests.recipe, folder: folder.url, threads: 2, precision: .f32, resumes: resumes)
    settings.weightsReport = weights
    var data = EmotionTrainerTests.data
    data.test = test
    let steps = Guarded(0)
    var notes: [String] = []
    let trainer = try EmotionTrainer(settings, data: data) { event in
      if case .step = event { steps.withLock { $0 += 1 } }
      if case .note(let text) = event { notes.append(text) }
    }
    _ = try trainer.run { steps.withLock { $0 >= limit } }
    _ = try trainer.writeReport(command: ["ferd"], version: "1", gnuplot: nil)
    let model = folder.url.appending(path: "model.safetensors").path
    return Run(
      notes: notes, page: try String(contentsOf: folder.url.appending(path: "report.html"), encoding: .utf8),
      model: FileManager.default.fileExists(atPath: model) ? try ModelFile.read(from: model) : nil)
  }

  @Test func theFinishedModelIsMeasuredOnTheTestPartWhichChoosesNothing() throws {
    let (with, without) = (try TemporaryFolder(), try TemporaryFolder())
    let test = EmotionTrainerTests.pictures(21, seed: 3)
    let stopped = try train(with, test: test, stopAfterSteps: 7)
    #expect(!stopped.notes.contains { $0.contains("test part") } && stopped.model == nil)
    #expect(!stopped.page.contains("<h2>Test</h2>"), "not before the end")
    let run = try train(with, test: test, resumes: true)
    let plain = try train(without)
    let checkpoints = try [with, without].map {
      try Data(contentsOf: $0.url.appending(path: "last.ckpt"))
    }
    #expect(checkpoints[0] == checkpoints[1])
    let model = try #require(run.model)
    #expect(model.tensors == plain.model?.tensors && model.record.training == plain.model?.record.training)

    let evaluation = try #require(
      try ClassifierEvaluation.run(
        spec: model.spec, weights: model.tensors, pictures: test, record: model.record, precision: .f32, threads: 2)
    )
    for (view, probabilities) in [
      ("flip_averaged", evaluation.flipAveraged), ("single_view", evaluation.plain),
    ] {
      let scores = EpochRecord.Scores(
        ClassificationMetrics(probabilities: probabilities, truth: test.files.map(\.label), classes: 3))
      let expected = try JSONValue(snakeCase: scores)
      #expect(model.record.metrics?["test"]?[view] == expected)
    }
    #expect(model.record.metrics?["test"]?["precision"] == .string("f32"))
    #expect(run.notes.count { $0.hasPrefix("test part: 21 pictures, accuracy ") } == 1, "\(run.notes)")
    #expect(run.page.contains("<h2>Test</h2>") && run.page.contains("21 for the test at the end"))
    #expect(run.page.contains("report/confusion-test.tsv"))
    #expect(plain.model?.record.metrics?["test"] == nil && plain.model?.record.metrics?["f32"] != nil)
    #expect(!plain.notes.contains { $0.contains("test part") } && !plain.page.contains("<h2>Test</h2>"))
  }

  @Test func whatARunStartedFromIsKept() throws {
    let folder = try TemporaryFolder()
    let lines = ["weights from x.pth: 3 of 4 parameters taken over", "not in the file, starting anew: <b>"]
    _ = try train(folder, weights: lines, stopAfterSteps: 7)
    let run = try train(folder, weights: ["weights from other.pth"], resumes: true)
    #expect(run.model?.record.training?["weights"] == .array(lines.map { .string($0) }))
    #expect(run.page.contains("Started from</td><td>weights from x.pth: 3 of 4") && run.page.contains("&lt;b&gt;"))
    #expect(!run.page.contains("other.pth"))
    let other = try train(try TemporaryFolder())
    #expect(other.model?.record.training?["weights"] == nil && !other.page.contains("Started from"))
  }

  @Test func checkpointsOfEarlierVersionsGoOn() throws {
    let folder = try TemporaryFolder()
    _ = try train(folder, stopAfterSteps: 7)
    // Without weights to tell of, a checkpoint is what it always was.
    let path = folder.url.appending(path: "last.ckpt")
    #expect(try Data(contentsOf: path).range(of: Data("\"weights\"".utf8)) == nil)
    #expect(try train(folder, test: EmotionTrainerTests.pictures(6, seed: 3), resumes: true).model != nil)
  }
}
