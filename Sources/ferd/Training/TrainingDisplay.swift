import Foundation
import Training

/// Shows a training run on standard error: a live line on a terminal, one line per epoch in a file.
final class TrainingDisplay {
  private let isQuiet: Bool
  private let isLive: Bool
  private var lastDrawn: ContinuousClock.Instant?
  private var epochs = 0

  init(isQuiet: Bool) {
    self.isQuiet = isQuiet
    isLive = !isQuiet && isatty(STDERR_FILENO) == 1
  }

  /// What there is to learn from, how unequal it is, and what the recipe does about it.
  func showClasses(_ data: TrainingData, _ recipe: TrainingRecipe) throws {
    guard !isQuiet else { return }
    let counts = data.training.classCounts
    let list = zip(data.training.labels.names, counts).map { "\($0) \($1)" }.joined(separator: ", ")
    let ratio = Double(counts.max() ?? 0) / Double(max(1, counts.min() ?? 0))
    Diagnostics.note(
      "\(data.training.count) training pictures (\(list); largest to smallest \(format(ratio, 1)) : 1), "
        + "\(data.validation.count) for validation")
    let names = data.training.labels.names
    let shown = try recipe.shownCounts(of: data.training)
    if shown != counts {
      Diagnostics.note("an epoch shows \(zip(names, shown).map { "\($0) \($1)" }.joined(separator: ", "))")
    }
    let strengthened = try recipe.augmentation(for: data.training).strengthened.map { names[$0] }
    if !strengthened.isEmpty {
      Diagnostics.note("stronger augmentation for \(strengthened.joined(separator: ", "))")
    }
  }

  func show(_ event: TrainingEvent) {
    switch event {
    case .note(let text):
      clear()
      if !isQuiet { Diagnostics.note(text) }
    case .step(let progress): showLive(progress)
    case .measuring(let what):
      guard isLive else { return }
      lastDrawn = .now
      put("\r\u{1B}[Kmeasuring \(what) …")
    case .epoch(let record):
      clear()
      if !isQuiet { Diagnostics.note(text(record)) }
    }
  }

  func finish() { clear() }

  private func text(_ record: EpochRecord) -> String {
    func percent(_ value: Double) -> String { format(value * 100, 1) }
    var text =
      "epoch \(record.epoch)/\(epochs)  loss \(format(record.trainLoss, 4))  "
      + "\(Int(record.imagesPerSecond)) images/s  "
      + "validation: accuracy \(percent(record.validation.accuracy)) %, "
      + "macro recall \(percent(record.validation.macroRecall)) %"
    if let strict = record.deduplicated {
      text += "; without excluded: \(percent(strict.accuracy)) %, \(percent(strict.macroRecall)) %"
    }
    return text + (record.isBest ? "  (best)" : "")
  }

  private func showLive(_ progress: TrainingProgress) {
    epochs = progress.epochs
    guard isLive else { return }
    let now = ContinuousClock.now
    if let lastDrawn, now - lastDrawn < .milliseconds(200) { return }
    lastDrawn = now
    let text =
      "epoch \(progress.epoch)/\(progress.epochs)  step \(progress.step)/\(progress.steps)  "
      + "loss \(format(progress.loss, 4))  \(Int(progress.imagesPerSecond)) images/s  "
      + "\(ProgressBar.State.clock(progress.secondsLeft)) left"
    put("\r\u{1B}[K" + text)
  }

  private func clear() {
    if lastDrawn != nil { put("\r\u{1B}[K") }
    lastDrawn = nil
  }

  private func put(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) }

  private func format(_ value: Double, _ decimals: Int) -> String { String(format: "%.\(decimals)f", value) }
}
