/// Makes one stream of what a source gives between its openings: numbers and times go on, and the time in between counts.
///
/// A value without clock, input or output.
struct StreamContinuation: Equatable {
  /// When the stream's first frame was taken, on the monotonic clock: by the frame that came with the least delay, because
  /// the first ones of a server lie about until somebody looks at them.
  private var origin: Int64?
  private var lastSequence = -1
  private var lastTime: Int64 = -1
  private var lastCapture: Int64 = 0
  private var sequenceOffset = 0
  private var timeOffset: Int64 = 0
  private var isInterrupted = false

  /// The number that the next frame gets at the least.
  var nextSequence: Int { lastSequence + 1 }

  /// The source is lost; its next frame will be the first one of a new opening.
  mutating func interrupt() { isInterrupted = true }

  /// Maps the next frame.
  ///
  /// After an interruption as many numbers are left out as frames would have come meanwhile, one at least, so that
  /// readers see the loss.
  ///
  /// - Parameters:
  ///   - sequence: as the source counts since it was opened.
  ///   - time: as the source counts since it was opened, in nanoseconds.
  ///   - capture: on the monotonic clock.
  ///   - frameRate: frames per second, nil where unknown.
  /// - Returns: number and time of the frame in the stream.
  mutating func map(
    sequence: Int, time: Int64, capture: Int64, frameRate: Double?
  ) -> (sequence: Int, time: Int64) {
    if isInterrupted {
      isInterrupted = false
      var lost = 1
      if origin != nil, let frameRate, frameRate.isFinite, frameRate > 0 {
        let expected = Double(max(0, capture - lastCapture)) * 1e-9 * frameRate
        lost = max(1, Int(min(expected, 1e12).rounded()) - 1)
      }
      sequenceOffset = lastSequence + 1 + lost - sequence
      timeOffset = capture - (origin ?? capture) - time
    }
    let implied = capture.subtractingReportingOverflow(time + timeOffset).partialValue
    origin = min(origin ?? implied, implied)
    lastSequence = max(lastSequence + 1, sequence + sequenceOffset)
    lastTime = max(lastTime + 1, time + timeOffset)
    lastCapture = capture
    return (lastSequence, lastTime)
  }
}
