extension Plot {
  /// How often answers of a certain confidence are right (above), and how many there are (below).
  static func reliability(_ name: String, title: String, bins: [ClassificationMetrics.CalibrationBin]) -> Plot {
    let rows = bins.enumerated().map { index, bin in
      [
        .number(Double(index) / Double(bins.count)), .number(Double(index + 1) / Double(bins.count)),
        DataTable.Cell.number(bin.images == 0 ? nil : bin.confidence),
        .number(bin.images == 0 ? nil : bin.accuracy), .number(Double(bin.images)),
      ]
    }
    let data = DataTable(columns: ["from", "to", "confidence", "accuracy", "images"], rows: rows)
    let file = "'\(name).tsv' skip 1"
    let middle = "(50 * ($1 + $2))"
    return Plot(
      name: name, title: title, data: data, width: 560, height: 560, hasContent: bins.contains { $0.images > 0 },
      commands: [
        "set multiplot",
        "set lmargin at screen 0.12",
        "set rmargin at screen 0.97",
        "set xrange [0:100]",
        "set boxwidth \(100 / Double(max(1, bins.count)) * 0.94)",
        "set style fill solid 0.75 noborder",
        "set tmargin at screen 0.95",
        "set bmargin at screen 0.38",
        "set yrange [0:100]",
        "set xtics 0, 20 format \"\"",
        "set ylabel \"right (%)\"",
        "set key inside left top vertical Left reverse samplen 1.5",
        plot([
          "\(file) using \(middle):(100 * $4) with boxes linecolor rgb \"\(ReportPalette.accent)\" title \"accuracy\"",
          "\(file) using (100 * $3):(100 * $4) with points pointtype 6 pointsize 0.6 "
            + "linecolor rgb \"\(ReportPalette.second)\" title \"at the mean confidence\"",
          "x with lines linewidth 1 dashtype 2 linecolor rgb \"\(ReportPalette.grey)\" title \"perfect\"",
        ]),
        "set tmargin at screen 0.33",
        "set bmargin at screen 0.11",
        "set yrange [0:*]",
        "set xtics 0, 20 format \"%g\"",
        "set xlabel \"confidence (%)\"",
        "set ylabel \"pictures\"",
        "unset key",
        plot(["\(file) using \(middle):5 with boxes linecolor rgb \"\(ReportPalette.grey)\" notitle"]),
        "unset multiplot",
      ])
  }
}
