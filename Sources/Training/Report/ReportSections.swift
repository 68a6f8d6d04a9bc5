import Foundation
import Inference

/// A name and a value of the tables at the head of a report.
public struct ReportFact: Equatable, Sendable {
  public var name: String
  public var value: String

  public init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }

  /// What the numbers of a report may depend on beside its settings.
  ///
  /// - Parameter ferd: ferd's version.
  static func versions(ferd: String, gnuplot: Gnuplot?) -> [ReportFact] {
    var facts = [ReportFact("Versions", "ferd \(ferd), oneDNN \(DNNL.version)")]
    if let version = gnuplot?.version { facts[0].value += ", \(version)" }
    if let processor { facts.append(ReportFact("Processor", processor)) }
    return facts
  }

  private static var processor: String? {
    let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n") ?? []
    guard let line = lines.first(where: { $0.hasPrefix("model name") }) else { return nil }
    let name = line.drop { $0 != ":" }.dropFirst().trimmingCharacters(in: .whitespaces)
    return "\(name), \(ReportText.count(ProcessInfo.processInfo.activeProcessorCount, "thread"))"
  }

  /// Now, in universal time.
  static var written: ReportFact { ReportFact("Written", Date.now.formatted(.iso8601)) }
}

/// Parts that several reports share.
extension ReportPage {
  mutating func facts(_ facts: [ReportFact]) {
    table(rows: facts.map { [.text($0.name), .text($0.value)] })
  }

  /// Precision, recall and F1 of each class, their plain means, and their means weighted by support.
  mutating func classTable(labels: [String], perClass: [ClassificationMetrics.PerClass]) {
    func row(_ name: String, _ values: [Double], _ support: Int) -> [Cell] {
      [.text(name)] + values.map { .number(ReportText.percent($0)) } + [.number(String(support))]
    }
    var rows = zip(labels, perClass).map { row($0, [$1.precision, $1.recall, $1.f1], $1.support) }
    let total = perClass.reduce(0) { $0 + $1.support }
    for (name, weights) in Self.averages(perClass) {
      rows.append(row(name, weights, total))
    }
    table(
      columns: ["class", "precision (%)", "recall (%)", "F1 (%)", "pictures"], rows: rows,
      emphasised: [labels.count, labels.count + 1], colours: ReportPalette.colours(for: labels))
  }

  /// Precision, recall and F1: the means over the classes that have pictures, plain and weighted by their pictures.
  static func averages(_ perClass: [ClassificationMetrics.PerClass]) -> [(name: String, values: [Double])] {
    let present = perClass.filter { $0.support > 0 }
    let total = present.reduce(0) { $0 + $1.support }
    func mean(_ value: (ClassificationMetrics.PerClass) -> Double, _ weight: (Int) -> Double) -> Double {
      present.reduce(0) { $0 + value($1) * weight($1.support) }
    }
    let kinds: [(String, (Int) -> Double)] = [
      ("mean (macro)", { _ in 1 / Double(max(1, present.count)) }),
      ("weighted mean", { Double($0) / Double(max(1, total)) }),
    ]
    return kinds.map { name, weight in
      (name, [mean(\.precision, weight), mean(\.recall, weight), mean(\.f1, weight)])
    }
  }

  /// Pictures that could not be read; nothing where all could.
  mutating func unreadable(_ files: [(path: String, problem: String)]) {
    guard !files.isEmpty else { return }
    let shown = 20
    paragraph(
      "\(ReportText.count(files.count, "picture")) could not be read and \(files.count == 1 ? "is" : "are") left out"
        + (files.count > shown ? "; the first \(shown):" : ":"))
    table(rows: files.prefix(shown).map { [.text($0.path), .text($0.problem)] })
  }
}

extension Plot {
  /// Precision, recall and F1 of each class.
  static func perClass(
    _ name: String, title: String, labels: [String], perClass: [ClassificationMetrics.PerClass]
  ) -> Plot {
    bars(
      name, title: title, groupLabel: "class", groups: labels, colours: ReportPalette.colours(for: labels),
      bars: [
        PlotBars(label: "recall", values: perClass.map(\.recall)),
        PlotBars(label: "precision", values: perClass.map(\.precision)),
        PlotBars(label: "F1", values: perClass.map(\.f1)),
      ], axis: .percent("part"), decimals: 0)
  }
}
