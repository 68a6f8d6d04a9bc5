import Foundation
import Pixels

/// A training picture with its five landmarks in pixels.
struct CataloguedFace {
  var path: String
  var landmarks: [Point]
}

/// The faces of FER2013's training part that a detector was sure of.
struct FaceCatalogue {
  private struct Entry {
    var face: CataloguedFace
    var score: Double
    /// Share of the FER+ votes for the picture's own label.
    var agreement: Double
    var name: String
  }

  /// Column of labels.csv with the FER+ votes for each class.
  private static let voteColumns = [
    "neutral": 3, "happy": 4, "surprise": 5, "sad": 6, "angry": 7, "disgust": 8, "fear": 9,
  ]

  private var entries: [String: [Entry]] = [:]

  init(folder: String) throws {
    var agreement: [String: Double] = [:]
    for fields in try Self.rows(of: "\(folder)/labels.csv") where fields.count == 13 {
      let votes = fields[3...].compactMap { Double($0) }
      guard let column = Self.voteColumns[fields[1]], votes.count == 10, votes.reduce(0, +) > 0 else { continue }
      agreement[fields[0]] = votes[column - 3] / votes.reduce(0, +)
    }
    for fields in try Self.rows(of: "\(folder)/landmarks.csv") where fields.count == 16 {
      let numbers = fields[1...].compactMap { Float($0) }
      let parts = fields[0].split(separator: "/")
      guard numbers.count == 15, parts.count == 3, parts[0] == "train" else { continue }
      let landmarks = (0..<5).map { Point(x: numbers[5 + 2 * $0], y: numbers[6 + 2 * $0]) }
      guard Self.isFrontal(landmarks) else { continue }
      entries[String(parts[1]), default: []].append(
        Entry(
          face: CataloguedFace(path: "\(folder)/\(fields[0])", landmarks: landmarks), score: Double(numbers[0]),
          agreement: agreement[fields[0]] ?? 0, name: fields[0]))
    }
  }

  /// The faces of a class on whose emotion most people agreed.
  func clearest(_ emotion: String, count: Int) -> [CataloguedFace] {
    let sorted = (entries[emotion] ?? []).sorted {
      ($0.agreement, $0.score, $1.name) > ($1.agreement, $1.score, $0.name)
    }
    return sorted.prefix(count).map(\.face)
  }

  /// The nose lies between the eyes: the mean of turned heads would be a blur.
  private static func isFrontal(_ landmarks: [Point]) -> Bool {
    let (right, left, nose) = (landmarks[0], landmarks[1], landmarks[2])
    let (dx, dy) = (left.x - right.x, left.y - right.y)
    let squared = dx * dx + dy * dy
    guard squared > 64 else { return false }
    let along = ((nose.x - right.x) * dx + (nose.y - right.y) * dy) / squared
    return abs(along - 0.5) < 0.12 && abs(dy) < 0.35 * abs(dx)
  }

  private static func rows(of file: String) throws -> [[String]] {
    try String(contentsOfFile: file, encoding: .utf8).split(whereSeparator: \.isNewline).dropFirst().map {
      $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
  }
}
