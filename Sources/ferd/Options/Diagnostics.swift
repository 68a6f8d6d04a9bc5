import Foundation

/// Messages for the person at the terminal; standard output is for results alone.
enum Diagnostics {
  /// One line on standard error, written at once.
  static func note(_ message: String) {
    // Where even standard error is gone, there is nobody left to tell.
    try? FileHandle.standardError.write(contentsOf: Data("ferd: \(message)\n".utf8))
  }

  static func warning(_ message: String) { note("warning: \(message)") }

  static func error(_ message: String) { note("error: \(message)") }
}
