import Capture
import Glibc
import Threads

/// One stream on its way through the steps.
///
/// Unchecked because the compiler cannot see who owns what: each step's properties are used by that step's thread
/// alone until it is joined, and a slot belongs to whoever took it from a queue.
final class StreamRun: @unchecked Sendable {
  private let source: any FrameSource
  private let classifiers: [any FaceClassifier]
  private let cancellation: CaptureCancellation

  private let frameCount: Int
  private let empty: Handoff<FrameSlot>
  private let filled: Handoff<FrameSlot>
  private let found: Handoff<FrameSlot>
  private let classified: OrderedHandoff<FrameSlot>
  /// The first failure of a step; the steps behind it still finish the frames before it.
  private let failure = Guarded<(any Error)?>(nil)

  // The reader's.
  private var framesRead = 0
  private(set) var sourceError: CaptureError?
  private var endReason = StreamEndReason.endOfInput
  private(set) var readTime = StageTime(name: "read")
  // The finder's.
  private var finding: FindingStep
  private(set) var findTime = StageTime(name: "find faces")
  // The classifiers'.
  private let classifyTimes: Guarded<(total: StageTime, running: Int)>
  // The caller's.
  private var completing: CompletingStep
  private(set) var summary = StreamSummary()
  private(set) var writeTime = StageTime(name: "write")

  var classifyTime: StageTime { classifyTimes.withLock { $0.total } }

  init(
    source: any FrameSource, finder: any FaceFinder, classifiers: [any FaceClassifier],
    schedule: ClassificationSchedule, smoother: ProbabilitySmoother, cancellation: CaptureCancellation
  ) {
    self.source = source
    self.classifiers = classifiers
    self.cancellation = cancellation
    finding = FindingStep(finder: finder, schedule: schedule)
    completing = CompletingStep(
      info: source.info, labels: classifiers[0].labels, bias: classifiers[0].bias, smoother: smoother)
    classifyTimes = Guarded((StageTime(name: "classify"), classifiers.count))
    frameCount = AnnotationPipeline.frameCount(
      classifiers: classifiers.count, pixels: source.info.width * source.info.height)
    let count = frameCount
    empty = Handoff(capacity: count)
    filled = Handoff(capacity: count)
    found = Handoff(capacity: count)
    classified = OrderedHandoff(capacity: count)
  }

  func runOnThreads(writer: AnnotationWriter, onFrame: (Int) -> Void) throws {
    for _ in 0..<frameCount { empty.put(FrameSlot(frame: source.makeFrame())) }
    var threads = [
      NamedThread.start(name: "ferd-read") { self.readFrames() },
      NamedThread.start(name: "ferd-find") { self.findFaces() },
    ]
    for index in classifiers.indices {
      threads.append(NamedThread.start(name: "ferd-classify-\(index)") { self.classifyFaces(index) })
    }
    do {
      let processorStart = seconds(on: CLOCK_THREAD_CPUTIME_ID)
      while let slot = classified.take() {
        try measure(&writeTime) { () throws(OutputError) in try finish(slot, writer: writer) }
        empty.put(slot)
        onFrame(summary.frames)
      }
      writeTime.processorSeconds = seconds(on: CLOCK_THREAD_CPUTIME_ID) - processorStart
    } catch {
      // Nobody takes the lines any more: the steps before must not wait for anything.
      for queue in [empty, filled, found] { queue.close() }
      classified.close()
      cancellation.cancel()
      for thread in threads { thread.join() }
      throw error
    }
    for thread in threads { thread.join() }
    if let error = failure.withLock({ $0 }) { throw error }
    finishSummary()
  }

  func runOnCallersThread(writer: AnnotationWriter, onFrame: (Int) -> Void) throws {
    let slot = FrameSlot(frame: source.makeFrame())
    while read(into: slot) {
      try measure(&findTime) { () throws in try finding.find(in: slot) }
      var time = StageTime(name: "classify")
      try measure(&time) { () throws in try classifiers[0].classify(slot) }
      add(time)
      try measure(&writeTime) { () throws(OutputError) in try finish(slot, writer: writer) }
      onFrame(summary.frames)
    }
    finishSummary()
  }

  // MARK: The steps' threads

  private func readFrames() {
    while let slot = empty.take() {
      guard read(into: slot), filled.put(slot) else { break }
    }
    readTime.processorSeconds = seconds(on: CLOCK_THREAD_CPUTIME_ID)
    filled.close()
  }

  private func findFaces() {
    defer { found.close() }
    while let slot = filled.take() {
      guard attempt({ try measure(&findTime) { () throws in try finding.find(in: slot) } }), found.put(slot) else {
        break
      }
    }
    findTime.processorSeconds = seconds(on: CLOCK_THREAD_CPUTIME_ID)
  }

  /// One of several such threads; each takes the next frame that waits.
  private func classifyFaces(_ index: Int) {
    var time = StageTime(name: "classify")
    while let slot = found.take() {
      let isDone = attempt { try measure(&time) { () throws in try classifiers[index].classify(slot) } }
      guard isDone, classified.put(slot, number: slot.number) else { break }
    }
    time.processorSeconds = seconds(on: CLOCK_THREAD_CPUTIME_ID)
    add(time)
    let areAllDone = classifyTimes.withLock { times in
      times.running -= 1
      return times.running == 0
    }
    if areAllDone { classified.close() }
  }

  private func add(_ time: StageTime) {
    classifyTimes.withLock {
      $0.total.busySeconds += time.busySeconds
      $0.total.processorSeconds += time.processorSeconds
    }
  }

  /// - Returns: false where the step failed; then nothing more is read, and the frames before it still come out.
  private func attempt(_ step: () throws -> Void) -> Bool {
    do {
      try step()
      return true
    } catch {
      failure.withLock { if $0 == nil { $0 = error } }
      for queue in [empty, filled, found] { queue.close() }
      cancellation.cancel()
      return false
    }
  }

  // MARK: The steps

  /// - Returns: false where no frame comes any more.
  private func read(into slot: FrameSlot) -> Bool {
    do throws(CaptureError) {
      let hasFrame = try measure(&readTime) { () throws(CaptureError) in try source.read(into: slot.frame) }
      guard hasFrame, !cancellation.isCancelled else {
        if cancellation.isCancelled { endReason = .signal }
        return false
      }
    } catch {
      if cancellation.isCancelled {
        endReason = .signal
      } else {
        sourceError = error
        endReason = .error
      }
      return false
    }
    slot.begin(number: framesRead)
    framesRead += 1
    return true
  }

  private func finish(_ slot: FrameSlot, writer: AnnotationWriter) throws(OutputError) {
    completing.complete(slot)
    try writer.frame(slot.annotation)
    summary.frames += 1
    summary.faces += slot.annotation.faces.count
  }

  private func finishSummary() {
    summary.decodeErrors = source.decodeErrors
    summary.reason = endReason
  }

  private func measure<Result, Failure: Error>(
    _ time: inout StageTime, _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let start = seconds(on: CLOCK_MONOTONIC)
    defer { time.busySeconds += seconds(on: CLOCK_MONOTONIC) - start }
    return try body()
  }
}
