public import FaceCrop
public import Pixels

/// How a detector does on labelled pictures, for any threshold of the score.
///
/// The rules: a face counts if its label is sure and the shorter side of its box, in the picture as given, has at least
/// `smallestFace` pixels; smaller and doubtful ones count neither way, found or not. Boxes, wanted and found, are clipped
/// to the picture; a face is found if an answer overlaps it by at least `leastOverlap` (intersection over union). Answers
/// take faces in the order of their scores. An answer that meets no face is a false alarm, unless it overlaps one that
/// does not count, by `leastOverlap` or with half of its own area.
public struct DetectorScore: Sendable {
  /// In pixels.
  public static let smallestFace: Float = 16
  public static let leastOverlap: Float = 0.5

  /// One face that counts.
  public struct Face: Sendable {
    public var file: String
    public var folder: String
    public var box: Rect
    /// Score of the answer that found it; nil where none did.
    public var score: Float?
    /// Mean distance of the five landmarks as a share of the box's size √(width·height).
    public var landmarkError: Float?
  }

  /// An answer without a face.
  public struct FalseAlarm: Sendable {
    public var file: String
    public var folder: String
    public var box: Rect
    public var score: Float
  }

  public private(set) var faces: [Face] = []
  public private(set) var falseAlarms: [FalseAlarm] = []
  /// Pictures by folder.
  public private(set) var pictures: [String: Int] = [:]

  public init() {}

  /// Takes in the answers for one picture, whatever their scores.
  public mutating func add(_ annotation: FaceAnnotation, answers: [DetectedFace]) {
    pictures[annotation.folder, default: 0] += 1
    func clip(_ box: Rect) -> Rect { box.clipped(width: annotation.width, height: annotation.height) }
    let wanted = annotation.faces.filter {
      !$0.isIgnored && min($0.box.width, $0.box.height) >= Self.smallestFace
    }
    let neutral = annotation.faces.filter {
      $0.isIgnored || min($0.box.width, $0.box.height) < Self.smallestFace
    }.map { clip($0.box) }
    var found = wanted.map {
      Face(file: annotation.file, folder: annotation.folder, box: $0.box, score: nil, landmarkError: nil)
    }
    for answer in answers.sorted(by: { $0.score > $1.score }) {
      let box = clip(answer.box)
      let best = wanted.indices.filter { found[$0].score == nil }
        .map { ($0, clip(wanted[$0].box).overlap(with: box)) }.max { $0.1 < $1.1 }
      if let (index, overlap) = best, overlap >= Self.leastOverlap {
        found[index].score = answer.score
        found[index].landmarkError = Self.landmarkError(answer.landmarks, wanted[index])
        continue
      }
      let isNeutral = neutral.contains {
        $0.overlap(with: box) >= Self.leastOverlap || $0.intersection(box).area >= 0.5 * box.area
      }
      if !isNeutral {
        falseAlarms.append(
          FalseAlarm(file: annotation.file, folder: annotation.folder, box: answer.box, score: answer.score))
      }
    }
    faces += found
  }

  private static func landmarkError(_ landmarks: FaceLandmarks, _ face: AnnotatedFace) -> Float {
    let distances = zip(landmarks.points, face.landmarks.points).map { found, wanted in
      ((found.x - wanted.x) * (found.x - wanted.x) + (found.y - wanted.y) * (found.y - wanted.y)).squareRoot()
    }
    return distances.reduce(0, +) / Float(distances.count) / (face.box.width * face.box.height).squareRoot()
  }

  /// The lowest threshold, in steps of 0.002, at which at most `limit` answers in the folder's pictures are false alarms.
  public func threshold(falseAlarmsAtMost limit: Int, folder: String) -> Float {
    let scores = falseAlarms.filter { $0.folder == folder }.map(\.score).sorted(by: >)
    guard scores.count > limit else { return 0.01 }
    return min(1, ((scores[limit] * 500).rounded(.down) + 1) / 500)
  }

  /// What is found and what is raised falsely at a threshold.
  public func figures(threshold: Float) -> Figures {
    var folders: [String: Figures.Folder] = [:]
    for (name, count) in pictures {
      let counted = faces.filter { $0.folder == name }
      let found = counted.filter { ($0.score ?? 0) >= threshold }
      let alarms = falseAlarms.filter { $0.folder == name && $0.score >= threshold }.count
      folders[name] = Figures.Folder(
        pictures: count, faces: counted.count, found: found.count,
        recall: counted.isEmpty ? nil : Double(found.count) / Double(counted.count), falseAlarms: alarms,
        falseAlarmsPerPicture: Double(alarms) / Double(count),
        medianLandmarkError: Self.median(found.compactMap(\.landmarkError)))
    }
    let found = faces.filter { ($0.score ?? 0) >= threshold }
    return Figures(
      threshold: threshold, folders: folders, medianLandmarkError: Self.median(found.compactMap(\.landmarkError)))
  }

  private static func median(_ values: [Float]) -> Double? {
    guard !values.isEmpty else { return nil }
    let sorted = values.sorted()
    return Double(sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }

  public struct Figures: Codable, Equatable, Sendable {
    public struct Folder: Codable, Equatable, Sendable {
      public var pictures: Int
      public var faces: Int
      public var found: Int
      public var recall: Double?
      public var falseAlarms: Int
      public var falseAlarmsPerPicture: Double
      public var medianLandmarkError: Double?
    }
    public var threshold: Float
    public var folders: [String: Folder]
    public var medianLandmarkError: Double?
  }
}
