extension Plot {
  /// A confusion matrix: each row in parts of its sum, with the numbers in the cells.
  ///
  /// - Parameter counts: Rows are the truth, columns what was called.
  static func confusion(_ name: String, title: String, labels: [String], counts: [[Int]]) -> Plot {
    precondition(
      counts.count == labels.count && counts.allSatisfy { $0.count == labels.count }, "no square of \(labels.count)"
    )
    let shares = counts.map { row in
      let sum = row.reduce(0, +)
      return row.map { sum == 0 ? nil : Double($0) / Double(sum) }
    }
    let texts = zip(shares, counts).map { shares, counts in
      zip(shares, counts).map { share, count in
        share.map { "\(ReportText.number($0 * 100, 0)) %\n\(count)" } ?? "–"
      }
    }
    return heatMap(
      name, title: title, rowLabel: "truth", rows: labels, columnLabel: "called", columns: labels, values: shares,
      texts: labels.count <= 10 ? texts : nil, scaleLabel: "part of the true class (%)",
      axis: PlotAxis(label: "", scale: 100, minimum: 0, maximum: 100), counts: counts)
  }

  /// Coloured cells with a text in each.
  ///
  /// - Parameters:
  ///   - values: By row, then column; nil where there is none.
  ///   - texts: In the cells; lines are parted by line feeds.
  ///   - axis: Scale and range of the colours.
  ///   - counts: Goes into the data file, too.
  ///   - marked: Cells that get a frame.
  static func heatMap(
    _ name: String, title: String, rowLabel: String, rows: [String], columnLabel: String, columns: [String],
    values: [[Double?]], texts: [[String]]? = nil, scaleLabel: String, axis: PlotAxis, counts: [[Int]]? = nil,
    marked: [(row: Int, column: Int)] = []
  ) -> Plot {
    var cells: [[DataTable.Cell]] = []
    for (row, line) in values.enumerated() {
      for (column, value) in line.enumerated() {
        cells.append(
          [.number(Double(row)), .number(Double(column)), .number(value)]
            + (counts.map { [.number(Double($0[row][column]))] } ?? []) + [
              .text(rows[row]), .text(columns[column]),
            ])
      }
    }
    let data = DataTable(
      columns: ["row", "column", "value"] + (counts == nil ? [] : ["count"]) + [rowLabel, columnLabel], rows: cells)
    let rowNames = rows.map { ReportText.shortened($0, to: labelLimit) }
    let columnNames = columns.map { ReportText.shortened($0, to: labelLimit) }
    let cellHeight = max(14, min(52, 560 / max(1, rows.count)))
    let cellWidth = 560 / max(1, columns.count)
    var commands = [
      "set xlabel \(ReportText.gnuplot(columnLabel))",
      "set ylabel \(ReportText.gnuplot(rowLabel))",
      "set xrange [-0.5:\(Double(columns.count) - 0.5)]",
      "set yrange [\(Double(rows.count) - 0.5):-0.5]",
      "set xtics scale 0 (\(ticks(columnNames, limit: 40)))",
      "set ytics scale 0 (\(ticks(rowNames, limit: 40)))",
      "unset grid",
      "set border 0",
      "set palette defined (0 \"#F2F7FC\", 0.25 \"#C3DAEE\", 0.5 \"#7FB2D9\", 0.75 \"#3A7EBB\", 1 \"#0B3A75\")",
      "set cbrange \(axis.range)",
      "set cbtics scale 0.4",
      "set cblabel \(ReportText.gnuplot(scaleLabel))",
    ]
    commands += rotation(columnNames, room: Double(cellWidth))
    commands += marked.map { row, column in
      "set object rectangle center \(column), \(row) size 1, 1 front fillstyle empty "
        + "border rgb \"\(ReportPalette.second)\" linewidth 2.5"
    }
    commands.append(
      plot([
        "'\(name).tsv' skip 1 using 2:1:(0.5):(0.5):(\(axis.scale) * $3) with boxxyerror "
          + "fillstyle solid 1 border rgb \"#FFFFFF\" linecolor palette linewidth 0.6 notitle"
      ]))
    if let texts { addTexts(texts, values: values, axis: axis, to: &commands) }
    return Plot(
      name: name, title: title, data: data, height: 110 + cellHeight * rows.count,
      hasContent: values.contains { $0.contains { $0?.isFinite ?? false } }, commands: commands)
  }

  /// As labels, each in the colour that stands out from its cell.
  private static func addTexts(
    _ texts: [[String]], values: [[Double?]], axis: PlotAxis, to commands: inout [String]
  ) {
    let known = values.joined().compactMap { $0 }.map { $0 * axis.scale }
    let low = axis.minimum ?? known.min() ?? 0
    let high = axis.maximum ?? known.max() ?? 1
    var labels: [String] = []
    for (row, line) in texts.enumerated() {
      for (column, text) in line.enumerated() {
        let share = values[row][column].map { ($0 * axis.scale - low) / max(1e-12, high - low) }
        let colour = share.map { $0 > 0.6 ? "#FFFFFF" : "#101418" } ?? ReportPalette.grey
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        for (index, part) in lines.enumerated() {
          let shift = (Double(lines.count - 1) / 2 - Double(index)) * 0.95
          labels.append(
            "set label \(ReportText.gnuplot(String(part))) at \(column), \(row) center offset 0, \(shift) "
              + "font \",\(index == 0 ? 12 : 9)\" textcolor rgb \"\(colour)\" front")
        }
      }
    }
    commands.insert(contentsOf: labels, at: commands.count - 1)
  }
}
