public import Foundation
public import Inference

/// What a training run did, as `report.html` with data files and pictures beside it.
public struct TrainingReport: Sendable {
  /// Of the network, for the heading.
  public var name: String
  /// Arguments as they were given, the program first.
  public var command: [String]
  /// Such as versions and number formats.
  public var facts: [ReportFact] = []
  /// Settings of the run.
  public var recipe: JSONValue
  public var labels: [String]
  /// Pictures of each class.
  public var trainingCounts: [Int]
  public var validationCounts: [Int]
  /// nil = there is no test part.
  public var testCounts: [Int]?
  /// Of the finished model; nil before the end and without a test part.
  public var test: EpochRecord.Scores?
  /// Validation pictures that the selection leaves out.
  public var excludedCount = 0
  public var unreadable: [(path: String, problem: String)] = []
  /// Finished ones, in order.
  public var epochs: [EpochRecord]
  public var plannedEpochs: Int
  public var isFinished: Bool
  /// Name of the file that has the best epoch once the run has finished.
  public var modelFile: String

  /// What selects the best epoch.
  private static func selecting(_ record: EpochRecord) -> EpochRecord.Scores {
    record.deduplicated ?? record.validation
  }

  private var best: EpochRecord? { epochs.last { $0.isBest } }

  /// Writes `report.html` and the folder `report`; an earlier report is replaced.
  ///
  /// - Parameter gnuplot: nil = no pictures; the page says so in their places.
  /// - Returns: Warnings about pictures that could not be drawn.
  public func write(to folder: URL, gnuplot: Gnuplot?) throws(TrainingError) -> [String] {
    var files = try ReportFolder(folder, gnuplot: gnuplot)
    var page = ReportPage(title: "Training report: \(name)")
    page.paragraph(status)
    page.heading("How it was made")
    page.code(ReportText.shell(command))
    page.facts(facts)
    page.details("Recipe", ReportPage.table(rows: Self.flattened(recipe).map { [.text($0), .text($1)] }))
    try addData(&page, &files)
    guard let best else {
      page.paragraph("No epoch has been finished yet.", isNote: true)
      try files.write(page)
      return files.warnings
    }
    try addBest(best, &page, &files)
    try addTest(&page, &files)
    try addCourse(best, &page, &files)
    try files.write(page)
    return files.warnings
  }

  private var status: String {
    let done = "\(epochs.count) of \(plannedEpochs) epochs"
    guard let best else {
      return "Stopped before the first epoch was finished. The same command with --resume goes on."
    }
    guard isFinished else {
      return
        "Stopped after \(done); epoch \(best.epoch) is the best so far. The same command with --resume goes on."
    }
    let end = epochs.count < plannedEpochs ? "Ended after \(done), as it got no better" : "Finished after \(done)"
    return "\(end). Epoch \(best.epoch) is the best; it is in \(modelFile)."
  }

  // MARK: - Sections

  private func addData(_ page: inout ReportPage, _ files: inout ReportFolder) throws(TrainingError) {
    let colours = ReportPalette.colours(for: labels)
    let sampled = epochs.last?.sampled
    page.heading("Data")
    let total = trainingCounts.reduce(0, +)
    let ratio = Double(trainingCounts.max() ?? 0) / Double(max(1, trainingCounts.min() ?? 0))
    page.paragraph(
      "\(total) pictures for training, \(validationCounts.reduce(0, +)) for validation"
        + (testCounts.map { ", \($0.reduce(0, +)) for the test at the end" } ?? "") + ". The largest class has "
        + "\(ReportText.number(ratio, 1)) times as many training pictures as the smallest.")
    if excludedCount > 0 {
      page.paragraph("\(excludedCount) validation pictures do not count where the best epoch is selected.")
    }
    var columns = ["class", "training", "part (%)", "validation"] + (testCounts == nil ? [] : ["test"])
    if sampled != nil { columns += ["shown in an epoch", "part (%)", "times each"] }
    let shown = sampled?.reduce(0, +) ?? 0
    let rows = labels.indices.map { index in
      var row: [ReportPage.Cell] = [
        .text(labels[index]), .number(String(trainingCounts[index])),
        .number(ReportText.percent(Double(trainingCounts[index]) / Double(max(1, total)))),
        .number(String(validationCounts[index])),
      ]
      if let testCounts { row.append(.number(String(testCounts[index]))) }
      if let sampled, sampled.count == labels.count {
        row += [
          .number(String(sampled[index])),
          .number(ReportText.percent(Double(sampled[index]) / Double(max(1, shown)))),
          .number(ReportText.number(Double(sampled[index]) / Double(max(1, trainingCounts[index])), 2)),
        ]
      }
      return row
    }
    page.table(columns: columns, rows: rows, colours: colours)
    page.unreadable(unreadable)
    var bars = [PlotBars(label: "in the data", values: trainingCounts.map { Double($0) })]
    if let sampled { bars.append(PlotBars(label: "shown in an epoch", values: sampled.map { Double($0) })) }
    page.add(
      try files.draw(
        .bars(
          "classes", title: "Training pictures of each class, before and after sampling", groupLabel: "class",
          groups: labels, colours: colours, bars: bars, axis: PlotAxis(label: "pictures", minimum: 0), decimals: 0))
    )
    guard Set(epochs.compactMap(\.sampled)).count > 1 else { return }
    page.add(
      try files.draw(
        byEpoch("sampling", title: "Pictures of each class that an epoch showed", axis: .init(label: "pictures")) {
          $0.sampled?.map { Double($0) }
        }))
  }

