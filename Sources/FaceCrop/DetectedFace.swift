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
}
