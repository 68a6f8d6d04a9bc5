/// Numbers and names behind a picture, as a file of tab-separated values with a heading line.
struct DataTable: Equatable, Sendable {
  enum Cell: Equatable, Sendable {
    /// nil where there is none: `NaN` in the file.
    case number(Double?)
    case text(String)
  }

  var columns: [String]
  var rows: [[Cell]]

  /// Columns of numbers come first: gnuplot takes a quotation mark for the start of a field that may hold tabs.
  init(columns: [String], rows: [[Cell]]) {
    precondition(rows.allSatisfy { $0.count == columns.count }, "rows of other widths than \(columns.count)")
    self.columns = columns
    self.rows = rows
  }

  var text: String {
    let lines = [columns.map(ReportText.tsv)] + rows.map { $0.map(Self.field) }
    return lines.map { $0.joined(separator: "\t") + "\n" }.joined()
  }

  private static func field(_ cell: Cell) -> String {
    switch cell {
    case .text(let text): ReportText.tsv(text)
    case .number(let value?) where value.isFinite:
      value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : String(value)
    case .number: "NaN"
    }
  }
}
