public import Foundation
import Inference

/// What a search for bias factors found, as `report.html` with data files and pictures beside it.
public struct BiasReport: Sendable {
  /// Arguments as they were given, the program first.
  public var command: [String]
  /// Such as model and number formats.
  public var facts: [ReportFact]
  public var scores: BiasScores
  public var settings: BiasSearchSettings
  public var result: BiasResult
  /// Pictures that were left out, with the reason.
  public var unreadable: [(path: String, problem: String)]

  /// - Parameter version: ferd's.
  public init(
    command: [String], facts: [ReportFact], version: String, scores: BiasScores, settings: BiasSearchSettings,
    result: BiasResult, unreadable: [(path: String, problem: String)], gnuplot: Gnuplot?
  ) {
    self.command = command
    self.facts = facts + ReportFact.versions(ferd: version, gnuplot: gnuplot) + [.written]
    self.scores = scores
    self.settings = settings
    self.result = result
    self.unreadable = unreadable
  }

  /// Factors on each side of a heat map.
  static let landscapeSteps = 29
  /// At most so many trials are drawn.
  static let historyLimit = 1500

  private var labels: [String] { scores.labels }
  private var colours: [String] { ReportPalette.colours(for: labels) }
  private var searched: [String] { settings.searchedClasses.map { labels[$0] } }
  private var objective: BiasObjective { settings.objective }

  /// The factors that the pictures are about: what is recommended or was forced, else the candidate.
  private var isApplied: Bool { result.factors.contains { $0 != 1 } || result.temperature != 1 }
  private var shownFactors: [Double] { isApplied ? result.factors : result.candidate }
  private var shownTemperature: Double { isApplied ? result.temperature : result.candidateTemperature }
  private var after: String { isApplied ? "after" : "after (candidate)" }

  private func correction(_ factors: [Double], _ temperature: Double) throws(TrainingError) -> BiasCorrection {
    do {
      return try BiasCorrection(
        Dictionary(zip(labels, factors)) { first, _ in first }, labels: labels, temperature: temperature)
    } catch {
      throw .invalidSettings("\(error)")
    }
  }

  /// Writes `report.html` and the folder `report`; an earlier report is replaced.
  ///
  /// - Parameter gnuplot: nil = no pictures; the page says so in their places.
  /// - Returns: Warnings about pictures that could not be drawn.
  public func write(to folder: URL, gnuplot: Gnuplot?) throws(TrainingError) -> [String] {
    var files = try ReportFolder(folder, gnuplot: gnuplot)
    var page = ReportPage(title: "Bias report")
    page.paragraph(Self.summary(result, objective: objective))
    page.code(ReportText.shell(command))
    page.facts(facts)
    page.unreadable(unreadable)
    let before = BiasCorrection(neutral: labels)
    let corrected = try correction(shownFactors, shownTemperature)
    addFactors(&page)
    addGain(&page)
    try addClasses(before, corrected, &page, &files)
    try addDistribution(before, corrected, &page, &files)
    try addSearch(&page, &files)
    try addLandscapes(&page, &files)
    try addCalibration(before, corrected, &page, &files)
    try files.write(page)
    return files.warnings
  }

  /// What to do about the factors, in a few sentences.
  public static func summary(_ result: BiasResult, objective: BiasObjective) -> String {
    var text = ""
    if result.isInterrupted {
      text += "The search was interrupted: this is the best found until then. "
    }
    guard let estimate = result.crossValidated else {
      return text + "Nothing is recommended, as the gain was not measured on pictures unseen by the search."
    }
    let gain = estimate.after - estimate.before
    text +=
      "On pictures that had no part in finding the factors, \(objective.text) goes from "
      + "\(value(estimate.before, objective)) to \(value(estimate.after, objective)): a change of "
      + "\(value(gain, objective, isSigned: true)), 95 % interval \(interval(estimate, objective)). "
    if result.isAlternativeRecommended, let sure = result.alternative?.crossValidated {
      return text
        + "That may be chance. With the likeliest factors it goes to \(value(sure.after, objective)): a change "
        + "of \(value(sure.after - sure.before, objective, isSigned: true)), 95 % interval "
        + "\(interval(sure, objective)). These factors are recommended."
    }
    if result.recommended { return text + "The factors are recommended." }
    text += estimate.interval.high > 0 ? "That may be chance" : "They do harm there"
    text += ", so no factors are recommended"
    let isForced = result.factors.contains { $0 != 1 } || result.temperature != 1
    return text
      + (isForced
        ? "; the best found were taken by force." : ": all stay 1. The best found are given as candidate.")
  }

