import Foundation

/// Crowd votes on each picture, as distributions over the classes.
///
/// The file is CSV with a heading: a column `file` (path relative to the data folder) and one column of votes for each
/// class, in any usual spelling. Columns that are no class of ours (`contempt`, `unknown`, `NF`) are not counted.
struct SoftLabels: Sendable {
  /// Relative path to probabilities, for the pictures that have votes.
  private(set) var distributions: [String: [Float]] = [:]

  static func read(_ path: String, labels: ClassLabels) throws(TrainingError) -> SoftLabels {
    let text: String
    do {
      text = try String(contentsOfFile: path, encoding: .utf8)
    } catch {
      throw .noSuchInput(path: path, "soft labels cannot be read: \(error)")
    }
    return try parse(text, path: path, labels: labels)
  }

  static func parse(_ text: String, path: String, labels: ClassLabels) throws(TrainingError) -> SoftLabels {
    var result = SoftLabels()
    var columns: [Int?] = []
    var fileColumn = 0
    for (number, line) in text.split(whereSeparator: \.isNewline).enumerated() {
      let fields = line.split(separator: ",", omittingEmptySubsequences: false)
      if number == 0 {
        guard let file = fields.firstIndex(of: "file") else {
          throw .invalidData(path: path, "expected a heading with the column \"file\", it is \"\(line)\"")
        }
        fileColumn = file
        columns = fields.map { labels.position(of: String($0)) }
        for (position, name) in labels.names.enumerated() where columns.count(where: { $0 == position }) != 1 {
          throw .invalidData(path: path, "expected one column of votes for \(name)")
        }
        continue
      }
      guard fields.count == columns.count else {
        throw .invalidData(path: path, "row \(number + 1) has \(fields.count) fields instead of \(columns.count)")
      }
      var votes = [Float](repeating: 0, count: labels.count)
      for (field, column) in zip(fields, columns) {
        guard let column, !field.isEmpty else { continue }
        guard let vote = Float(field), vote >= 0, vote.isFinite else {
          throw .invalidData(path: path, "row \(number + 1): \"\(field)\" is no number of votes")
        }
        votes[column] = vote
      }
      let sum = votes.reduce(0, +)
      if sum > 0 { result.distributions[String(fields[fileColumn])] = votes.map { $0 / sum } }
    }
    return result
  }

  /// Targets `[files × classes]`: `share` of the votes and the rest of the picture's own class; the class alone where
  /// there are no votes.
  func targets(for files: [PictureFile], classes: Int, share: Float) -> [Float] {
    var targets = [Float](repeating: 0, count: files.count * classes)
    for (index, file) in files.enumerated() {
      let votes = distributions[file.path]
      targets[index * classes + file.label] = votes == nil ? 1 : 1 - share
      for (position, vote) in (votes ?? []).enumerated() { targets[index * classes + position] += share * vote }
    }
    return targets
  }
}
