import Pixels

/// Reduces the many boxes that a detector gives for one face to one.
struct Suppression {
  /// Two boxes that overlap more are the same face.
  var overlap: Float
  /// The result is the mean, weighted by score, of the boxes that overlap the best one at least so much: steadier from
  /// frame to frame than the best one alone. Above 1 = the best one alone.
  var mergeOverlap: Float

  /// Empties `candidates` and appends at most `limit` faces to `faces`, the surest first.
  ///
  /// No allocation while the arrays have room: the best candidate is looked for again each time, as there are few.
  func reduce(_ candidates: inout [DetectedFace], limit: Int, into faces: inout [DetectedFace]) {
    var found = 0
    while !candidates.isEmpty, found < limit {
      var best = 0
      for index in candidates.indices where candidates[index].score > candidates[best].score { best = index }
      let face = candidates[best]
      var sum = WeightedFace()
      var kept = 0
      for index in candidates.indices {
        let other = candidates[index]
        let common = index == best ? 1 : face.box.overlap(with: other.box)
        if index == best || common >= mergeOverlap { sum.add(other) }
        if index != best, common <= overlap {
          candidates[kept] = other
          kept += 1
        }
      }
      candidates.removeSubrange(kept...)
      faces.append(sum.mean(score: face.score))
      found += 1
    }
    candidates.removeAll(keepingCapacity: true)
  }
}

/// A sum of faces, each counted as often as its score says.
struct WeightedFace {
  private var x: Float = 0
  private var y: Float = 0
  private var maxX: Float = 0
  private var maxY: Float = 0
  private var rightEye = Point(x: 0, y: 0)
  private var leftEye = Point(x: 0, y: 0)
  private var nose = Point(x: 0, y: 0)
  private var rightMouthCorner = Point(x: 0, y: 0)
  private var leftMouthCorner = Point(x: 0, y: 0)
  private var weight: Float = 0

  init() {}

  mutating func add(_ face: DetectedFace) {
    let w = face.score
    func add(_ point: Point, to sum: inout Point) {
      sum.x += w * point.x
      sum.y += w * point.y
    }
    x += w * face.box.x
    y += w * face.box.y
    maxX += w * face.box.maxX
    maxY += w * face.box.maxY
    add(face.landmarks.rightEye, to: &rightEye)
    add(face.landmarks.leftEye, to: &leftEye)
    add(face.landmarks.nose, to: &nose)
    add(face.landmarks.rightMouthCorner, to: &rightMouthCorner)
    add(face.landmarks.leftMouthCorner, to: &leftMouthCorner)
    weight += w
  }

  func mean(score: Float) -> DetectedFace {
    func divided(_ point: Point) -> Point { Point(x: point.x / weight, y: point.y / weight) }
    return DetectedFace(
      box: Rect(x: x / weight, y: y / weight, width: (maxX - x) / weight, height: (maxY - y) / weight),
      landmarks: FaceLandmarks(
        rightEye: divided(rightEye), leftEye: divided(leftEye), nose: divided(nose),
        rightMouthCorner: divided(rightMouthCorner), leftMouthCorner: divided(leftMouthCorner)),
      score: score)
  }
}