  private static func interval(_ estimate: BiasEstimate, _ objective: BiasObjective) -> String {
    // The unit once is enough.
    let low = value(estimate.interval.low, objective, isSigned: true).split(separator: " ")[0]
    return "\(low) to \(value(estimate.interval.high, objective, isSigned: true))"
  }

  /// Rates in percent, likelihoods as they are.
  static func value(_ value: Double, _ objective: BiasObjective, isSigned: Bool = false) -> String {
    let isRate = !objective.weights.contains { $0.key == .nll && $0.value > 0 }
    var text = isRate ? ReportText.number(value * 100, 2) : ReportText.number(value, 4)
    if isSigned, !text.hasPrefix("-") { text = "+" + text }
    // A true minus sign, as wide as a plus.
    text = text.replacing("-", with: "\u{2212}")
    return isRate ? "\(text) \(isSigned ? "points" : "%")" : text
  }

  // MARK: - Sections

  private func addFactors(_ page: inout ReportPage) {
    page.heading("Factors")
    page.paragraph(
      "A class's probability is multiplied by its factor, then all are scaled to sum to 1. 1 changes nothing.",
      isNote: true)
    var rows: [[ReportPage.Cell]] = []
    for (index, label) in labels.enumerated() {
      let place = settings.searchedClasses.firstIndex(of: index)
      rows.append([
        .text(label), .number(ReportText.general(result.factors[index])),
        .number(place == nil ? "not searched" : ReportText.general(result.candidate[index])),
        .number(result.alternative.map { ReportText.general($0.factors[index]) } ?? "–"),
        .number(ReportText.general(result.closedForm[index])),
        .number(ReportText.percent(result.effectivePrior[index])),
        .number(scores.isTruthKnown ? String(scores.classCounts[index]) : "–"),
      ])
    }
    let isCooled = result.temperature != 1 || result.candidateTemperature != 1
    if isCooled {
      rows.append([
        .text("temperature"), .number(ReportText.general(result.temperature)),
        .number(ReportText.general(result.candidateTemperature)),
        .number(result.alternative.map { ReportText.general($0.temperature) } ?? "–"), .number("–"), .number("–"),
        .number("–"),
      ])
    }
    page.table(
      columns: ["class", "factor", "best found", "likeliest", "closed form", "mean probability (%)", "pictures"],
      rows: rows,
      colours: colours)
    page.paragraph(
      "Likeliest: the factors that make the true classes most probable; chance fools them less than the best found. "
        + "Closed form: the factors that logit adjustment gives for the effective prior, which is the mean probability of "
        + "each class; the search starts from them.", isNote: true)
  }

  private func addGain(_ page: inout ReportPage) {
    page.heading("Gain")
    var rows: [[ReportPage.Cell]] = []
    func row(_ name: String, _ before: Double, _ after: Double, _ note: String) {
      rows.append([
        .text(name), .number(Self.value(before, objective)), .number(Self.value(after, objective)),
        .number(Self.value(after - before, objective, isSigned: true)), .number(note),
      ])
    }
    if let estimate = result.crossValidated {
      row("unseen pictures", estimate.before, estimate.after, Self.interval(estimate, objective))
    }
    if let estimate = result.alternative?.crossValidated {
      row("likeliest factors there", estimate.before, estimate.after, Self.interval(estimate, objective))
    }
    row("all pictures", result.valueBefore, result.value, "–")
    page.table(
      columns: [objective.text, "without", "with factors", "gain", "95 % interval"], rows: rows,
      emphasised: result.crossValidated == nil ? [] : [result.isAlternativeRecommended ? 1 : 0])
    page.paragraph(
      "Unseen: each picture is judged with factors found without its part of the pictures, of which there are "
        + "\(settings.folds); the interval comes of drawing the pictures anew (bootstrap). All pictures: what was made "
        + "as large as possible, so it promises too much. The figures below are of that kind.", isNote: true)
  }

