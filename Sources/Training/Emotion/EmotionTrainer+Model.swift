import FaceCrop
import Foundation
import Inference
import Pixels

extension EmotionTrainer {
  private struct BestState: Codable {
    var record: EpochRecord
    /// Names of the parameters in the order of the buffers.
    var names: [String]
  }

  private var bestPath: String { settings.folder.appending(path: "best.ckpt").path }

  /// Keeps the best epoch's averaged weights in `best.ckpt`.
  func saveBest(_ weights: [String: Tensor], record: EpochRecord) throws(TrainingError) {
    let names = weights.keys.sorted()
    var checkpoint = try Checkpoint(state: BestState(record: record, names: names))
    for name in names { checkpoint.append(name, weights[name]!.values) }
    try checkpoint.write(to: bestPath)
  }

  /// The best epoch so far and its averaged weights.
  ///
  /// - Parameter run: What the run remembers of it.
  func readBest(of run: TrainingState) throws(TrainingError) -> (record: EpochRecord, tensors: [String: Tensor]) {
    let checkpoint = try Checkpoint.read(from: bestPath)
    let state = try checkpoint.decodeState(BestState.self, path: bestPath)
    // A run that was killed between its two files has a better epoch here than it remembers, and keeps it should that epoch
    // turn out otherwise when it is made again, with another number of threads.
    let isRemembered = state.record.epoch == run.bestEpoch && state.record.score == run.bestScore
    let isBetter = state.record.score > run.bestScore ?? -.infinity
    guard isRemembered || isBetter && (state.record.epoch > run.epoch || run.isFinished) else {
      throw .invalidCheckpoint(
        path: bestPath, "holds epoch \(state.record.epoch), but the best was epoch \(run.bestEpoch)")
    }
    var tensors: [String: Tensor] = [:]
    for parameter in spec.parameters {
      guard let values = checkpoint.values(parameter.name), values.count == parameter.elementCount else {
        throw .invalidCheckpoint(
          path: bestPath, "expected \(parameter.elementCount) values for \"\(parameter.name)\"")
      }
      tensors[parameter.name] = Tensor(shape: parameter.shape, values: values)
    }
    return (state.record, tensors)
  }

  /// What a finished run writes.
  var modelFile: URL { settings.modelFile ?? settings.folder.appending(path: "model.safetensors") }

  /// Makes the model of the best epoch.
  ///
  /// - Returns: False where it was stopped on the way; then nothing is written.
  func exportModel(isStopped: @escaping @Sendable () -> Bool) throws -> Bool {
    let best = try readBest(of: state)
    let tensors = best.tensors
    var training: [String: JSONValue] = [
      "teachers": try JSONValue(encoding: [settings.distillation?.identity].compactMap(\.self)),
      "recipe": try JSONValue(encoding: settings.recipe),
      "epoch": .number(Double(best.record.epoch)),
      "steps": .number(Double(best.record.step)),
      "precision": .string(settings.precision.rawValue),
      "images": .number(Double(data.training.count)),
      "strengthened_augmentation": try JSONValue(
        encoding: settings.recipe.augmentation(for: data.training).strengthened.map {
          data.training.labels.names[$0]
        }),
      "class_counts": try JSONValue(
        encoding: Dictionary(uniqueKeysWithValues: zip(data.training.labels.names, data.training.classCounts))),
    ]
    if let weights = state.weights { training["weights"] = try JSONValue(encoding: weights) }
    report(.measuring("the finished model"))
    guard var metrics = try measure(tensors, isStopped) else { return false }
    if let test = data.test {
      guard let scores = try measure(tensors, on: test, isStopped) else { return false }
      metrics["test"] = scores
    }
    var record = record
    record.cropGeometry = try JSONValue(encoding: CropGeometry.fer2013)
    record.training = .object(training)
    record.metrics = .object(metrics)
    let path = modelFile.path
    try ModelFile(spec: spec, tensors: tensors, record: record).write(to: path)
    report(.note("epoch \(best.record.epoch) is the best; wrote \(path)"))
    if let scores = testScores {
      report(
        .note(
          "test part: \(ReportText.count(scores.images, "picture")), accuracy \(ReportText.percent(scores.accuracy)) %, "
            + "macro recall \(ReportText.percent(scores.macroRecall)) %"))
    }
    return true
  }

  /// The test part, in the number format of the training: the figures of pictures that chose nothing. Only here, at the
  /// end, so that nobody can choose by them.
  ///
  /// - Returns: Both views; nil where it was stopped.
  private func measure(
    _ tensors: [String: Tensor], on test: PictureSet, _ isStopped: @escaping @Sendable () -> Bool
  ) throws -> JSONValue? {
    guard
      let evaluation = try ClassifierEvaluation.run(
        spec: spec, weights: tensors, pictures: test, record: record, precision: settings.precision,
        threads: settings.threads, isStopped: isStopped)
    else { return nil }
    let scores = [evaluation.flipAveraged, evaluation.plain].map { probabilities in
      EpochRecord.Scores(
        ClassificationMetrics(
          probabilities: probabilities, truth: test.files.map(\.label), classes: test.labels.count))
    }
    testScores = scores[0]
    return .object([
      "precision": .string(settings.precision.rawValue),
      "flip_averaged": try JSONValue(snakeCase: scores[0]), "single_view": try JSONValue(snakeCase: scores[1]),
    ])
  }

  /// Validation in every number format that the processor has.
  ///
  /// - Returns: nil where it was stopped.
  private func measure(
    _ tensors: [String: Tensor], _ isStopped: @escaping @Sendable () -> Bool
  ) throws -> [String: JSONValue]? {
    var result: [String: JSONValue] = [:]
    for precision in Precision.allCases where precision == .f32 || precision == .fastest {
      guard
        let evaluation = try ClassifierEvaluation.run(
          spec: spec, weights: tensors, pictures: data.validation, record: record, precision: precision,
          threads: settings.threads, isStopped: isStopped)
      else { return nil }
      var views: [String: JSONValue] = [:]
      for (name, probabilities) in [("flip_averaged", evaluation.flipAveraged), ("single_view", evaluation.plain)] {
        let all = EpochRecord.Scores(data.metrics(probabilities, withoutDuplicates: false))
        views[name] = .object(["validation": try JSONValue(snakeCase: all)])
        guard !data.duplicates.isEmpty else { continue }
        let strict = EpochRecord.Scores(data.metrics(probabilities, withoutDuplicates: true))
        views[name] = .object([
          "validation": try JSONValue(snakeCase: all), "deduplicated": try JSONValue(snakeCase: strict),
        ])
      }
      result[precision.rawValue] = .object(views)
    }
    return result
  }
}

extension JSONValue {
  /// What a value looks like in JSON.
  init(encoding value: some Encodable) throws {
    self = try JSONDecoder().decode(JSONValue.self, from: JSONEncoder().encode(value))
  }

  /// The same with keys like `macro_recall`.
  init(snakeCase value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    self = try JSONDecoder().decode(JSONValue.self, from: encoder.encode(value))
  }
}
