/// Where the detector looked in a frame.
public enum FaceScan: String, Sendable {
  /// At the whole picture.
  case full
  /// Where known faces were expected.
  case regions
  /// Nowhere, because no face is known and it is not time to look for new ones.
  case none
}

/// What live streams ask of who finds their faces: to look at whole pictures as often as there is time for, and to be
/// replaced on the way.
public protocol LiveFaceFinder: FaceFinder {
  /// Frames from one look at the whole picture to the next, at most.
  var scanInterval: Int { get set }
  /// Where it looked in the last frame.
  var lastScan: FaceScan { get }
  /// Makes ready for pictures of a size, so that the first frame takes no longer than any other.
  func prepare(width: Int, height: Int) throws
  /// Forgets the faces, not the numbers: the source was away.
  func forgetTracks()
  /// Goes on with another one's faces and numbers.
  func take(over other: any LiveFaceFinder)
}
