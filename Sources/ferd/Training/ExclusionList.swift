import Foundation

/// A text file with one relative path a line; empty lines are passed over.
enum ExclusionList {
  static func read(_ path: String) throws -> Set<String> {
    guard FileManager.default.fileExists(atPath: path) else {
      throw CommandFailure(.noSuchInput, "\(path): no such list of pictures")
    }
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw CommandFailure(.unreadable, "\(path): expected a text file with one relative path a line")
    }
    return Set(text.split(whereSeparator: \.isNewline).map(String.init))
  }
}
