/// One line of a line chart.
struct PlotLine: Sendable {
  var label: String
  /// One for each place of the horizontal axis; nil where there is none.
  var values: [Double?]
  /// `#RRGGBB`
  var colour: String
  /// Drawn stronger than the others.
  var isStrong = false
}

extension Plot {
  /// Values that change from epoch to epoch.
  ///
  /// - Parameters:
  ///   - places: Rising whole numbers, such as epochs.
  ///   - mark: A place to be marked by a line, with a word.
  static func lines(
    _ name: String, title: String, placeLabel: String, places: [Int], lines: [PlotLine], axis: PlotAxis,
    mark: (place: Int, word: String)? = nil, height: Int = 380
  ) -> Plot {
    precondition(
      lines.allSatisfy { $0.values.count == places.count }, "lines of other lengths than \(places.count)")
    let rows = places.indices.map { row in
      [.number(Double(places[row]))] + lines.map { DataTable.Cell.number($0.values[row]) }
    }
    let data = DataTable(columns: [placeLabel] + lines.map(\.label), rows: rows)
    let first = places.first ?? 0
    let last = places.last ?? 0
    let margin = max(0.5, Double(last - first) * 0.015)
    var commands = [
      "set xlabel \(ReportText.gnuplot(placeLabel))",
      "set ylabel \(ReportText.gnuplot(axis.label))",
      "set xrange [\(Double(first) - margin):\(Double(last) + margin)]",
      // A step of 0.5 epochs would be no place.
      "set xtics \(tickStep(last - first))",
      "set yrange \(axis.range)",
    ]
    if let mark {
      commands.append(
        "set arrow 1 from \(mark.place), graph 0 to \(mark.place), graph 1 nohead linewidth 1 dashtype 2 "
          + "linecolor rgb \"\(ReportPalette.grey)\" back")
      // Beside the line where there is room.
      let isLeft = mark.place - first > last - mark.place
      commands.append(
        "set label 1 \(ReportText.gnuplot(mark.word)) at \(mark.place), graph 1.03 "
          + (places.count < 2 ? "center" : isLeft ? "right" : "left")
          + " font \",11\" textcolor rgb \"\(ReportPalette.grey)\"")
    }
    // About ten marks on a line, so that it can be told apart without its colour.
    let interval = max(1, places.count / 10)
    let parts = lines.enumerated().map { index, line in
      "'\(name).tsv' skip 1 using 1:(\(axis.scale) * column(\(index + 2))) with linespoints "
        + "linewidth \(line.isStrong ? 2.6 : 1.6) pointtype \(pointTypes[index % pointTypes.count]) pointsize 0.6 "
        + "pointinterval \(interval) linecolor rgb \"\(line.colour)\" "
        + "dashtype \(index / pointTypes.count % 4 + 1) "
        + "title \(ReportText.gnuplot(ReportText.shortened(line.label, to: labelLimit)))"
    }
    commands.append(plot(parts))
    return Plot(
      name: name, title: title, data: data, height: height,
      hasContent: lines.contains { $0.values.contains { $0?.isFinite ?? false } }, commands: commands)
  }

  /// Circle, square, triangle, lozenge: filled, then open; then crosses.
  private static let pointTypes = [6, 4, 8, 10, 12, 1, 2]

  /// A round number of places from one tick to the next, for at most twelve ticks.
  static func tickStep(_ length: Int) -> Int {
    var power = 1
    while true {
      for factor in [1, 2, 5] where length / (power * factor) < 12 { return power * factor }
      power *= 10
    }
  }
}
