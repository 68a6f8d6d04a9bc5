import Foundation
import Testing

@testable import Training

/// Pictures as gnuplot really draws them.
@Suite(.enabled(if: Gnuplot.find() != nil, "gnuplot is not installed"))
struct PlotTests {
  private static let nasty = [
    "<b>&amp;", "it's \"q\"", "a_b^{2}@x", "x\ny\tz", "`touch pwned`", "%d 50%", #"\ $HOME {/*2 x}"#,
    "\"; system('touch pwned') #", "", " ", "NaN", "größer 怒り",
  ]

  /// The texts in an SVG, without the numbers.
  private static func texts(_ svg: String) -> [String] {
    svg.matches(of: #/<text>(.*?)</text>/#).map { match in
      String(match.1).replacing("&lt;", with: "<").replacing("&gt;", with: ">").replacing("&amp;", with: "&")
    }
  }

  private func draw(_ plot: Plot) throws -> String {
    let folder = try TemporaryFolder()
    let place = folder.url.appending(path: "it's `touch pwned` \"$x\"")
    var files = try ReportFolder(place, gnuplot: .find())
    let html = try files.draw(plot)
    #expect(files.warnings == [])
    #expect(
      try FileManager.default.subpathsOfDirectory(atPath: place.path).sorted()
        == ["report"] + ["gp", "svg", "tsv"].map { "report/\(plot.name).\($0)" })
    #expect(html.contains("<svg") && html.contains("report/\(plot.name).tsv"))
    return try String(contentsOf: place.appending(path: "report/\(plot.name).svg"), encoding: .utf8)
  }

  private func expectLabels(_ labels: [String], in svg: String) {
    let texts = Self.texts(svg)
    for label in labels where !label.allSatisfy({ $0 == " " }) {
      let shown = ReportText.shortened(ReportText.printable(label), to: Plot.labelLimit)
      #expect(texts.contains(shown), "no \(shown) among \(texts)")
    }
  }

  @Test func linesShowTheirLabelsWhateverTheyAre() throws {
    let lines = Self.nasty.enumerated().map { index, label in
      PlotLine(label: label, values: [0.1, nil, Double(index) / 20], colour: ReportPalette.accent)
    }
    let svg = try draw(
      .lines(
        "recall", title: "Recall", placeLabel: "epoch", places: [1, 2, 3], lines: lines, axis: .percent("recall"),
        mark: (2, "best")))
    expectLabels(Self.nasty + ["best", "recall (%)", "epoch"], in: svg)
  }

  @Test func barsShowTheirLabelsWhateverTheyAre() throws {
    let bars = [
      PlotBars(label: "before <x>", values: Self.nasty.map { Double($0.count) }),
      PlotBars(label: "after `y`", values: Self.nasty.map { _ in nil }),
    ]
    let svg = try draw(
      .bars(
        "classes", title: "Classes", groupLabel: "class", groups: Self.nasty,
        colours: ReportPalette.colours(for: Self.nasty), bars: bars, axis: PlotAxis(label: "pictures", minimum: 0),
        decimals: 0))
    expectLabels(Self.nasty + ["before <x>", "after `y`"], in: svg)
  }

  @Test func confusionMatricesShowTheirLabelsAndCounts() throws {
    let labels = Array(Self.nasty.prefix(8))
    let counts = labels.indices.map { row in labels.indices.map { row == 3 ? 0 : 10 * row + $0 } }
    let svg = try draw(.confusion("confusion", title: "Confusion", labels: labels, counts: counts))
    expectLabels(labels + ["77", "70", "–"], in: svg)
  }

  @Test(arguments: [1, 2, 3, 30]) func anyNumberOfClassesAndEpochsCanBeDrawn(count: Int) throws {
    let labels = (0..<count).map { "class \($0)" }
    _ = try draw(
      .confusion("confusion", title: "", labels: labels, counts: labels.map { _ in labels.map { _ in 5 } }))
    _ = try draw(
      .perClass(
        "per-class", title: "", labels: labels,
        perClass: labels.map { _ in .init(precision: 0, recall: 0, f1: 0, support: 0) }))
    let constant = PlotLine(label: "loss", values: labels.map { _ in 0.5 }, colour: "#000000")
    _ = try draw(
      .lines(
        "loss", title: "", placeLabel: "epoch", places: Array(1...count), lines: [constant],
        axis: PlotAxis(label: "loss"), mark: (1, "best")))
  }

  @Test func largeHeatMapsNameSomePlacesAndMarkCells() throws {
    let names = (0..<100).map { "f\($0)" }
    let values = names.indices.map { row in names.indices.map { Double(row * $0) } }
    let svg = try draw(
      .heatMap(
        "pair", title: "Pair", rowLabel: "a", rows: names, columnLabel: "b", columns: names, values: values,
        scaleLabel: "objective", axis: PlotAxis(label: ""), marked: [(99, 3)]))
    expectLabels(["f0", "f3", "f99", "objective"], in: svg)
    #expect(!Self.texts(svg).contains("f1"))
    let plain = try draw(
      .heatMap(
        "pair", title: "Pair", rowLabel: "a", rows: names, columnLabel: "b", columns: names, values: values,
        scaleLabel: "objective", axis: PlotAxis(label: "")))
    #expect(svg.count > plain.count && svg.contains("rgb(181, 101,  29)") && !plain.contains("rgb(181, 101,  29)"))
  }

  @Test func reliabilityIsDrawnWithEmptyBins() throws {
    let metrics = ClassificationMetrics(probabilities: [0.9, 0.1, 0.4, 0.6], truth: [0, 0], classes: 2)
    let svg = try draw(.reliability("reliability", title: "", bins: metrics.calibration))
    expectLabels(["accuracy", "perfect", "confidence (%)", "pictures"], in: svg)
  }

  @Test func twoPicturesOfOnePageShareNoNames() throws {
    let line = PlotLine(label: "loss", values: [1, 2], colour: "#000000")
    var ids: [String] = []
    for name in ["one", "two"] {
      let plot = Plot.lines(
        name, title: "<t>", placeLabel: "epoch", places: [1, 2], lines: [line], axis: PlotAxis(label: "black"))
      let html = InlinePicture.svg(try draw(plot), name: name, title: plot.title, width: 700)
      #expect(html.hasPrefix("<svg") && html.contains("aria-label=\"&lt;t&gt;\""))
      #expect(!html.contains("\"black\"") && !html.contains("'black'") && html.contains("<text>black</text>"))
      #expect(!html.contains("#ffffff\"/>") && !html.contains("<script") && !html.contains("<?xml"))
      let own = html.matches(of: #/id=["']([^"']*)["']/#).map { String($0.1) }
      let used = html.matches(of: #/href=["']#([^"']*)["']/#).map { String($0.1) }
      #expect(!own.isEmpty && !used.isEmpty && used.allSatisfy(own.contains))
      ids += own
    }
    #expect(Set(ids).count == ids.count)
  }
}

struct PlotWithoutGnuplotTests {
  @Test(arguments: [(0, 1), (11, 1), (12, 2), (43, 5), (119, 10), (250, 50)])
  func ticksAreWholePlaces(length: Int, step: Int) {
    #expect(Plot.tickStep(length) == step)
  }

  @Test func nothingToDrawIsSaidInstead() throws {
    let folder = try TemporaryFolder()
    var files = try ReportFolder(folder.url, gnuplot: Gnuplot(path: "/bin/false"))
    let line = PlotLine(label: "loss", values: [nil, .nan], colour: "#000000")
    let html = try files.draw(
      .lines(
        "loss", title: "Loss", placeLabel: "epoch", places: [1, 2], lines: [line], axis: PlotAxis(label: "loss")))
    #expect(html.contains("nothing to draw") && files.warnings == [])
  }
}
