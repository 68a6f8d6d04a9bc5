public import FaceCrop
public import Foundation
import Inference
public import Pixels

/// One labelled face of a picture, in that picture's pixels.
public struct AnnotatedFace: Equatable, Sendable {
  /// May reach beyond the picture: never clipped for training.
  public var box: Rect
  public var landmarks: FaceLandmarks
  /// The label is in doubt: neither a face to find nor a false alarm.
  public var isIgnored: Bool

  public init(box: Rect, landmarks: FaceLandmarks, isIgnored: Bool) {
    self.box = box
    self.landmarks = landmarks
    self.isIgnored = isIgnored
  }
}

/// The labels of one picture.
public struct FaceAnnotation: Equatable, Sendable {
  /// Relative to the data folder; its first component is the kind of picture (`portraits`, `people`, `scenes`).
  public var file: String
  /// In pixels.
  public var width: Int
  /// In pixels.
  public var height: Int
  public var isValidation: Bool
  public var faces: [AnnotatedFace]

  public init(file: String, width: Int, height: Int, isValidation: Bool, faces: [AnnotatedFace]) {
    self.file = file
    self.width = width
    self.height = height
    self.isValidation = isValidation
    self.faces = faces
  }

  /// The folder the picture lies in.
  public var folder: String { String(file.prefix { $0 != "/" }) }
}

extension FaceAnnotation {
  /// Reads `annotations.jsonl`: one object a line with `file`, `width`, `height`, `split` (`train` or `validation`) and
  /// `faces`, each with `box` (x, y, width, height), five `landmarks` and `ignore`.
  ///
  /// - Parameter path: what to call the data in errors.
  /// - Throws: `TrainingError.invalidData` that names the line, also for numbers that are not finite, boxes without an area and
  ///   paths that leave the folder.
  public static func read(jsonLines data: Data, path: String) throws(TrainingError) -> [FaceAnnotation] {
    var result: [FaceAnnotation] = []
    let decoder = JSONDecoder()
    for (index, line) in data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated()
    where !line.allSatisfy({ $0 == 32 || $0 == 13 || $0 == 9 }) {
      let record: Record
      do {
        record = try decoder.decode(Record.self, fromForeign: Data(line))
      } catch {
        throw .invalidData(path: path, "line \(index + 1): expected a picture's labels: \(error)")
      }
      do throws(LabelProblem) {
        result.append(try record.annotation())
      } catch {
        throw .invalidData(path: path, "line \(index + 1): \(error.description)")
      }
    }
    return result
  }

  private struct LabelProblem: Error {
    var description: String
    init(_ description: String) { self.description = description }
  }

  private struct Record: Decodable {
    struct Face: Decodable {
      var box: [Float]
      var landmarks: [[Float]]
      var ignore: Bool?
    }
    var file: String
    var width: Int
    var height: Int
    var split: String
    var faces: [Face]

    func annotation() throws(LabelProblem) -> FaceAnnotation {
      guard !file.hasPrefix("/"), !file.split(separator: "/").contains(".."), !file.isEmpty else {
        throw LabelProblem("expected a path inside the folder, got \"\(file)\"")
      }
      guard 1...(1 << 16) ~= width, 1...(1 << 16) ~= height else {
        throw LabelProblem("expected a picture size, got \(width)x\(height)")
      }
      guard split == "train" || split == "validation" else {
        throw LabelProblem("expected split train or validation, got \"\(split)\"")
      }
      var faces: [AnnotatedFace] = []
      for face in self.faces { faces.append(try Self.annotatedFace(face)) }
      return FaceAnnotation(
        file: file, width: width, height: height, isValidation: split == "validation", faces: faces)
    }

    private static func annotatedFace(_ face: Face) throws(LabelProblem) -> AnnotatedFace {
      guard face.box.count == 4, face.box.allSatisfy({ abs($0) < 1e6 }), face.box[2] > 0, face.box[3] > 0 else {
        throw LabelProblem("expected a box of x, y and positive width and height, got \(face.box)")
      }
      guard face.landmarks.count == 5, face.landmarks.allSatisfy({ $0.count == 2 && abs($0[0]) + abs($0[1]) < 1e6 })
      else { throw LabelProblem("expected five landmarks of x and y, got \(face.landmarks)") }
      return AnnotatedFace(
        box: Rect(x: face.box[0], y: face.box[1], width: face.box[2], height: face.box[3]),
        landmarks: FaceLandmarks(ordered: face.landmarks.map { Point(x: $0[0], y: $0[1]) }),
        isIgnored: face.ignore ?? false)
    }
  }
}

extension FaceAnnotation {
  /// Reads a table of face crops: a header line, then `file`, `score`, `x`, `y`, `w`, `h` of the box and x, y of the five
  /// landmarks, in pixels of a crop of the given size. Rows whose file does not begin with `prefix` are left out.
  ///
  /// - Throws: `TrainingError.invalidData` that names the line.
  public static func read(
    cropTable text: String, cropWidth: Int, cropHeight: Int, prefix: String, path: String
  ) throws(TrainingError) -> [FaceAnnotation] {
    var result: [FaceAnnotation] = []
    for (index, line) in text.split(whereSeparator: \.isNewline).enumerated().dropFirst() {
      let fields = line.split(separator: ",", omittingEmptySubsequences: false)
      guard fields.count == 16 else {
        throw .invalidData(path: path, "line \(index + 1): expected 16 fields, got \(fields.count)")
      }
      guard fields[0].hasPrefix(prefix) else { continue }
      let numbers = fields[2...].compactMap { Float($0) }
      guard numbers.count == 14, numbers.allSatisfy({ abs($0) < 1e6 }), numbers[2] > 0, numbers[3] > 0 else {
        throw .invalidData(path: path, "line \(index + 1): expected 14 numbers, got \"\(line)\"")
      }
      let points = (0..<5).map { Point(x: numbers[4 + 2 * $0], y: numbers[5 + 2 * $0]) }
      result.append(
        FaceAnnotation(
          file: String(fields[0]), width: cropWidth, height: cropHeight, isValidation: false,
          faces: [
            AnnotatedFace(
              box: Rect(x: numbers[0], y: numbers[1], width: numbers[2], height: numbers[3]),
              landmarks: FaceLandmarks(ordered: points), isIgnored: false)
          ]))
    }
    return result
  }
}

extension FaceLandmarks {
  /// Five points in the order of the initialiser (that of `points`).
  init(ordered points: [Point]) {
    self.init(
      rightEye: points[0], leftEye: points[1], nose: points[2], rightMouthCorner: points[3],
      leftMouthCorner: points[4])
  }

  /// The same points seen in a mirror: what was the right eye is now the left one.
  var mirrored: FaceLandmarks {
    FaceLandmarks(
      rightEye: leftEye, leftEye: rightEye, nose: nose, rightMouthCorner: leftMouthCorner,
      leftMouthCorner: rightMouthCorner)
  }

  func map(_ transform: Pixels.AffineTransform) -> FaceLandmarks {
    FaceLandmarks(ordered: points.map { transform($0) })
  }
}
