import Foundation

/// Messages for the person at the terminal; standard output is for results alone.
enum Diagnostics {
  /// One line on standard error, written at once.
  static func note(_ message: String) {
    // Where even standard error is gone, there is nobody left to tell.
    try? FileHandle.standardError.write(contentsOf: Data("ferd: \(printable(message))\n".utf8))
  }

  /// A text without what could break the line, move the cursor or colour the terminal: names of files may hold anything.
  static func printable(_ text: String) -> String {
    let harmful: Set<Unicode.GeneralCategory> = [.control, .format, .lineSeparator, .paragraphSeparator]
    return String(
      String.UnicodeScalarView(
        text.unicodeScalars.map { harmful.contains($0.properties.generalCategory) ? "?" : $0 }))
  }

  static func warning(_ message: String) { note("warning: \(message)") }

  static func error(_ message: String) { note("error: \(message)") }
}