  private func addClasses(
    _ before: BiasCorrection, _ after: BiasCorrection, _ page: inout ReportPage, _ files: inout ReportFolder
  ) throws(TrainingError) {
    page.heading("Classes before and after")
    guard let raw = scores.metrics(before), let corrected = scores.metrics(after) else {
      page.paragraph(
        "Not all pictures have a known emotion, so nobody can tell what is right: there is no recall, confusion matrix "
          + "or calibration.", isNote: true)
      return
    }
    func figures(_ name: String, _ metrics: ClassificationMetrics) -> [ReportPage.Cell] {
      [
        .text(name), .number(ReportText.percent(metrics.accuracy)),
        .number(ReportText.percent(metrics.macroRecall)),
        .number(ReportText.percent(metrics.macroF1)), .number(ReportText.percent(metrics.ece)),
        .number(ReportText.number(metrics.nll, 4)),
      ]
    }
    page.table(
      columns: ["", "accuracy (%)", "macro recall (%)", "macro F1 (%)", "ECE (%)", "NLL"],
      rows: [figures("before", raw), figures(self.after, corrected)])
    page.table(
      columns: ["class", "recall before (%)", "after (%)", "precision before (%)", "after (%)", "pictures"],
      rows: labels.indices.map { index in
        [
          .text(labels[index]), .number(ReportText.percent(raw.perClass[index].recall)),
          .number(ReportText.percent(corrected.perClass[index].recall)),
          .number(ReportText.percent(raw.perClass[index].precision)),
          .number(ReportText.percent(corrected.perClass[index].precision)),
          .number(String(raw.perClass[index].support)),
        ]
      }, colours: colours)
    page.add(
      try files.draw(
        .bars(
          "recall", title: "Recall of each class before and after", groupLabel: "class", groups: labels,
          colours: colours,
          bars: [
            PlotBars(label: self.after, values: corrected.perClass.map(\.recall)),
            PlotBars(label: "before", values: raw.perClass.map(\.recall)),
          ], axis: .percent("recall"), decimals: 0)))
    page.add(
      try files.draw(
        .confusion("confusion-before", title: "Confusion matrix before", labels: labels, counts: raw.confusion)))
    page.add(
      try files.draw(
        .confusion(
          "confusion-after", title: "Confusion matrix \(self.after)", labels: labels, counts: corrected.confusion)))
  }

  private func addDistribution(
    _ before: BiasCorrection, _ after: BiasCorrection, _ page: inout ReportPage, _ files: inout ReportFolder
  ) throws(TrainingError) {
    page.heading("How often each class is called")
    let usesTarget = (objective.weights[.distribution] ?? 0) > 0
    let uniform = [Double](repeating: 1 / Double(labels.count), count: labels.count)
    let target = usesTarget ? objective.targetDistribution ?? uniform : scores.classShares
    let name = usesTarget ? "target" : "truth"
    let answersBefore = scores.answers(before)
    let answersAfter = scores.answers(after)
    var bars = [
      PlotBars(label: self.after, values: answersAfter), PlotBars(label: "before", values: answersBefore),
    ]
    if let target { bars.insert(PlotBars(label: name, values: target), at: 0) }
    page.table(
      columns: ["class"] + (target == nil ? [] : ["\(name) (%)"]) + ["before (%)", "\(self.after) (%)"],
      rows: labels.indices.map { index in
        [.text(labels[index])] + (target.map { [.number(ReportText.percent($0[index]))] } ?? [])
          + [.number(ReportText.percent(answersBefore[index])), .number(ReportText.percent(answersAfter[index]))]
      }, colours: colours)
    if let target {
      func distance(_ answers: [Double]) -> String {
        ReportText.percent(zip(target, answers).reduce(0) { $0 + abs($1.0 - $1.1) } / 2)
      }
      page.paragraph(
        "\(distance(answersBefore)) % of the answers would have to change to meet the \(name) before, "
          + "\(distance(answersAfter)) % after.", isNote: true)
    }
    page.add(
      try files.draw(
        .bars(
          "distribution",
          title: usesTarget
            ? "Target and achieved distribution of the answers" : "True distribution and that of the answers",
          groupLabel: "class", groups: labels, colours: colours, bars: bars,
          axis: PlotAxis(label: "part of the pictures (%)", scale: 100, minimum: 0), decimals: 0)))
  }

