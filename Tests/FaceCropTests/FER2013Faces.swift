import FaceCrop
import Foundation
import Pixels

/// The boxes and landmarks of `fer2013/landmarks.csv`.
enum FER2013Faces {
  /// - Parameters:
  ///   - part: `train` or `validation`.
  ///   - every: only each so-manieth of its faces.
  static func read(_ file: URL, part: String, every: Int) throws -> [DetectedFace] {
    let lines = try String(contentsOf: file, encoding: .utf8).split(whereSeparator: \.isNewline)
    return lines.lazy.filter { $0.hasPrefix(part + "/") }.enumerated().filter { $0.offset % every == 0 }.map {
      let v = $0.element.split(separator: ",").dropFirst().map { Float($0)! }
      func point(_ index: Int) -> Point { Point(x: v[index], y: v[index + 1]) }
      return DetectedFace(
        box: Rect(x: v[1], y: v[2], width: v[3], height: v[4]),
        landmarks: FaceLandmarks(
          rightEye: point(5), leftEye: point(7), nose: point(9), rightMouthCorner: point(11),
          leftMouthCorner: point(13)),
        score: v[0])
    }
  }
}
