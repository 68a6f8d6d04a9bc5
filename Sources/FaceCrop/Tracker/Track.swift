import Pixels

/// One face through time; part of `FaceTracker`'s state.
struct Track: Sendable {
  /// 0 until the track is told.
  var number = 0
  /// Frames that have seen it surely enough for it to start there.
  private(set) var hits = 1
  private(set) var bestScore: Float
  /// As last seen, smoothed.
  private(set) var face: DetectedFace
  /// Where the face should be in the frame at hand.
  private(set) var expected: DetectedFace
  /// Nanoseconds.
  private(set) var lastSeen: Int64
  var missedFrames = 0
  /// Whether the frame at hand has it.
  private(set) var isSeen = true
  /// Of the box's centre, as last seen unsmoothed.
  private var lastCenter: Point
  /// Pixels per nanosecond.
  private var velocity = Point(x: 0, y: 0)

  init(face: DetectedFace, time: Int64) {
    self.face = face
    expected = face
    bestScore = face.score
    lastSeen = time
    lastCenter = face.box.center
  }

  /// Opens the next frame.
  mutating func expect(at time: Int64, moving: Bool) {
    isSeen = false
    let elapsed = Float(time - lastSeen)
    expected = moving ? face.moved(x: velocity.x * elapsed, y: velocity.y * elapsed) : face
  }

  /// - Parameter confirms: whether the detection counts as a hit.
  mutating func see(_ detection: DetectedFace, time: Int64, smoothing: Float, confirms: Bool) {
    let center = detection.box.center
    let elapsed = Float(time - lastSeen)
    if elapsed > 0 {
      // Half of the newest: detections tremble by a pixel or two.
      velocity.x += 0.5 * ((center.x - lastCenter.x) / elapsed - velocity.x)
      velocity.y += 0.5 * ((center.y - lastCenter.y) / elapsed - velocity.y)
    }
    lastCenter = center
    lastSeen = time
    // After a pause the former place is no longer worth anything.
    face = missedFrames == 0 && smoothing > 0 ? detection.blended(with: expected, share: smoothing) : detection
    bestScore = max(bestScore, detection.score)
    if confirms { hits += 1 }
    missedFrames = 0
    isSeen = true
  }
}

extension DetectedFace {
  func moved(x: Float, y: Float) -> DetectedFace {
    map { Point(x: $0.x + x, y: $0.y + y) }
  }

  /// All corners and landmarks mapped by `transform`.
  private func map(_ transform: (Point) -> Point) -> DetectedFace {
    let corner = transform(Point(x: box.x, y: box.y))
    let opposite = transform(Point(x: box.maxX, y: box.maxY))
    return DetectedFace(
      box: Rect(x: corner.x, y: corner.y, width: opposite.x - corner.x, height: opposite.y - corner.y),
      landmarks: FaceLandmarks(
        rightEye: transform(landmarks.rightEye), leftEye: transform(landmarks.leftEye),
        nose: transform(landmarks.nose), rightMouthCorner: transform(landmarks.rightMouthCorner),
        leftMouthCorner: transform(landmarks.leftMouthCorner)),
      score: score)
  }

  /// `share` of `other`, the rest of this one; the score is this one's.
  fileprivate func blended(with other: DetectedFace, share: Float) -> DetectedFace {
    func mix(_ a: Float, _ b: Float) -> Float { a + share * (b - a) }
    func mix(_ a: Point, _ b: Point) -> Point { Point(x: mix(a.x, b.x), y: mix(a.y, b.y)) }
    let (a, b) = (landmarks, other.landmarks)
    return DetectedFace(
      box: Rect(
        x: mix(box.x, other.box.x), y: mix(box.y, other.box.y), width: mix(box.width, other.box.width),
        height: mix(box.height, other.box.height)),
      landmarks: FaceLandmarks(
        rightEye: mix(a.rightEye, b.rightEye), leftEye: mix(a.leftEye, b.leftEye), nose: mix(a.nose, b.nose),
        rightMouthCorner: mix(a.rightMouthCorner, b.rightMouthCorner),
        leftMouthCorner: mix(a.leftMouthCorner, b.leftMouthCorner)),
      score: score)
  }
}
