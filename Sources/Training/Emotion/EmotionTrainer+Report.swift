import Foundation
import Inference

extension EmotionTrainer {
  /// Writes `report.html` and the folder `report` about all finished epochs, those before an interruption too.
  ///
  /// - Parameters:
  ///   - command: Arguments as they were given, the program first.
  ///   - version: ferd's.
  ///   - gnuplot: nil = without pictures.
  /// - Returns: Warnings about pictures that could not be drawn.
  public func writeReport(
    command: [String], version: String, gnuplot: Gnuplot? = .find()
  ) throws -> [String] {
    var facts = [
      ReportFact("Network", "\(spec.name), \(parameterCount) parameters"),
      ReportFact("Seed", String(settings.recipe.seed)),
      ReportFact("Arithmetic", "\(settings.precision.rawValue) on \(ReportText.count(settings.threads, "thread"))"),
    ]
    for (index, line) in (state.weights ?? []).enumerated() {
      facts.append(ReportFact(index == 0 ? "Started from" : "", line))
    }
    let report = TrainingReport(
      name: spec.name, command: command,
      facts: facts + ReportFact.versions(ferd: version, gnuplot: gnuplot) + [.written],
      recipe: try JSONValue(encoding: settings.recipe), labels: data.training.labels.names,
      trainingCounts: data.training.classCounts, validationCounts: data.validation.classCounts,
      testCounts: data.test?.classCounts, test: testScores, excludedCount: data.duplicates.count,
      unreadable: data.training.unreadable + data.validation.unreadable + (data.test?.unreadable ?? []),
      epochs: MetricsLog(folder: settings.folder).records, plannedEpochs: settings.recipe.epochs,
      isFinished: state.isFinished, modelFile: modelFile.lastPathComponent)
    return try report.write(to: settings.folder, gnuplot: gnuplot)
  }

  private var parameterCount: Int {
    store.slots.filter(\.isTrainable).reduce(0) { $0 + $1.count }
  }
}
