/// What is known of a source before its first frame.
public struct SourceInfo: Sendable, Equatable {
  /// The input as the user gave it.
  public var name: String
  /// Width of the upright picture (after rotation metadata) in pixels.
  public var width: Int
  /// Height of the upright picture in pixels.
  public var height: Int
  /// Average frames per second; nil where the container does not tell (still pictures, pipes).
  public var frameRate: Double?
  /// Number of frames, exact or estimated from duration and rate; nil where unknown. For progress only.
  public var estimatedFrameCount: Int?
  /// True for one still picture.
  public var isStillPicture: Bool
  /// Whether frames come as they are taken, so that those nobody reads in time are lost: cameras, streams.
  public var isLive: Bool
  /// Whether it is worth opening again where it breaks off: devices, servers.
  public var isReopened: Bool

  public init(
    name: String, width: Int, height: Int, frameRate: Double?, estimatedFrameCount: Int?, isStillPicture: Bool,
    isLive: Bool = false, isReopened: Bool = false
  ) {
    self.name = name
    self.width = width
    self.height = height
    self.frameRate = frameRate
    self.estimatedFrameCount = estimatedFrameCount
    self.isStillPicture = isStillPicture
    self.isLive = isLive
    self.isReopened = isReopened
  }
}

/// Whether the samples of a frame can be trusted.
public enum FrameStatus: String, Sendable {
  case ok
  case damaged
}

/// Somewhere that frames come from, one after the other.
///
/// Not thread-safe: one thread reads. Frames it has filled may be used on any other thread.
public protocol FrameSource: AnyObject {
  var info: SourceInfo { get }
  /// Parts of the input that could not be decoded, so far.
  var decodeErrors: Int { get }
  /// A new, empty frame for `read(into:)`; make a few and use them in turn.
  func makeFrame() -> Frame
  /// Waits for the next frame and puts it into `frame`, whose former content is released.
  ///
  /// - Returns: false at the end of the input; `frame` is then empty.
  /// - Throws: `CaptureError` where nothing more can come from this source. A damaged frame does not throw:
  ///   it comes with status `damaged`, or is counted in `decodeErrors` where nothing of it could be decoded.
  func read(into frame: Frame) throws(CaptureError) -> Bool
}
