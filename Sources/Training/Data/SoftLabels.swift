import Foundation
import Inference

/// Crowd votes on each picture, as distributions over the classes.
///
/// The file is CSV with a heading: a column `file` (path relative to the data folder) and one column of votes for each
/// class, in any usual spelling. Columns that are no class of ours (`contempt`, `unknown`, `NF`) are not counted.
struct SoftLabels: Sendable {
  /// Relative path to probabilities, for the pictures that have votes.
  private(set) var distributions: [String: [Float]] = [:]
  /// Relative paths of pictures that are listed without a vote for any class.
  private(set) var withoutVotes: Set<String> = []

  static func read(_ path: String, labels: ClassLabels) throws(TrainingError) -> SoftLabels {
    let bytes = try FileAccess.read(path) { TrainingError.noSuchInput(path: path, "soft labels: \($0)") }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw .invalidData(path: path, "soft labels: expected text in UTF-8")
    }
    return try parse(text, path: path, labels: labels)
  }

  static func parse(_ text: String, path: String, labels: ClassLabels) throws(TrainingError) -> SoftLabels {
    var result = SoftLabels()
    var columns: [Int?] = []
    var fileColumn = 0
    for (number, line) in text.split(whereSeparator: \.isNewline).enumerated() {
      let fields = fields(of: line)
      if number == 0 {
        guard let file = fields.firstIndex(of: "file") else {
          throw .invalidData(path: path, "expected a heading with the column \"file\", it is \"\(line)\"")
        }
        fileColumn = file
        columns = fields.map { labels.position(of: $0) }
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
      let file = fields[fileColumn]
      if sum > 0 {
        result.distributions[file] = votes.map { $0 / sum }
      } else {
        result.withoutVotes.insert(file)
      }
    }
    return result
  }

  /// Fields may have spaces around them and stand in quotation marks, within which two marks are one.
  private static func fields(of line: Substring) -> [String] {
    var fields: [String] = []
    var field = ""
    var isQuoted = false
    var rest = line
    while let character = rest.popFirst() {
      switch character {
      case "\"" where isQuoted && rest.first == "\"":
        field.append(character)
        rest.removeFirst()
      case "\"": isQuoted.toggle()
      case "," where !isQuoted:
        fields.append(field.trimmingCharacters(in: .whitespaces))
        field = ""
      default: field.append(character)
      }
    }
    return fields + [field.trimmingCharacters(in: .whitespaces)]
  }

  /// How many pictures have votes.
  ///
  /// - Parameter path: Of the votes.
  /// - Throws: `invalidData` where none has: then the paths are other ones than those in the data folder.
  func count(in pictures: PictureSet, path: String) throws(TrainingError) -> Int {
    let count = pictures.files.count { distributions[$0.path] != nil }
    guard count > 0 else {
      let named = withoutVotes.union(distributions.keys).min().map { "names pictures like \"\($0)\"" } ?? "is empty"
      throw .invalidData(
        path: path,
        "has votes for none of \(ReportText.count(pictures.count, "training picture")); it \(named), they are called "
          + "like \"\(pictures.files[0].path)\"")
    }
    return count
  }

  /// What training makes of the votes.
  ///
  /// Crowds see little fear and disgust: mixed into all targets their votes take these classes away. Hence `kept` and
  /// `isCalibrated`.
  ///
  /// - Parameters:
  ///   - share: Part of the targets that comes from the votes, 0 to 1.
  ///   - drop: Pictures are left out whose own class has less than this part of the votes, and, where it is more than 0,
  ///     those that are listed without any vote: there is no face to be seen on them.
  ///   - kept: Positions of classes whose pictures keep their own label whole and are not left out for lack of votes.
  ///   - isCalibrated: Targets get, instead of the votes, what labels the pictures with such votes have, see
  ///     `VoteCalibration`.
  /// - Throws: `invalidSettings` where not one picture of a class is left.
  func apply(
    to pictures: PictureSet, share: Float, drop: Float, keeping kept: [Int], isCalibrated: Bool = false
  ) throws(TrainingError) -> PictureSet {
    let isHopeless = pictures.files.map { file in
      if withoutVotes.contains(file.path) { return drop > 0 }
      guard let votes = distributions[file.path], !kept.contains(file.label) else { return false }
      return votes[file.label] < drop
    }
    var result =
      isHopeless.contains(true)
      ? pictures.subset(pictures.files.indices.filter { !isHopeless[$0] }) : pictures
    for (label, count) in result.classCounts.enumerated() where count == 0 && pictures.classCounts[label] > 0 {
      throw .invalidSettings(
        "softLabelDrop \(drop) leaves no picture of the class \(pictures.labels.names[label]); take less, or name the "
          + "class in softLabelKeep")
    }
    if share > 0 {
      let votes = isCalibrated ? calibrated(by: result.files, classes: pictures.labels.count) : self
      result.softTargets = votes.targets(
        for: result.files, classes: pictures.labels.count, share: share, keeping: kept)
    }
    return result
  }

  /// Votes translated into labels, as the labels of some pictures are.
  func calibrated(by files: [PictureFile], classes: Int) -> SoftLabels {
    let voted = files.filter { distributions[$0.path] != nil }
    let calibration = VoteCalibration(
      votes: voted.map { distributions[$0.path]! }, labels: voted.map(\.label), classes: classes)
    var result = self
    result.distributions = distributions.mapValues { calibration.probabilities(of: $0) }
    return result
  }

  /// Targets `[files × classes]`: `share` of the votes and the rest of the picture's own class; the class alone where
  /// there are no votes, and for the classes of `kept`.
  func targets(for files: [PictureFile], classes: Int, share: Float, keeping kept: [Int] = []) -> [Float] {
    var targets = [Float](repeating: 0, count: files.count * classes)
    for (index, file) in files.enumerated() {
      let votes = kept.contains(file.label) ? nil : distributions[file.path]
      targets[index * classes + file.label] = votes == nil ? 1 : 1 - share
      for (position, vote) in (votes ?? []).enumerated() { targets[index * classes + position] += share * vote }
    }
    return targets
  }
}