  private func addBest(
    _ best: EpochRecord, _ page: inout ReportPage, _ files: inout ReportFolder
  ) throws(TrainingError) {
    page.heading("Best epoch: \(best.epoch)")
    page.paragraph("On the validation pictures, each averaged with its mirror image.", isNote: true)
    var columns = ["", "validation"]
    if best.deduplicated != nil { columns.append("without excluded") }
    let scores = [best.validation] + (best.deduplicated.map { [$0] } ?? [])
    func row(_ name: String, _ value: (EpochRecord.Scores) -> String) -> [ReportPage.Cell] {
      [.text(name)] + scores.map { .number(value($0)) }
    }
    var rows = [
      row("pictures") { String($0.images) }, row("accuracy (%)") { ReportText.percent($0.accuracy) },
      row("macro recall (%)") { ReportText.percent($0.macroRecall) },
      row("macro F1 (%)") { ReportText.percent($0.macroF1) },
    ]
    if scores.allSatisfy({ $0.confusion != nil }) {
      for (index, name) in ["weighted precision (%)", "weighted recall (%)", "weighted F1 (%)"].enumerated() {
        rows.append(
          row(name) { scores in
            let averages = ReportPage.averages(ClassificationMetrics.perClass(of: scores.confusion ?? []))
            return ReportText.percent(averages[1].values[index])
          })
      }
    }
    rows += [
      row("negative log-likelihood") { ReportText.number($0.nll, 4) },
      row("calibration error (ECE, %)") { ReportText.percent($0.ece) },
    ]
    page.table(columns: columns, rows: rows)
    page.paragraph(
      "Its score, which selects the best epoch, is \(ReportText.number(best.score, 4)); its training loss "
        + "\(ReportText.number(best.trainLoss, 4)), its learning rate "
        + "\(ReportText.general(Double(best.learningRate))).")
    guard let confusion = Self.selecting(best).confusion, confusion.count == labels.count else {
      page.paragraph(
        "metrics.jsonl has no confusion matrix of this epoch: an earlier version of ferd wrote its line.",
        isNote: true)
      return
    }
    let perClass = ClassificationMetrics.perClass(of: confusion)
    page.classTable(labels: labels, perClass: perClass)
    page.add(
      try files.draw(
        .confusion("confusion", title: "Confusion matrix of epoch \(best.epoch)", labels: labels, counts: confusion)
      ))
    page.add(
      try files.draw(
        .perClass(
          "per-class", title: "Recall, precision and F1 of each class in epoch \(best.epoch)", labels: labels,
          perClass: perClass)))
  }

  private func addTest(_ page: inout ReportPage, _ files: inout ReportFolder) throws(TrainingError) {
    guard let test, let confusion = test.confusion else { return }
    page.heading("Test")
    page.paragraph(
      "The finished model on the test pictures, which chose nothing, each averaged with its mirror image.",
      isNote: true)
    page.table(
      columns: ["", "test"],
      rows: [
        [.text("pictures"), .number(String(test.images))],
        [.text("accuracy (%)"), .number(ReportText.percent(test.accuracy))],
        [.text("macro recall (%)"), .number(ReportText.percent(test.macroRecall))],
        [.text("macro F1 (%)"), .number(ReportText.percent(test.macroF1))],
        [.text("negative log-likelihood"), .number(ReportText.number(test.nll, 4))],
        [.text("calibration error (ECE, %)"), .number(ReportText.percent(test.ece))],
      ])
    page.classTable(labels: labels, perClass: ClassificationMetrics.perClass(of: confusion))
    page.add(
      try files.draw(
        .confusion("confusion-test", title: "Confusion matrix of the test part", labels: labels, counts: confusion))
    )
  }

