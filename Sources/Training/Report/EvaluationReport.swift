public import Foundation
public import Inference

/// How an ensemble did on a folder of face crops, as `report.html` with data files and pictures beside it.
public struct EvaluationReport: Sendable {
  /// Arguments as they were given, the program first.
  public var command: [String]
  /// Such as model and number formats.
  public var facts: [ReportFact]
  public var evaluation: EnsembleEvaluation
  /// Folder of the pictures.
  public var dataFolder: URL
  public var bias: BiasCorrection

  static let mistakeLimit = 24

  /// - Parameter version: ferd's.
  public init(
    command: [String], facts: [ReportFact], version: String, evaluation: EnsembleEvaluation, dataFolder: URL,
    bias: BiasCorrection, gnuplot: Gnuplot?
  ) {
    self.command = command
    self.facts = facts + ReportFact.versions(ferd: version, gnuplot: gnuplot) + [.written]
    self.evaluation = evaluation
    self.dataFolder = dataFolder
    self.bias = bias
  }

  private var labels: [String] { evaluation.labels }
  private var isCorrected: Bool { bias.factors.contains { $0 != 1 } }

  /// Writes `report.html` and the folder `report`; an earlier report is replaced.
  ///
  /// - Parameter gnuplot: nil = no pictures; the page says so in their places.
  /// - Returns: Warnings about pictures that could not be drawn or read.
  public func write(to folder: URL, gnuplot: Gnuplot?) throws(TrainingError) -> [String] {
    var files = try ReportFolder(folder, gnuplot: gnuplot)
    var page = ReportPage(title: "Evaluation report")
    let metrics = evaluation.metrics(.flipAveraged, bias: bias)
    page.paragraph(
      "\(metrics.images) pictures: accuracy \(ReportText.percent(metrics.accuracy)) %, macro recall "
        + "\(ReportText.percent(metrics.macroRecall)) %.")
    page.code(ReportText.shell(command))
    page.facts(facts)
    page.unreadable(evaluation.unreadable)
    addFigures(metrics, &page)
    try addClasses(metrics, &page, &files)
    try addCalibration(metrics, &page, &files)
    let warnings = try addMistakes(&page, files)
    try files.write(page)
    return files.warnings + warnings
  }

  // MARK: - Sections

  private func addFigures(_ metrics: ClassificationMetrics, _ page: inout ReportPage) {
    page.heading("Figures")
    func row(_ name: String, _ metrics: ClassificationMetrics) -> [ReportPage.Cell] {
      let weighted = ReportPage.averages(metrics.perClass)[1].values
      return [
        .text(name), .number(ReportText.percent(metrics.accuracy)),
        .number(ReportText.percent(metrics.macroRecall)), .number(ReportText.percent(metrics.macroF1)),
        .number(ReportText.percent(weighted[2])), .number(ReportText.percent(metrics.ece)),
        .number(ReportText.number(metrics.nll, 4)),
      ]
    }
    let columns = ["", "accuracy", "macro recall", "macro F1", "weighted F1", "ECE", "NLL"]
    page.paragraph("In percent, except the negative log-likelihood (NLL).", isNote: true)
    guard isCorrected else {
      page.table(
        columns: columns,
        rows: [
          row("flip-averaged", metrics), row("single view", evaluation.metrics(.single, bias: nil)),
        ], emphasised: [0])
      page.paragraph("The bias factors are all 1: raw and corrected figures are the same.", isNote: true)
      return
    }
    page.table(
      columns: columns,
      rows: [
        row("flip-averaged, corrected", metrics),
        row("flip-averaged, raw", evaluation.metrics(.flipAveraged, bias: nil)),
        row("single view, corrected", evaluation.metrics(.single, bias: bias)),
        row("single view, raw", evaluation.metrics(.single, bias: nil)),
      ], emphasised: [0])
    page.paragraph("Each class's probability is multiplied by its bias factor:")
    page.table(
      columns: ["class", "bias factor"],
      rows: zip(labels, bias.factors).map { [.text($0), .number(ReportText.general(Double($1)))] },
      colours: ReportPalette.colours(for: labels))
  }

