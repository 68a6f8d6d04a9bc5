/// Bars of one kind, one in each group.
struct PlotBars: Sendable {
  var label: String
  /// One for each group; nil where there is none.
  var values: [Double?]
}

extension Plot {
  /// Groups of bars, each group in its own colour, each kind of bar in its own strength.
  ///
  /// - Parameters:
  ///   - colours: One for each group, `#RRGGBB`.
  ///   - decimals: Of the numbers above the bars, where there is room for them; nil = none.
  static func bars(
    _ name: String, title: String, groupLabel: String, groups: [String], colours: [String], bars: [PlotBars],
    axis: PlotAxis, decimals: Int? = nil
  ) -> Plot {
    precondition(
      colours.count == groups.count && bars.allSatisfy { $0.values.count == groups.count },
      "bars of other counts than \(groups.count)")
    let rows = groups.indices.map { row in
      [.number(Double(row))] + bars.map { DataTable.Cell.number($0.values[row]) } + [.text(groups[row])]
    }
    let data = DataTable(columns: ["row"] + bars.map(\.label) + [groupLabel], rows: rows)
    let width = 0.8 / Double(max(1, bars.count))
    let names = groups.map { ReportText.shortened($0, to: labelLimit) }
    var commands = [
      "set ylabel \(ReportText.gnuplot(axis.label))",
      "set xrange [-0.6:\(Double(groups.count) - 0.4)]",
      "set yrange \(axis.range)",
      "set boxwidth \(width * 0.94)",
      "set xtics scale 0 (\(ticks(names)))",
      colourFunction(colours),
    ]
    commands += rotation(names, room: 560 / Double(max(1, groups.count)))
    var parts: [String] = []
    for (index, kind) in bars.enumerated() {
      let place = "($1 + \(-0.4 + width * (Double(index) + 0.5)))"
      let value = "(\(axis.scale) * column(\(index + 2)))"
      let strength = ReportPalette.strength(index, of: bars.count)
      parts.append(
        "'\(name).tsv' skip 1 using \(place):\(value):(colour($1)) with boxes "
          + "fillstyle solid \(strength) noborder linecolor rgb variable notitle")
      if let decimals, groups.count * bars.count <= 24 {
        parts.append(
          "'\(name).tsv' skip 1 using \(place):\(value):(sprintf(\"%.\(decimals)f\", \(axis.scale) * "
            + "column(\(index + 2)))) with labels offset 0, 0.5 font \",\(bars.count < 3 ? 10 : 9)\" notitle")
      }
      // For the key alone: grey of the same strength.
      if bars.count > 1 {
        parts.append(
          "NaN with boxes fillstyle solid \(strength) noborder linecolor rgb \"\(ReportPalette.grey)\" "
            + "title \(ReportText.gnuplot(ReportText.shortened(kind.label, to: labelLimit)))")
      }
    }
    commands.append(plot(parts))
    return Plot(
      name: name, title: title, data: data,
      hasContent: bars.contains { $0.values.contains { $0?.isFinite ?? false } }, commands: commands)
  }

  /// Names for the places 0, 1, 2 …; only some, evenly, where there are more than `limit`.
  static func ticks(_ names: [String], limit: Int = .max) -> String {
    let step = max(1, (names.count - 1) / limit + 1)
    return stride(from: 0, to: names.count, by: step).map { "\(ReportText.gnuplotTick(names[$0])) \($0)" }
      .joined(separator: ", ")
  }

  /// Names that are longer than their room stand aslant.
  static func rotation(_ names: [String], room: Double) -> [String] {
    Double(names.map(\.count).max() ?? 0) * 7.5 > room ? ["set xtics rotate by 35 right"] : []
  }

  private static func colourFunction(_ colours: [String]) -> String {
    let choices = colours.enumerated().map { "i == \($0) ? 0x\($1.dropFirst()) : " }.joined()
    return "colour(i) = \(choices)0x\(ReportPalette.grey.dropFirst())"
  }
}