  private func addCourse(
    _ best: EpochRecord, _ page: inout ReportPage, _ files: inout ReportFolder
  ) throws(TrainingError) {
    page.heading("Epoch by epoch")
    let mark = (place: best.epoch, word: "best")
    let places = epochs.map(\.epoch)
    page.add(
      try files.draw(
        .lines(
          "loss", title: "Loss", placeLabel: "epoch", places: places,
          lines: [
            PlotLine(label: "training", values: epochs.map(\.trainLoss), colour: ReportPalette.accent),
            PlotLine(
              label: "validation", values: epochs.map { Self.selecting($0).nll }, colour: ReportPalette.second),
          ], axis: PlotAxis(label: "loss (nats)"), mark: mark),
        caption: "Loss: in training with augmentation, mixed pictures and smoothed labels; in validation the "
          + "negative log-likelihood, with averaged weights."))
    page.add(
      try files.draw(
        byEpoch("recall", title: "Accuracy of each class (recall) by epoch", axis: .percent("recall"), mark: mark) {
          Self.selecting($0).recall
        }))
    page.add(
      try files.draw(
        .lines(
          "scores", title: "Validation figures by epoch", placeLabel: "epoch", places: places,
          lines: [
            PlotLine(
              label: "accuracy", values: epochs.map { Self.selecting($0).accuracy }, colour: ReportPalette.accent),
            PlotLine(
              label: "macro recall", values: epochs.map { Self.selecting($0).macroRecall },
              colour: ReportPalette.second),
            PlotLine(
              label: "macro F1", values: epochs.map { Self.selecting($0).macroF1 }, colour: ReportPalette.grey),
          ], axis: .percent("value"), mark: mark)))
    page.add(
      try files.draw(
        .lines(
          "learning-rate", title: "Learning rate at the end of each epoch", placeLabel: "epoch", places: places,
          lines: [
            PlotLine(
              label: "learning rate", values: epochs.map { Double($0.learningRate) }, colour: ReportPalette.accent)
          ], axis: PlotAxis(label: "learning rate", minimum: 0), mark: mark, height: 280)))
    page.paragraph(time)
    page.details("All epochs", epochTable)
  }

  private func byEpoch(
    _ name: String, title: String, axis: PlotAxis, mark: (place: Int, word: String)? = nil,
    values: (EpochRecord) -> [Double]?
  ) -> Plot {
    let lines = zip(labels.indices, ReportPalette.colours(for: labels)).map { index, colour in
      PlotLine(
        label: labels[index],
        values: epochs.map { record in
          values(record).flatMap { $0.indices.contains(index) ? $0[index] : nil }
        }, colour: colour)
    }
    return .lines(
      name, title: title, placeLabel: "epoch", places: epochs.map(\.epoch), lines: lines, axis: axis, mark: mark)
  }

  private var time: String {
    let seconds = epochs.compactMap(\.seconds)
    guard !seconds.isEmpty else { return "metrics.jsonl does not tell how long the epochs took." }
    let part = seconds.count < epochs.count ? " (\(seconds.count) of \(epochs.count) epochs tell)" : ""
    let speeds = epochs.map(\.imagesPerSecond).sorted()
    return "Time: \(ReportText.duration(seconds.reduce(0, +)))\(part). Training alone went at "
      + "\(ReportText.number(speeds[speeds.count / 2], 0)) images/s in the median epoch."
  }

  private var epochTable: String {
    ReportPage.table(
      columns: [
        "epoch", "learning rate", "training loss", "validation loss", "accuracy (%)", "macro recall (%)",
        "macro F1 (%)", "score", "time",
      ],
      rows: epochs.map { record in
        let scores = Self.selecting(record)
        return [
          .number(String(record.epoch)), .number(ReportText.general(Double(record.learningRate))),
          .number(ReportText.number(record.trainLoss, 4)), .number(ReportText.number(scores.nll, 4)),
          .number(ReportText.percent(scores.accuracy)), .number(ReportText.percent(scores.macroRecall)),
          .number(ReportText.percent(scores.macroF1)), .number(ReportText.number(record.score, 4)),
          .number(record.seconds.map(ReportText.duration) ?? "–"),
        ]
      }, emphasised: best.flatMap { best in epochs.firstIndex { $0.epoch == best.epoch } }.map { [$0] } ?? [])
  }

  /// Settings inside others by names with dots, in the order of the names.
  static func flattened(_ value: JSONValue, prefix: String = "") -> [(name: String, value: String)] {
    switch value {
    case .object(let fields):
      fields.sorted { $0.key < $1.key }.flatMap {
        flattened($0.value, prefix: prefix.isEmpty ? $0.key : "\(prefix).\($0.key)")
      }
    default: [(prefix, text(value))]
    }
  }

  private static func text(_ value: JSONValue) -> String {
    switch value {
    case .null: "none"
    case .bool(let value): value ? "yes" : "no"
    case .number(let value): ReportText.general(value)
    case .large(let value): String(value)
    case .string(let value): value
    case .array(let values): values.map(text).joined(separator: ", ")
    case .object: flattened(value).map { "\($0.name) \($0.value)" }.joined(separator: ", ")
    }
  }
}
