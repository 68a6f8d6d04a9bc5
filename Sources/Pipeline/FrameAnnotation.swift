public import Capture
public import FaceCrop
public import Pixels

/// One face of a frame, but for its scores, which lie in the frame's annotation.
public struct FaceAnnotation: Equatable, Sendable {
  /// Stays the same while the face stays in view; counts from 1.
  public var track: Int
  /// In pixels of the upright picture, on the output of the stream's first one; may reach beyond it.
  public var box: Rect
  /// How sure the detector is, 0 to 1.
  public var detectionScore: Float
  /// nil where no detector ran because the picture is a face already.
  public var landmarks: FaceLandmarks?
  /// Whether the detector saw the face in this frame; otherwise it is told where it is expected.
  var isDetected = true
  /// Whether the ensemble looks at the face in this frame; otherwise it keeps the probabilities of the last time.
  var isClassified = true
  /// Number of the source's frame in which the ensemble last looked at the face.
  var classifiedSequence = 0

  public init(track: Int, box: Rect, detectionScore: Float, landmarks: FaceLandmarks?) {
    self.track = track
    self.box = box
    self.detectionScore = detectionScore
    self.landmarks = landmarks
  }

  /// Moves to a picture whose sides are so many times as long.
  mutating func scale(x: Float, y: Float) {
    box = box.scaled(x: x, y: y)
    landmarks = landmarks?.scaled(x: x, y: y)
  }
}

/// One source frame with its faces: what becomes one output line.
///
/// It is filled again for frame after frame and keeps its memory.
public struct FrameAnnotation: Equatable, Sendable {
  /// Counts source frames from 0.
  public var sequence = 0
  /// On the stream's own clock, 0 at its first frame.
  public var presentationTimeNanoseconds: Int64 = 0
  public var status = FrameStatus.ok
  /// When a live source took the frame, in nanoseconds since 1970, UTC; nil for recordings.
  public var wallNanoseconds: Int64?
  /// Where the detector looked.
  public var scan = FaceScan.full
  public var faces: [FaceAnnotation] = []
  /// Corrected by the bias factors and smoothed: `[faces, labels]`, row by row; each row sums to 1.
  public var scores: [Float] = []
  /// As the ensemble gave them, for a face that has hardly changed the last time it looked: `[faces, labels]`.
  public var raw: [Float] = []

  public init() {}

  /// Forgets the faces of the frame before, keeps their memory.
  public mutating func removeFaces() {
    faces.removeAll(keepingCapacity: true)
    scores.removeAll(keepingCapacity: true)
    raw.removeAll(keepingCapacity: true)
  }
}
