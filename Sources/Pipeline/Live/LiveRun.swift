import Capture
import Threads

/// One live stream on its way through the steps behind the mailbox.
///
/// Unchecked because the compiler cannot see who owns what: each step's properties are used by that step's thread alone,
/// and a slot belongs to whoever took it from a queue.
final class LiveRun: @unchecked Sendable {
  /// How long the steps may take after a cancellation before the stream ends without them, in nanoseconds. A device or a
  /// server may hold the capturing thread for longer.
  private static let grace: Int64 = 600_000_000
  /// How long the output waits for a frame before it looks about, in nanoseconds.
  private static let waitingTime: Int64 = 50_000_000

  let info: SourceInfo
  private let capture: LiveCapture
  private let mailbox: LatestFrame
  private let settings: LiveSettings
  private let metrics: StreamMetrics
  private let cancellation: CaptureCancellation
  private let output: LiveLines

  private let free: Handoff<FrameSlot>
  private let found: Handoff<FrameSlot>
  private let classified: OrderedHandoff<FrameSlot>
  /// To be taken over with the next frame.
  private let nextModels = Guarded<LoadedModels?>(nil)
  /// The first failure of a step.
  private let failure = Guarded<(any Error)?>(nil)
  private let runningClassifiers: Guarded<Int>
  private let classifierCount: Int

  // The finder's.
  private var models: LoadedModels
  private var finding: FindingStep
  private var number = 0
  private var last: (opening: Int, time: Int64)?

  init(
    opening: LiveCapture.Opening, capture: LiveCapture, models: LoadedModels, settings: LiveSettings,
    metrics: StreamMetrics, cancellation: CaptureCancellation, output: LiveLines
  ) {
    info = opening.info
    mailbox = opening.mailbox
    self.capture = capture
    self.settings = settings
    self.metrics = metrics
    self.cancellation = cancellation
    self.output = output
    self.models = models
    classifierCount = models.classifiers.count
    runningClassifiers = Guarded(classifierCount)
    finding = FindingStep(
      finder: models.finder,
      schedule: ClassificationSchedule(interval: settings.reclassifyEvery ?? 1))
    let slots = opening.spareFrames.count
    free = Handoff(capacity: slots)
    found = Handoff(capacity: slots)
    classified = OrderedHandoff(capacity: slots)
    for frame in opening.spareFrames { free.put(FrameSlot(frame: frame)) }
  }

  /// From the next frame on.
  func replace(_ models: LoadedModels) { nextModels.withLock { $0 = models } }

  /// Works on all frames; lines are made on the caller's thread.
  func run(cancellationReason: () -> StreamEndReason) throws -> AnnotationPipeline.Outcome {
    output.hello(models)
    var threads = [NamedThread.start(name: "ferd-find") { self.findFaces() }]
    for index in 0..<classifierCount {
      threads.append(NamedThread.start(name: "ferd-classify-\(index)") { self.classifyFaces(index) })
    }
    capture.begin()
    let isComplete = makeLines()
    if !isComplete { closeQueues() }
    capture.finish(waiting: isComplete)
    for thread in threads { if isComplete { thread.join() } else { thread.detach() } }

    let error = failure.withLock { $0 }
    let (end, decodeErrors) = capture.progress.withLock { ($0.end ?? .cancelled, $0.decodeErrors) }
    var sourceError: CaptureError?
    var reason: StreamEndReason
    switch end {
    case .endOfInput: reason = .endOfInput
    case .cancelled: reason = cancellationReason()
    case .failed(let problem):
      reason = .error
      sourceError = problem
    }
    if error != nil { reason = .error }
    tellLosses(everything: true)
    let summary = output.end(reason: reason, decodeErrors: decodeErrors)
    if let error { throw error }
    return AnnotationPipeline.Outcome(summary: summary, sourceError: sourceError, times: [])
  }

  // MARK: The caller's thread

  /// - Returns: false where the steps were not done in time after a cancellation.
  private func makeLines() -> Bool {
    var deadline = Int64.max
    while true {
      let now = MonotonicClock.now()
      if deadline == .max, cancellation.isCancelled { deadline = now + Self.grace }
      if let slot = classified.take(until: min(deadline, now + Self.waitingTime)) {
        tell(slot)
        capture.progress.withLock { $0.underWay -= 1 }
        free.put(slot)
      } else if classified.isFinished {
        return true
      } else if now >= deadline {
        return false
      } else {
        tellLosses(everything: false)
      }
    }
  }

