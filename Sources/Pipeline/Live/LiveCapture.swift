import Capture
import Glibc
import Threads

/// The thread that captures, and the mailbox that it fills.
///
/// Unchecked because the compiler cannot see that the source belongs to the thread alone.
final class LiveCapture: @unchecked Sendable {
  /// Why no more frames come.
  enum End: Sendable {
    case endOfInput
    case cancelled
    case failed(CaptureError)
  }

  /// What comes of opening the source.
  struct Opening: Sendable {
    let info: SourceInfo
    let frames: FramePolicy
    let mailbox: LatestFrame
    /// Empty ones, for those who take from the mailbox.
    let spareFrames: [Frame]
  }

  /// What the output asks for.
  struct Progress {
    var ledger = GapLedger()
    /// Numbers below this one have come or are lost.
    var nextSequence = 0
    /// Losses below this number are to be told even if no frame follows.
    var urgentUpTo = 0
    /// Frames in the mailbox and behind it that have no line yet.
    var underWay = 0
    /// nil while frames come.
    var end: End?
    var decodeErrors = 0
  }

  /// How often logs hear of skipped frames, in nanoseconds.
  private static let eventInterval: Int64 = 1_000_000_000
  /// How long a cancelled opening may take to return, in nanoseconds.
  private static let openingGrace: Int64 = 500_000_000

  let progress = Guarded(Progress())
  let meter: Guarded<LoadMeter>

  private let settings: LiveSettings
  private let metrics: StreamMetrics
  private let cancellation: CaptureCancellation
  private let onEvent: @Sendable (LivePipeline.Event) -> Void
  private let opened = Handoff<Result<Opening, CaptureError>>(capacity: 1)
  private let start = Handoff<Bool>(capacity: 1)
  private var thread: NamedThread?

  init(
    settings: LiveSettings, classifiers: Int, metrics: StreamMetrics, cancellation: CaptureCancellation,
    onEvent: @escaping @Sendable (LivePipeline.Event) -> Void
  ) {
    self.settings = settings
    self.metrics = metrics
    self.cancellation = cancellation
    self.onEvent = onEvent
    meter = Guarded(LoadMeter(processors: settings.processors, classifiers: classifiers))
  }

  /// Opens the source on the capturing thread, which then waits for `begin()`.
  ///
  /// - Parameter spareFrames: how many to make.
  func open(
    spareFrames: Int, with open: @escaping @Sendable () throws(CaptureError) -> any FrameSource
  ) throws(CaptureError) -> Opening {
    let thread = NamedThread.start(name: "ferd-capture") { [self] in capture(spareFrames: spareFrames, open: open) }
    var deadline = Int64.max
    while true {
      let now = MonotonicClock.now()
      if let result = opened.take(until: now + 20_000_000) {
        guard case .failure(let error) = result else {
          self.thread = thread
          return try result.get()
        }
        thread.join()
        throw error
      }
      if cancellation.isCancelled, deadline == .max { deadline = now + Self.openingGrace }
      guard now < deadline else { break }
    }
    // Asking a name server, for instance, cannot be interrupted.
    thread.detach()
    start.close()
    throw CaptureError(.cancelled, input: "", "cancelled while it was opened")
  }

  func begin() { start.put(true) }

  /// Waits for the thread's end, or leaves it to itself.
  func finish(waiting: Bool) {
    start.close()
    if waiting { thread?.join() } else { thread?.detach() }
    thread = nil
  }

  // MARK: The capturing thread

  private func capture(spareFrames: Int, open: @escaping @Sendable () throws(CaptureError) -> any FrameSource) {
    let source: ReconnectingSource
    do throws(CaptureError) {
      source = try ReconnectingSource(
        cancellation: cancellation, onEvent: { [unowned self] event in note(event) }, open: open)
    } catch {
      opened.put(.failure(error))
      return
    }
    let opening = Opening(
      info: source.info, frames: settings.frames ?? (source.info.isLive ? .newest : .every),
      mailbox: LatestFrame(slot: source.makeFrame()), spareFrames: (0..<spareFrames).map { _ in source.makeFrame() }
    )
    opened.put(.success(opening))
    guard start.take() != nil else { return }
    let end = readFrames(source, opening)
    progress.withLock {
      $0.end = end
      $0.decodeErrors = source.decodeErrors
    }
    opening.mailbox.close()
  }

