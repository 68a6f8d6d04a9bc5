import Foundation

/// Pictures as parts of a page.
enum InlinePicture {
  /// gnuplot's SVG without what belongs to a file of its own, for a page that may be light or dark: no background, and
  /// black becomes the page's own colour of text. Names inside get a prefix, as those of two pictures may not be the
  /// same in one page.
  ///
  /// - Parameter name: Of the picture: letters, digits and hyphens.
  ///   It is never shown wider than `width` pixels.
  static func svg(_ text: String, name: String, title: String, width: Int) -> String {
    guard let start = text.range(of: "<svg") else { return "" }
    var result = ""
    var rest = text[start.lowerBound...]
    var isFirst = true
    // gnuplot writes labels with `<` and `&` escaped: what stands between `<` and `>` is a tag.
    while let open = rest.firstIndex(of: "<") {
      result += rest[..<open]
      guard let close = rest[open...].firstIndex(of: ">") else { break }
      var tag = String(rest[open...close])
      if isFirst {
        tag.removeLast()
        tag += " style=\"max-width:\(width)px\" role=\"img\" aria-label=\"\(ReportText.html(title))\">"
        isFirst = false
      }
      result += adapted(tag, prefix: name)
      rest = rest[rest.index(after: close)...]
    }
    // gnuplot names its curves for tools that show such names.
    return result.replacing(#/<title>[^<]*</title>\s*/#, with: "")
      .replacing(#/<desc>[^<]*</desc>\s*/#, with: "")
  }

  private static func adapted(_ tag: String, prefix: String) -> String {
    guard tag.contains("'") || tag.contains("\"") else { return tag }
    var tag = tag
    for quote in ["\"", "'"] {
      tag = tag.replacing("id=\(quote)", with: "id=\(quote)\(prefix)-")
      tag = tag.replacing("\(quote)#gp", with: "\(quote)#\(prefix)-gp")
      for attribute in ["fill", "stroke", "color"] {
        tag = tag.replacing("\(attribute)=\(quote)black\(quote)", with: "\(attribute)=\(quote)currentColor\(quote)")
      }
      tag = tag.replacing("color=\(quote)currentColor\(quote)", with: "")
    }
    return tag.replacing("url(#", with: "url(#\(prefix)-").replacing(" fill=\"#ffffff\"", with: " fill=\"none\"")
  }

  /// An address that holds a PNG itself.
  static func png(_ bytes: [UInt8]) -> String { "data:image/png;base64,\(Data(bytes).base64EncodedString())" }
}
