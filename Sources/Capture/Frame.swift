public import Pixels

/// What the samples of a frame lie in; each kind of source has its own.
protocol FrameStorage: AnyObject {
  /// Gives decoder and driver buffers back; memory of its own is kept for the next filling. Called on any thread.
  func clear()
}

/// One picture of a source, upright.
///
/// Whoever holds it may move it between threads, one at a time: nothing changes it but the source it came from, in
/// `read(into:)`.
public final class Frame: @unchecked Sendable {
  /// Counts the source's frames from 0.
  public internal(set) var sequence = 0
  /// On the stream's own clock, 0 at its first frame; strictly increasing.
  public internal(set) var presentationTimeNanoseconds: Int64 = 0
  /// When the picture was taken, on the system's monotonic clock (`CLOCK_MONOTONIC`); nil for recordings.
  public internal(set) var captureNanoseconds: Int64?
  public internal(set) var status = FrameStatus.ok
  /// How often the source had been opened again before: faces need not be where they were in a frame of another opening.
  public internal(set) var opening = 0
  /// Valid until the frame is filled again or released.
  public internal(set) var luma: LumaPlane?

  /// Owns what `luma` points to.
  var storage: any FrameStorage

  init(storage: any FrameStorage) {
    self.storage = storage
  }

  /// Gives its buffers back to the source before it is filled again.
  package func release() { clear() }

  func clear() {
    luma = nil
    captureNanoseconds = nil
    storage.clear()
  }

  /// Takes over the content of `other`, which gets this frame's in return.
  func exchange(with other: Frame) {
    swap(&sequence, &other.sequence)
    swap(&presentationTimeNanoseconds, &other.presentationTimeNanoseconds)
    swap(&captureNanoseconds, &other.captureNanoseconds)
    swap(&status, &other.status)
    swap(&opening, &other.opening)
    swap(&luma, &other.luma)
    swap(&storage, &other.storage)
  }
}