  private func readFrames(_ source: ReconnectingSource, _ opening: Opening) -> End {
    let frame = source.makeFrame()
    var skipper = FrameSkipper()
    var skipped = SkipCount()
    var last: (sequence: Int, time: Int64, opening: Int)?
    while true {
      let start = processorNanoseconds()
      do throws(CaptureError) {
        guard try source.read(into: frame) else { return cancellation.isCancelled ? .cancelled : .endOfInput }
      } catch {
        return cancellation.isCancelled ? .cancelled : .failed(error)
      }
      metrics.record(.decode, nanoseconds: processorNanoseconds() - start)
      noteArrival(of: frame, isReopened: frame.opening != last?.opening ?? 0)
      if let last, last.opening == frame.opening {
        let seconds = Double(frame.presentationTimeNanoseconds - last.time) * 1e-9
        meter.withLock { $0.noteSourceFrame(seconds: seconds / Double(frame.sequence - last.sequence)) }
      }
      last = (frame.sequence, frame.presentationTimeNanoseconds, frame.opening)
      guard opening.frames == .newest else {
        progress.withLock { $0.underWay += 1 }
        guard opening.mailbox.putWhenEmpty(frame) else {
          return cancellation.isCancelled ? .cancelled : .endOfInput
        }
        continue
      }
      var isSkipped = !skipper.keepsNext()
      if !isSkipped {
        progress.withLock { $0.underWay += 1 }
        isSkipped = opening.mailbox.put(frame)
        if isSkipped { progress.withLock { $0.underWay -= 1 } }
        if isSkipped || skipper.share < 1 {
          skipper.update(possibleShare: meter.withLock { $0.plan().keptShare }, wasLate: isSkipped)
        }
      }
      if isSkipped { metrics.framesSkipped.increment() }
      if let frames = skipped.note(isSkipped, now: MonotonicClock.now(), interval: Self.eventInterval) {
        onEvent(.skipping(frames: frames))
      }
    }
  }

  /// Numbers that the source left out are lost.
  private func noteArrival(of frame: Frame, isReopened: Bool) {
    let lost = progress.withLock { progress in
      let range = progress.nextSequence..<max(progress.nextSequence, frame.sequence)
      if !range.isEmpty {
        progress.ledger.note(range.lowerBound...range.upperBound - 1, isReopened ? .reconnect : .dropped)
      }
      progress.nextSequence = frame.sequence + 1
      return range.count
    }
    if lost > 0 { metrics.framesDropped.increment(by: lost) }
  }

  private func note(_ event: ReconnectingSource.Event) {
    switch event {
    case .lost(_, _, let sequence):
      // At least one number is left out; readers need not wait for the next frame to learn that. They know already where
      // the source was opened and gave nothing.
      let isNews = progress.withLock { progress in
        guard sequence >= progress.nextSequence else { return false }
        progress.ledger.note(sequence...sequence, .reconnect)
        progress.nextSequence = sequence + 1
        progress.urgentUpTo = sequence + 1
        return true
      }
      if isNews { metrics.framesDropped.increment() }
    case .reopened: metrics.reconnects.increment()
    case .attemptFailed: break
    }
    onEvent(.source(event))
  }
}

/// Sums up skipped frames for logs.
private struct SkipCount {
  private var frames = 0
  private var lastTold: Int64?

  /// - Returns: how many have been skipped since it last returned a number, where it is time to say so.
  mutating func note(_ isSkipped: Bool, now: Int64, interval: Int64) -> Int? {
    if isSkipped { frames += 1 }
    guard frames > 0, now - (lastTold ?? .min / 2) >= interval else { return nil }
    lastTold = now
    defer { frames = 0 }
    return frames
  }
}

/// Processor time of this thread in nanoseconds: what a read cost, waiting apart.
private func processorNanoseconds() -> Int64 {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}
