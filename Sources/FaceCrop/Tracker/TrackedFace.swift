/// A face with the number that it keeps while it stays in view.
public struct TrackedFace: Equatable, Sendable {
  /// Counts from 1.
  public var track: Int
  public var face: DetectedFace
  /// 0 = found in this frame; otherwise the face is where the track expects it.
  public var missedFrames: Int

  public init(track: Int, face: DetectedFace, missedFrames: Int = 0) {
    self.track = track
    self.face = face
    self.missedFrames = missedFrames
  }
}