  private func addSearch(_ page: inout ReportPage, _ files: inout ReportFolder) throws(TrainingError) {
    page.heading("The search")
    let history = Self.history(result.trials, limit: Self.historyLimit)
    let best = result.trials.max { $0.value < $1.value }
    var caption = "Search history: \(ReportText.count(result.trials.count, "trial")) on all pictures"
    if let best {
      caption += "; the best is number \(best.number) with \(ReportText.number(best.value, 5))"
    }
    if history.count < result.trials.count { caption += "; \(history.count) of them are drawn" }
    page.add(
      try files.draw(
        .searchHistory("history", title: "Search history", trials: history, valueLabel: valueLabel),
        caption: caption + ". The value is the objective less the regularisation (\(regularisation))."))
    let isKnown = result.importance.count == searched.count && result.importance.contains { $0 > 0 }
    guard isKnown else {
      page.paragraph("No factor matters around the best found.", isNote: true)
      return
    }
    page.add(
      try files.draw(
        .bars(
          "importance", title: "Importance of each factor around the best found", groupLabel: "class",
          groups: searched, colours: settings.searchedClasses.map { colours[$0] },
          bars: [PlotBars(label: "importance", values: result.importance)],
          axis: PlotAxis(label: "part of the importance (%)", scale: 100, minimum: 0), decimals: 0)))
  }

  private var regularisation: String {
    objective.regularisation == 0
      ? "none" : "\(ReportText.general(objective.regularisation)) times the mean square of ln b"
  }

  private var valueLabel: String { "value (\(ReportText.shortened(objective.text, to: 44)))" }

  /// The trials that tell the course: all that were the best so far, and an even part of the others.
  static func history(_ trials: [BiasTrial], limit: Int) -> [(number: Int, value: Double, best: Double)] {
    var best = -Double.infinity
    let step = max(1, (trials.count + limit - 1) / max(1, limit))
    var result: [(number: Int, value: Double, best: Double)] = []
    for (index, trial) in trials.enumerated() {
      let isBest = trial.value > best
      if isBest { best = trial.value }
      if isBest || index % step == 0 || index == trials.count - 1 {
        result.append((trial.number, trial.value, best))
      }
    }
    return result
  }

  private func addLandscapes(_ page: inout ReportPage, _ files: inout ReportFolder) throws(TrainingError) {
    page.heading("The objective over each pair of factors")
    let classes = settings.searchedClasses
    guard classes.count > 1 else {
      page.paragraph("Only one factor was searched: there is no pair.", isNote: true)
      return
    }
    let axis = BiasSearch.landscapeTicks(settings, steps: Self.landscapeSteps)
    page.paragraph(
      "Each map shows two factors, with the others as they were found. The filled point marks what was found, the open "
        + "circle no correction. The darker, the better.", isNote: true)
    var sheet = ""
    for (first, row) in classes.enumerated() {
      for column in classes[(first + 1)...] {
        let values = try BiasSearch.landscape(
          scores, settings: settings, around: shownFactors, temperature: shownTemperature, classes: (row, column),
          steps: Self.landscapeSteps)
        let plot = Plot.landscape(
          "pair-\(row + 1)-\(column + 1)", title: "\(labels[row]) and \(labels[column])", xLabel: labels[column],
          xs: axis, yLabel: labels[row], ys: axis, values: values, valueLabel: "objective",
          marks: [
            Plot.Mark(x: 1, y: 1, isFilled: false),
            Plot.Mark(x: shownFactors[column], y: shownFactors[row], isFilled: true),
          ])
        sheet += try files.draw(plot)
      }
    }
    page.add("<div class=\"maps\">\n\(sheet)</div>")
  }

  private func addCalibration(
    _ before: BiasCorrection, _ after: BiasCorrection, _ page: inout ReportPage, _ files: inout ReportFolder
  ) throws(TrainingError) {
    guard let raw = scores.metrics(before), let corrected = scores.metrics(after) else { return }
    page.heading("Calibration")
    for (file, word, metrics) in [
      ("reliability-before", "Before", raw), ("reliability-after", self.after, corrected),
    ] {
      page.add(
        try files.draw(
          .reliability(file, title: "Reliability diagram \(word.lowercased())", bins: metrics.calibration),
          caption:
            "\(word.prefix(1).uppercased())\(word.dropFirst()): how often answers of a certain confidence are "
            + "right, in 15 bins; the expected calibration error (ECE) is \(ReportText.percent(metrics.ece)) %."))
    }
  }
}
