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
    let bytes = try FileAccess.read(path, limit: 1 << 30, acceptsPipes: true) {
      TrainingError.noSuchInput(path: path, "soft labels: \($0)")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw .invalidData(path: path, "soft labels: expected text in UTF-8")
    }
    return try parse(text, path: path, labels: labels)
  }

  static func parse(_ text: String, path: String, labels: ClassLabels) throws(TrainingError) -> SoftLabels {
    var result = SoftLabels()
    var rows = CSVRows(text)
    let heading = rows.next() ?? []
    guard let fileColumn = heading.firstIndex(of: "file") else {
      throw .invalidData(
        path: path, "expected a heading with the column \"file\", it is \"\(heading.joined(separator: ","))\"")
    }
    let columns = try columns(of: heading, fileColumn: fileColumn, path: path, labels: labels)
    while let fields = rows.next() {
      let number = rows.number
      guard !rows.isUnclosed else {
        throw .invalidData(path: path, "row \(number): a quotation mark that is not closed")
      }
      guard fields.count == columns.count else {
        throw .invalidData(path: path, "row \(number) has \(fields.count) fields instead of \(columns.count)")
      }
      var votes = [Float](repeating: 0, count: labels.count)
      for (field, column) in zip(fields, columns) {
        guard let column, !field.isEmpty else { continue }
        guard let vote = Float(field), vote >= 0, vote.isFinite else {
          throw .invalidData(path: path, "row \(number): \"\(field)\" is no number of votes")
        }
        votes[column] = vote
      }
      let sum = votes.reduce(0.0) { $0 + Double($1) }
      let file = fields[fileColumn]
      guard result.distributions[file] == nil, !result.withoutVotes.contains(file) else {
        throw .invalidData(path: path, "row \(number): a second row for \"\(file)\"")
      }
      if sum > 0 {
        result.distributions[file] = votes.map { Float(Double($0) / sum) }
      } else {
        result.withoutVotes.insert(file)
      }
    }
    return result
  }

  /// Which class's votes each column holds.
  private static func columns(
    of heading: [String], fileColumn: Int, path: String, labels: ClassLabels
  ) throws(TrainingError) -> [Int?] {
    var columns = heading.map { labels.position(of: $0) }
    columns[fileColumn] = nil
    // `ferd evaluate --scores` writes each picture's own class there; a class may have that name, too.
    let ownClass = fileColumn + 1
    if ownClass < heading.count, heading[ownClass] == "label", heading.count(where: { $0 == "label" }) > 1 {
      columns[ownClass] = nil
    }
    for (position, name) in labels.names.enumerated() where columns.count(where: { $0 == position }) != 1 {
      throw .invalidData(path: path, "expected one column of votes for \(name)")
    }
    return columns
  }

  /// How many pictures have votes.
  ///
  /// - Parameter path: Of the votes.
  /// - Throws: `invalidData` where none has: then the paths are other ones than those in the data folder.
  func count(in pictures: PictureSet, path: String) throws(TrainingError) -> Int {
    let count = pictures.files.count { distributions[$0.path] != nil }
    guard count > 0 else {
      let named =
        if pictures.files.contains(where: { withoutVotes.contains($0.path) }) {
          "names some of them without a vote for any class"
        } else {
          (withoutVotes.union(distributions.keys).min().map { "names pictures like \"\($0)\"" } ?? "is empty")
            + ", they are called like \"\(pictures.files[0].path)\""
        }
      throw .invalidData(
        path: path,
        "has votes for none of \(ReportText.count(pictures.count, "training picture")); it \(named)")
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
