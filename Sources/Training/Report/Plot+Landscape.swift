import Foundation

extension Plot {
  /// A place in a landscape.
  struct Mark {
    var x: Double
    var y: Double
    /// True = a filled point, false = an open circle.
    var isFilled: Bool
  }

  /// A value over two factors, both on logarithmic axes, as coloured cells with marked places.
  ///
  /// - Parameters:
  ///   - xs: Rising, in equal ratios; at least two.
  ///   - ys: Likewise.
  ///   - values: `[ys][xs]`
  static func landscape(
    _ name: String, title: String, xLabel: String, xs: [Double], yLabel: String, ys: [Double], values: [[Double]],
    valueLabel: String, marks: [Mark]
  ) -> Plot {
    precondition(
      xs.count > 1 && ys.count > 1 && values.count == ys.count && values.allSatisfy { $0.count == xs.count },
      "values of other numbers than \(ys.count) by \(xs.count)")
    var rows: [[DataTable.Cell]] = []
    for (y, line) in zip(ys, values) {
      for (x, value) in zip(xs, line) { rows.append([.number(x), .number(y), .number(value)]) }
    }
    let (halfX, halfY) = (sqrt(xs[1] / xs[0]), sqrt(ys[1] / ys[0]))
    var commands = [
      "set xlabel \(ReportText.gnuplot(ReportText.shortened(xLabel, to: 40)))",
      "set ylabel \(ReportText.gnuplot(ReportText.shortened(yLabel, to: 40)))",
      "set logscale xy",
      "set xrange [\(xs[0] / halfX):\(xs[xs.count - 1] * halfX)]",
      "set yrange [\(ys[0] / halfY):\(ys[ys.count - 1] * halfY)]",
      "set xtics (\(factorTicks(xs)))",
      "set ytics (\(factorTicks(ys)))",
      "unset grid",
      "set border 0",
      // Dark where it is best; told apart with any kind of colour vision.
      "set palette defined (0 \"#F7FBFF\", 0.5 \"#C6DBEF\", 0.75 \"#6BAED6\", 0.9 \"#2171B5\", 1 \"#08306B\")",
      "set cbtics scale 0.4",
      "set cblabel \(ReportText.gnuplot(valueLabel))",
    ]
    var parts = [
      "'\(name).tsv' skip 1 using 1:2:($1 / \(halfX)):($1 * \(halfX)):($2 / \(halfY)):($2 * \(halfY)):3 "
        + "with boxxyerror fillstyle solid 1 noborder linecolor palette notitle"
    ]
    for (index, mark) in marks.enumerated() {
      commands += ["$mark\(index) << EOD", "\(mark.x)\t\(mark.y)", "EOD"]
      // On a white disc, so that they stand out from dark and light. Points have no line width in SVG: the circle is
      // made of three.
      let layers: [(type: Int, size: Double, colour: String)] =
        mark.isFilled
        ? [(7, 1.5, "#FFFFFF"), (7, 1.0, ReportPalette.second)]
        : [(7, 1.5, "#FFFFFF")] + [1.0, 1.1, 1.2].map { (6, $0, ReportPalette.second) }
      for layer in layers {
        parts.append(
          "$mark\(index) using 1:2 with points pointtype \(layer.type) pointsize \(layer.size) "
            + "linecolor rgb \"\(layer.colour)\" notitle")
      }
    }
    commands.append(plot(parts))
    let all = values.joined()
    return Plot(
      name: name, title: title,
      data: DataTable(columns: ["factor of \(xLabel)", "factor of \(yLabel)", valueLabel], rows: rows), width: 470,
      height: 380, hasContent: all.contains { $0.isFinite }, commands: commands)
  }

  /// Round factors within the range: 1, and 2, 5 and 10 times as much or as little, and so on.
  static func factorTicks(_ values: [Double]) -> String {
    let (low, high) = (values.first ?? 1, values.last ?? 1)
    var ticks: [Double] = []
    for exponent in -6...6 {
      for digit in [1.0, 2, 5] {
        let tick = digit * pow(10, Double(exponent))
        if tick >= low * 0.999, tick <= high * 1.001 { ticks.append(tick) }
      }
    }
    return ticks.map { "\(ReportText.gnuplotTick(ReportText.general($0))) \($0)" }.joined(separator: ", ")
  }

  /// What a search tried: each value where it was tried, and the best so far.
  ///
  /// - Parameter trials: Rising numbers with their values.
  static func searchHistory(
    _ name: String, title: String, trials: [(number: Int, value: Double, best: Double)], valueLabel: String
  ) -> Plot {
    let rows = trials.map { [DataTable.Cell.number(Double($0.number)), .number($0.value), .number($0.best)] }
    let sorted = trials.map(\.value).filter(\.isFinite).sorted()
    // A few far-off trials would press all others together.
    let low = sorted.isEmpty ? 0 : sorted[sorted.count / 20]
    let high = sorted.last ?? 1
    let margin = max(1e-9, (high - low) * 0.06)
    return Plot(
      name: name, title: title, data: DataTable(columns: ["trial", "value", "best so far"], rows: rows),
      hasContent: !sorted.isEmpty,
      commands: [
        "set xlabel \"trial\"",
        "set ylabel \(ReportText.gnuplot(valueLabel))",
        "set yrange [\(low - margin):\(high + margin)]",
        "set xrange [-0.5:*]",
        plot([
          "'\(name).tsv' skip 1 using 1:2 with points pointtype 7 pointsize 0.35 "
            + "linecolor rgb \"\(ReportPalette.accent)\" title \"tried\"",
          "'\(name).tsv' skip 1 using 1:3 with steps linewidth 2 linecolor rgb \"\(ReportPalette.second)\" "
            + "title \"best so far\"",
        ]),
      ])
  }
}
