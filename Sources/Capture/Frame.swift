public import Pixels

/// One picture of a source, upright.
public final class Frame: @unchecked Sendable {
  /// Counts the source's frames from 0.
  public internal(set) var sequence = 0
  /// On the stream's own clock, 0 at its first frame; never goes back.
  public internal(set) var presentationTimeNanoseconds: Int64 = 0
  public internal(set) var status = FrameStatus.ok
  /// Valid until the frame is filled again or released.
  public internal(set) var luma: LumaPlane?

  init() {}
}
