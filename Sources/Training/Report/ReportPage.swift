/// An HTML page that opens by itself: no script, no file beside it, readable in light and dark.
struct ReportPage {
  let title: String
  private var body = ""

  init(title: String) { self.title = title }

  mutating func heading(_ text: String) { body += "<h2>\(ReportText.html(text))</h2>\n" }

  mutating func paragraph(_ text: String, isNote: Bool = false) {
    body += "<p\(isNote ? " class=\"note\"" : "")>\(ReportText.html(text))</p>\n"
  }

  mutating func code(_ text: String) { body += "<pre>\(ReportText.html(text))</pre>\n" }

  /// - Parameter html: Made from escaped parts.
  mutating func add(_ html: String) { body += html + "\n" }

  enum Cell {
    case text(String)
    /// Set to the right.
    case number(String)
  }

  /// - Parameters:
  ///   - columns: Headings; empty = none.
  ///   - emphasised: Rows that are set bold.
  ///   - colours: A mark before the first cell of a row, `#RRGGBB`.
  mutating func table(
    columns: [String] = [], rows: [[Cell]], emphasised: Set<Int> = [], colours: [String?] = []
  ) {
    body += Self.table(columns: columns, rows: rows, emphasised: emphasised, colours: colours) + "\n"
  }

  static func table(
    columns: [String] = [], rows: [[Cell]], emphasised: Set<Int> = [], colours: [String?] = []
  ) -> String {
    var html = "<div class=\"scroll\"><table>\n"
    if !columns.isEmpty {
      let isNumber = columns.indices.map { index in
        rows.first.map { row in if case .number = row[index] { true } else { false } } ?? false
      }
      let cells = zip(columns, isNumber).map { "<th\($1 ? " class=\"n\"" : "")>\(ReportText.html($0))</th>" }
      html += "<thead><tr>\(cells.joined())</tr></thead>\n"
    }
    html += "<tbody>\n"
    for (index, row) in rows.enumerated() {
      let mark = colours.indices.contains(index) ? colours[index] : nil
      let cells = row.enumerated().map { column, cell in
        let swatch = column == 0 ? mark.map { "<i style=\"background:\($0)\"></i>" } ?? "" : ""
        return switch cell {
        case .text(let text): "<td>\(swatch)\(ReportText.html(text))</td>"
        case .number(let text): "<td class=\"n\">\(ReportText.html(text))</td>"
        }
      }
      html += "<tr\(emphasised.contains(index) ? " class=\"strong\"" : "")>\(cells.joined())</tr>\n"
    }
    return html + "</tbody></table></div>"
  }

  /// Something long that is folded up at first.
  mutating func details(_ summary: String, _ html: String) {
    body += "<details><summary>\(ReportText.html(summary))</summary>\n\(html)\n</details>\n"
  }

  var html: String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="\(Self.policy)">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>\(ReportText.html(title))</title>
    <style>
    \(Self.style)
    </style>
    </head>
    <body>
    <main>
    <h1>\(ReportText.html(title))</h1>
    \(body)</main>
    </body>
    </html>

    """
  }

  /// Nothing may be loaded or run, whatever a label or a path says.
  static let policy =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"

  private static let style = """
    :root { color-scheme: light dark; --text: #1b1f24; --soft: #57606a; --line: #d0d7de; --back: #ffffff; --raised: #f6f8fa;
      --link: #0a58ca; }
    @media (prefers-color-scheme: dark) {
      :root { --text: #e6e8eb; --soft: #9aa4ae; --line: #373e47; --back: #14171b; --raised: #1d2127; --link: #7ab7ff; }
    }
    html { background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
    body { margin: 0; }
    main { max-width: 54rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
    h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .5rem; overflow-wrap: anywhere; }
    h2 { font-size: 1.15rem; margin: 2.4rem 0 .6rem; padding-top: .9rem; border-top: 1px solid var(--line); }
    a { color: var(--link); }
    p { margin: .5rem 0; overflow-wrap: anywhere; }
    .note, figcaption, summary { color: var(--soft); }
    pre { background: var(--raised); border: 1px solid var(--line); border-radius: 6px; padding: .7rem .9rem;
      white-space: pre-wrap; overflow-wrap: anywhere; font-size: .85rem; }
    .scroll { overflow-x: auto; margin: .6rem 0; }
    table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
    th, td { padding: .22rem .9rem .22rem 0; text-align: left; border-bottom: 1px solid var(--line); vertical-align: top; }
    td:first-child { white-space: nowrap; }
    td + td:not(.n) { overflow-wrap: anywhere; min-width: 9rem; }
    th { font-weight: 600; }
    .n { text-align: right; white-space: nowrap; }
    .strong td { font-weight: 600; }
    td i { display: inline-block; width: .7em; height: .7em; border-radius: 2px; margin-right: .5em; }
    figure { margin: 1.1rem 0; }
    figure svg { display: block; width: 100%; min-width: 34rem; height: auto; }
    figcaption { font-size: .87rem; margin-top: .3rem; }
    .missing { border: 1px dashed var(--line); border-radius: 6px; padding: .8rem 1rem; color: var(--soft); }
    .sheet { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: 1rem .8rem; }
    .sheet figure { margin: 0; }
    .maps { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr)); gap: 1.2rem .6rem; }
    .maps figure { margin: 0; }
    .maps figure svg { min-width: 0; }
    .sheet img { width: 8rem; height: 8rem; object-fit: contain; image-rendering: pixelated; background: #000; display: block; }
    .sheet figcaption { font-size: .8rem; line-height: 1.35; overflow-wrap: anywhere; }
    """
}
