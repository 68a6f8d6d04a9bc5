import Foundation

/// Names with commas between them, as options take them.
enum NameList {
  /// The names without the spaces around them, empty ones included.
  static func parse(_ text: String) -> [String] {
    text.split(separator: ",", omittingEmptySubsequences: false).map { $0.trimmingCharacters(in: .whitespaces) }
  }
}
