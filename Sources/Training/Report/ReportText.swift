import Foundation

/// Texts that come from outside (labels, paths, arguments) in the notations of a report. They may hold anything.
public enum ReportText {
  /// Without what cannot be seen or turns the text around: control characters become their pictures (a line feed ␊),
  /// marks that change the direction of writing, and code points that are no characters, become U+FFFD.
  static func printable(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0..<0x20: result.append(Unicode.Scalar(0x2400 + scalar.value)!)
      case 0x7F: result.append("\u{2421}")
      case 0x80..<0xA0, 0x2028...0x202E, 0x2066...0x2069, 0xFDD0...0xFDEF: result.append("\u{FFFD}")
      case let value where value & 0xFFFE == 0xFFFE: result.append("\u{FFFD}")
      default: result.append(scalar)
      }
    }
    return String(result)
  }

  /// For an element's content and for attributes in either kind of quotation marks.
  static func html(_ text: String) -> String {
    var result = ""
    for character in printable(text).unicodeScalars {
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      default: result.unicodeScalars.append(character)
      }
    }
    return result
  }

  /// One field of tab-separated values: backslash, tab and line ends as `\\`, `\t`, `\n` and `\r`, other control
  /// characters as `\xHH`.
  static func tsv(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result += "\\\\"
      case "\t": result += "\\t"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case let scalar where scalar.value < 0x20 || scalar.value == 0x7F:
        result += String(format: "\\x%02X", scalar.value)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// A gnuplot string with its quotation marks. Everything but letters, digits and harmless punctuation becomes an
  /// octal escape, so that no quotation mark, back-quote (which would run a command) or macro is left in the script.
  static func gnuplot(_ text: String) -> String { gnuplot(path: printable(text)) }

  /// The same with every byte kept.
  static func gnuplot(path: String) -> String {
    let harmless = Set(" .,:;()/+-=_".utf8)
    var result = "\""
    var followsEscape = false
    for byte in path.utf8 {
      let isPlain =
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        // gnuplot would take a digit behind an octal escape for a part of it.
        case UInt8(ascii: "0")...UInt8(ascii: "9"): !followsEscape
        default: harmless.contains(byte)
        }
      if isPlain {
        result.unicodeScalars.append(Unicode.Scalar(byte))
      } else {
        result += String(format: "\\%03o", byte)
      }
      followsEscape = !isPlain
    }
    return result + "\""
  }

  /// A gnuplot string for a tick: there a percent sign starts a number format.
  static func gnuplotTick(_ text: String) -> String { gnuplot(text.replacing("%", with: "%%")) }

  /// At most `limit` characters, the last one an ellipsis where something is left out.
  static func shortened(_ text: String, to limit: Int) -> String {
    text.count <= limit ? text : String(text.prefix(limit - 1)) + "…"
  }

  /// A command as it can be typed into a POSIX shell.
  static func shell(_ arguments: [String]) -> String {
    let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,+@%")
    return arguments.map { argument in
      if !argument.isEmpty, argument.allSatisfy(plain.contains) { return argument }
      return "'" + argument.replacing("'", with: #"'\''"#) + "'"
    }.joined(separator: " ")
  }

  /// With a fixed number of decimals.
  static func number(_ value: Double, _ decimals: Int) -> String {
    value.isFinite ? String(format: "%.\(decimals)f", value) : "–"
  }

  /// A fraction in percent with one decimal.
  static func percent(_ value: Double) -> String { number(value * 100, 1) }

  /// Significant digits as needed, at most four.
  static func general(_ value: Double) -> String { value.isFinite ? String(format: "%.4g", value) : "–" }

  /// With its noun: `1 thread`, `2 threads`.
  public static func count(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

  /// Hours, minutes and seconds.
  static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "–" }
    let whole = Int(seconds.rounded())
    if whole < 60 { return String(format: "%.1f s", seconds) }
    if whole < 3600 { return String(format: "%d min %02d s", whole / 60, whole % 60) }
    return String(format: "%d h %02d min", whole / 3600, whole % 3600 / 60)
  }
}