  private func addClasses(
    _ metrics: ClassificationMetrics, _ page: inout ReportPage, _ files: inout ReportFolder
  ) throws(TrainingError) {
    page.heading("Classes")
    page.classTable(labels: labels, perClass: metrics.perClass)
    page.add(
      try files.draw(
        .perClass(
          "per-class", title: "Recall, precision and F1 of each class", labels: labels, perClass: metrics.perClass))
    )
    if isCorrected {
      let raw = evaluation.metrics(.flipAveraged, bias: nil)
      page.add(
        try files.draw(
          .bars(
            "bias", title: "Recall of each class with and without bias factors", groupLabel: "class",
            groups: labels, colours: ReportPalette.colours(for: labels),
            bars: [
              PlotBars(label: "corrected", values: metrics.perClass.map(\.recall)),
              PlotBars(label: "raw", values: raw.perClass.map(\.recall)),
            ], axis: .percent("recall"), decimals: 0)))
      page.add(
        try files.draw(
          .confusion("confusion-raw", title: "Confusion matrix, raw", labels: labels, counts: raw.confusion)))
    }
    page.add(
      try files.draw(
        .confusion(
          "confusion", title: isCorrected ? "Confusion matrix, corrected" : "Confusion matrix", labels: labels,
          counts: metrics.confusion)))
  }

  private func addCalibration(
    _ metrics: ClassificationMetrics, _ page: inout ReportPage, _ files: inout ReportFolder
  ) throws(TrainingError) {
    page.heading("Calibration")
    page.add(
      try files.draw(
        .reliability("reliability", title: "Reliability diagram", bins: metrics.calibration),
        caption: "How often answers of a certain confidence are right, in 15 bins; the expected calibration error "
          + "(ECE) is \(ReportText.percent(metrics.ece)) %."))
  }

  // MARK: - Mistakes

  struct Mistake: Equatable {
    /// Position among the files.
    var index: Int
    var called: Int
    /// Of what was called.
    var confidence: Float
    /// Probability of the true class.
    var truth: Float
  }

  /// The wrong answers with the highest confidence.
  static func worstMistakes(_ probabilities: [Float], truth: [Int], classes: Int) -> [Mistake] {
    let all = truth.indices.compactMap { index -> Mistake? in
      let row = probabilities[index * classes..<(index + 1) * classes]
      guard let best = row.indices.max(by: { row[$0] < row[$1] }), best - row.startIndex != truth[index] else {
        return nil
      }
      return Mistake(
        index: index, called: best - row.startIndex, confidence: row[best],
        truth: row[row.startIndex + truth[index]])
    }
    return Array(all.sorted { ($1.confidence, $0.index) < ($0.confidence, $1.index) }.prefix(mistakeLimit))
  }

  /// - Returns: Warnings about pictures that could not be shown.
  private func addMistakes(_ page: inout ReportPage, _ files: ReportFolder) throws(TrainingError) -> [String] {
    let mistakes = Self.worstMistakes(
      evaluation.probabilities(.flipAveraged, bias: bias), truth: evaluation.files.map(\.label),
      classes: labels.count)
    page.heading("Worst mistakes")
    guard !mistakes.isEmpty else {
      page.paragraph("There is none: every picture was called right.")
      return []
    }
    page.paragraph("The wrong answers that the model was most certain of.", isNote: true)
    var sheet = ""
    var warnings: [String] = []
    for (place, mistake) in mistakes.enumerated() {
      let file = evaluation.files[mistake.index]
      var picture = "<p class=\"missing\">cannot be shown</p>"
      do throws(TrainingError) {
        let bytes = try ReportPictures.thumbnail(
          of: dataFolder.appending(path: file.path).path, writtenTo: files.path(Self.mistakeFile(place)))
        picture = "<img alt=\"\" src=\"\(InlinePicture.png(bytes))\">"
      } catch {
        warnings.append("\(file.path) is not shown in the report: \(error)")
      }
      sheet +=
        "<figure>\(picture)<figcaption>\(ReportText.html(labels[file.label])) "
        + "\(ReportText.number(Double(mistake.truth) * 100, 0))\u{A0}%, called "
        + "<b>\(ReportText.html(labels[mistake.called])) "
        + "\(ReportText.number(Double(mistake.confidence) * 100, 0))\u{A0}%</b><br>"
        // Long paths break behind slashes.
        + ReportText.html(file.path).replacing("/", with: "/<wbr>")
        + "</figcaption></figure>\n"
    }
    for place in mistakes.count..<max(mistakes.count, Self.mistakeLimit) {
      try? FileManager.default.removeItem(atPath: files.path(Self.mistakeFile(place)))
    }
    page.add("<div class=\"sheet\">\n\(sheet)</div>")
    return warnings
  }

  private static func mistakeFile(_ place: Int) -> String { String(format: "mistake-%02d.png", place + 1) }
}
