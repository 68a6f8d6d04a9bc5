public import Capture
public import FaceCrop

/// One face of a frame with everything that is told about it.
public struct FaceAnnotation: Sendable {
  /// Stays the same while the face stays in view; counts from 1.
  public var track: Int
  public var face: DetectedFace
  /// Corrected by the bias factors and smoothed; order of the stream's labels; sums to 1.
  public var scores: [Float]
  /// As the ensemble gave them.
  public var raw: [Float]

  public init(track: Int, face: DetectedFace, scores: [Float], raw: [Float]) {
    self.track = track
    self.face = face
    self.scores = scores
    self.raw = raw
  }
}

/// One source frame with its faces: what becomes one output line.
public struct FrameAnnotation: Sendable {
  /// Counts source frames from 0.
  public var sequence: Int
  /// On the stream's own clock, 0 at its first frame.
  public var presentationTimeNanoseconds: Int64
  public var status: FrameStatus
  public var faces: [FaceAnnotation]

  public init(sequence: Int, presentationTimeNanoseconds: Int64, status: FrameStatus, faces: [FaceAnnotation]) {
    self.sequence = sequence
    self.presentationTimeNanoseconds = presentationTimeNanoseconds
    self.status = status
    self.faces = faces
  }
}
