public import Pixels

/// Where the parts of a face are, as the viewer sees them from left to right.
public struct FaceLandmarks: Equatable, Sendable {
  /// The person's right eye: left in the picture.
  public var rightEye: Point
  public var leftEye: Point
  public var nose: Point
  public var rightMouthCorner: Point
  public var leftMouthCorner: Point

  public init(rightEye: Point, leftEye: Point, nose: Point, rightMouthCorner: Point, leftMouthCorner: Point) {
    self.rightEye = rightEye
    self.leftEye = leftEye
    self.nose = nose
    self.rightMouthCorner = rightMouthCorner
    self.leftMouthCorner = leftMouthCorner
  }

  /// In the order of the initialiser.
  public var points: [Point] { [rightEye, leftEye, nose, rightMouthCorner, leftMouthCorner] }

  /// The same landmarks in a picture whose sides are so many times as long.
  public func scaled(x: Float, y: Float) -> FaceLandmarks {
    FaceLandmarks(
      rightEye: rightEye.scaled(x: x, y: y), leftEye: leftEye.scaled(x: x, y: y), nose: nose.scaled(x: x, y: y),
      rightMouthCorner: rightMouthCorner.scaled(x: x, y: y), leftMouthCorner: leftMouthCorner.scaled(x: x, y: y))
  }
}

/// One face as the detector found it, in pixels of the upright picture.
public struct DetectedFace: Equatable, Sendable {
  /// May reach beyond the picture.
  public var box: Rect
  public var landmarks: FaceLandmarks
  /// 0 to 1.
  public var score: Float

  public init(box: Rect, landmarks: FaceLandmarks, score: Float) {
    self.box = box
    self.landmarks = landmarks
    self.score = score
  }

  /// The same face in a picture whose sides are so many times as long.
  public func scaled(x: Float, y: Float) -> DetectedFace {
    DetectedFace(box: box.scaled(x: x, y: y), landmarks: landmarks.scaled(x: x, y: y), score: score)
  }
}