  private func tell(_ slot: FrameSlot) {
    capture.progress.withLock { output.gaps(before: slot.annotation.sequence, &$0.ledger) }
    output.publishGaps()
    output.frame(slot)
  }

  /// Tells of losses that no frame has followed yet: at the end all of them, before it those that are urgent.
  private func tellLosses(everything: Bool) {
    capture.progress.withLock { progress in
      // Frames that are under way come first.
      guard everything || (progress.underWay == 0 && progress.urgentUpTo > output.nextSequence) else { return }
      output.gaps(before: everything ? progress.nextSequence : progress.urgentUpTo, &progress.ledger)
    }
    output.publishGaps()
  }

  // MARK: The steps' threads

  private func findFaces() {
    defer { found.close() }
    while let slot = free.take() {
      guard mailbox.take(into: slot.frame) == .frame else { return }
      slot.begin(number: number)
      number += 1
      takeOverModels()
      slot.models = models
      guard attempt({ try find(in: slot) }), found.put(slot) else { return }
    }
  }

  private func find(in slot: FrameSlot) throws {
    let time = slot.annotation.presentationTimeNanoseconds
    let isSameOpening = last.map { $0.opening == slot.frame.opening } ?? true
    if !isSameOpening { models.finder.forgetTracks() }
    let elapsed = isSameOpening ? last.map { Double(time - $0.time) * 1e-9 } : nil
    last = (slot.frame.opening, time)
    let plan = capture.meter.withLock { meter in
      if let elapsed { meter.noteKeptFrame(seconds: elapsed) }
      return meter.plan()
    }
    models.finder.scanInterval = settings.detectEvery ?? plan.scanInterval
    finding.schedule.interval = settings.reclassifyEvery ?? plan.reclassifyInterval
    let start = MonotonicClock.now()
    try finding.find(in: slot, limit: settings.reclassifyEvery == nil ? plan.classificationLimit : .max)
    let duration = MonotonicClock.now() - start
    let scan = models.finder.lastScan
    slot.annotation.scan = scan
    metrics.record(.find, nanoseconds: duration)
    switch scan {
    case .full: metrics.fullScans.increment()
    case .regions: metrics.regionScans.increment()
    case .none: break
    }
    capture.meter.withLock { $0.noteScan(scan, seconds: Double(duration) * 1e-9) }
  }

  private func takeOverModels() {
    let next = nextModels.withLock { next in
      defer { next = nil }
      return next
    }
    guard let next else { return }
    next.finder.take(over: models.finder)
    finding.finder = next.finder
    // What the old networks said of the faces is out of date.
    finding.schedule.forgetAll()
    models = next
  }

  /// One of several such threads; each takes the next frame that waits.
  private func classifyFaces(_ index: Int) {
    while let slot = found.take() {
      guard attempt({ try classify(slot, with: slot.models!.classifiers[index]) }),
        classified.put(slot, number: slot.number)
      else { break }
    }
    let areAllDone = runningClassifiers.withLock { running in
      running -= 1
      return running == 0
    }
    if areAllDone { classified.close() }
  }

  private func classify(_ slot: FrameSlot, with classifier: any FaceClassifier) throws {
    let start = MonotonicClock.now()
    try classifier.classify(slot)
    let duration = MonotonicClock.now() - start
    // A driver has few buffers.
    slot.frame.release()
    let count = slot.classified.count
    if count > 0 {
      metrics.record(.classify, nanoseconds: duration)
      metrics.facesClassified.increment(by: count)
    }
    capture.meter.withLock { $0.noteClassification(faces: count, seconds: Double(duration) * 1e-9) }
  }

  /// - Returns: false where the step failed; then no more frames are captured, and those before it still come out.
  private func attempt(_ step: () throws -> Void) -> Bool {
    do {
      try step()
      return true
    } catch {
      failure.withLock { if $0 == nil { $0 = error } }
      cancellation.cancel()
      mailbox.close()
      free.close()
      found.close()
      return false
    }
  }

  private func closeQueues() {
    mailbox.close()
    free.close()
    found.close()
    classified.close()
  }
}
