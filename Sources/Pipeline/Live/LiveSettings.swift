/// What happens to a source's frames when there is no time for all of them.
public enum FramePolicy: String, Sendable {
  /// The newest one counts: what is read and not worked on in time is skipped. For cameras and streams.
  case newest
  /// None is lost: the source waits. For recordings.
  case every
}

/// How a live stream's frames are worked on; stays the same while it runs.
public struct LiveSettings: Sendable {
  /// nil = as the source is: `newest` where it is live, else `every`.
  public var frames: FramePolicy?
  /// The whole picture is looked at in every so-manieth frame at least; nil = as there is time for.
  public var detectEvery: Int?
  /// A face that hardly changes is classified again after so many frames; nil = as there is time for, all in turn.
  public var reclassifyEvery: Int?
  /// Time constant of the smoothing of scores; 0 = none.
  public var smoothingSeconds: Double
  /// Processors that the program may use.
  public var processors: Int

  public init(
    frames: FramePolicy? = nil, detectEvery: Int? = nil, reclassifyEvery: Int? = nil,
    smoothingSeconds: Double = 0.3,
    processors: Int = 1
  ) {
    precondition(
      detectEvery ?? 1 >= 1 && reclassifyEvery ?? 1 >= 1 && smoothingSeconds >= 0 && smoothingSeconds.isFinite
        && processors >= 1, "settings of a live stream")
    self.frames = frames
    self.detectEvery = detectEvery
    self.reclassifyEvery = reclassifyEvery
    self.smoothingSeconds = smoothingSeconds
    self.processors = processors
  }
}
