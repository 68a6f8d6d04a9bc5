/// A recording that starts over at its end: one stream whose numbers and times go on.
final class LoopingSource: FrameSource {
  /// Of the first round, but for the number of frames, which nobody knows any more.
  let info: SourceInfo
  var decodeErrors: Int { earlierErrors + current.decodeErrors }

  private let open: () throws(CaptureError) -> any FrameSource
  private var current: any FrameSource
  private var earlierErrors = 0
  /// What is added to numbers and times of this round.
  private var sequenceOffset = 0
  private var timeOffset: Int64 = 0
  /// Of the stream's newest frame.
  private var last: (sequence: Int, time: Int64)?
  /// In nanoseconds, from the newest frame but one to the newest.
  private var usualDuration: Int64
  private var hasFrames = false

  /// - Parameters:
  ///   - source: for the first round.
  ///   - open: called for each further round.
  init(_ source: any FrameSource, open: @escaping () throws(CaptureError) -> any FrameSource) {
    self.open = open
    current = source
    usualDuration = Int64(1e9 / max(1, current.info.frameRate ?? 25))
    var info = current.info
    info.estimatedFrameCount = nil
    self.info = info
  }

  func makeFrame() -> Frame { current.makeFrame() }

  func read(into frame: Frame) throws(CaptureError) -> Bool {
    while true {
      if try current.read(into: frame) {
        hasFrames = true
        frame.sequence += sequenceOffset
        frame.presentationTimeNanoseconds += timeOffset
        if let last { usualDuration = max(1, frame.presentationTimeNanoseconds - last.time) }
        last = (frame.sequence, frame.presentationTimeNanoseconds)
        return true
      }
      // A pipe has nothing to give the second time.
      guard hasFrames, let last else { return false }
      hasFrames = false
      earlierErrors += current.decodeErrors
      current = try open()
      sequenceOffset = last.sequence + 1
      timeOffset = last.time + usualDuration
    }
  }
}
