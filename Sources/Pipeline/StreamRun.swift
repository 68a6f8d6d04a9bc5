import Capture
import Glibc
import Threads

/// One frame on its way, used again and again.
private final class FrameSlot {
  let frame: Frame
  /// Counts the frames read by this run.
  var number = 0
  var annotation = FrameAnnotation()
  /// Faces to be classified, and their probabilities.
  var classified: [FaceAnnotation] = []
  var probabilities: [Float] = []

  init(frame: Frame) { self.frame = frame }

  var seconds: Double { Double(annotation.presentationTimeNanoseconds) * 1e-9 }
}

/// One stream on its way through the steps.
///
/// Unchecked because the compiler cannot see who owns what: each step's properties are used by that step's thread
/// alone until it is joined, and a slot belongs to whoever took it from a queue.
final class StreamRun: @unchecked Sendable {
  private let source: any FrameSource
  private let finder: any FaceFinder
  private let classifiers: [any FaceClassifier]
  private let biasFactors: [Float]
  private let labelCount: Int
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
  private var schedule: ClassificationSchedule
  private(set) var findTime = StageTime(name: "find faces")
  // The classifiers'.
  private let classifyTimes: Guarded<(total: StageTime, running: Int)>
  // The caller's.
  private var memory = ClassificationMemory()
  private var smoother: ProbabilitySmoother
  private(set) var summary = StreamSummary()
  private(set) var writeTime = StageTime(name: "write")

  var classifyTime: StageTime { classifyTimes.withLock { $0.total } }

  init(
    source: any FrameSource, finder: any FaceFinder, classifiers: [any FaceClassifier],
    schedule: ClassificationSchedule, smoother: ProbabilitySmoother, cancellation: CaptureCancellation
  ) {
    self.source = source
    self.finder = finder
    self.classifiers = classifiers
    self.schedule = schedule
    self.smoother = smoother
    self.cancellation = cancellation
    biasFactors = classifiers[0].biasFactors
    labelCount = classifiers[0].labels.count
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
      try measure(&findTime) { () throws in try find(in: slot) }
      var time = StageTime(name: "classify")
      try measure(&time) { () throws in try classify(slot, with: classifiers[0]) }
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
      guard attempt({ try measure(&findTime) { () throws in try find(in: slot) } }), found.put(slot) else { break }
    }
    findTime.processorSeconds = seconds(on: CLOCK_THREAD_CPUTIME_ID)
  }

  /// One of several such threads; each takes the next frame that waits.
  private func classifyFaces(_ index: Int) {
    var time = StageTime(name: "classify")
    while let slot = found.take() {
      let isDone = attempt { try measure(&time) { () throws in try classify(slot, with: classifiers[index]) } }
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
    slot.number = framesRead
    framesRead += 1
    slot.annotation.removeFaces()
    slot.annotation.sequence = slot.frame.sequence
    slot.annotation.presentationTimeNanoseconds = slot.frame.presentationTimeNanoseconds
    slot.annotation.status = slot.frame.status
    return true
  }

  private func find(in slot: FrameSlot) throws {
    guard let luma = slot.frame.luma else { return }
    try finder.findFaces(
      in: luma, timeNanoseconds: slot.annotation.presentationTimeNanoseconds, into: &slot.annotation.faces)
    schedule.plan(&slot.annotation.faces, in: luma, sequence: slot.number)
  }

  private func classify(_ slot: FrameSlot, with classifier: any FaceClassifier) throws {
    slot.classified.removeAll(keepingCapacity: true)
    slot.probabilities.removeAll(keepingCapacity: true)
    for face in slot.annotation.faces where face.isClassified { slot.classified.append(face) }
    guard let luma = slot.frame.luma, !slot.classified.isEmpty else { return }
    try classifier.classify(slot.classified, in: luma, into: &slot.probabilities)
    let count = slot.classified.count
    precondition(slot.probabilities.count == count * labelCount, "\(labelCount) probabilities for each face")
    for index in 0..<count {
      normaliseProbabilities(&slot.probabilities, range: index * labelCount..<(index + 1) * labelCount)
    }
  }

  /// What must happen in the order of the frames: completing, smoothing and writing.
  private func finish(_ slot: FrameSlot, writer: AnnotationWriter) throws(OutputError) {
    memory.complete(
      slot.annotation.faces, fresh: slot.probabilities, labelCount: labelCount, sequence: slot.number,
      into: &slot.annotation.raw)
    scaleToFirstFrame(slot)
    smoother.forgetTracks(before: slot.seconds)
    slot.annotation.scores.append(contentsOf: slot.annotation.raw)
    for index in slot.annotation.faces.indices {
      let range = index * labelCount..<(index + 1) * labelCount
      smoother.smooth(
        &slot.annotation.scores, range: range, track: slot.annotation.faces[index].track, seconds: slot.seconds)
      applyBias(biasFactors, to: &slot.annotation.scores, range: range)
    }
    try writer.frame(slot.annotation)
    summary.frames += 1
    summary.faces += slot.annotation.faces.count
  }

  /// A stream may change its resolution on the way; its lines go on in the pixels that `hello` announced.
  private func scaleToFirstFrame(_ slot: FrameSlot) {
    let (width, height) = (source.info.width, source.info.height)
    guard let luma = slot.frame.luma, luma.width != width || luma.height != height else { return }
    for index in slot.annotation.faces.indices {
      slot.annotation.faces[index].scale(
        x: Float(width) / Float(luma.width), y: Float(height) / Float(luma.height))
    }
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
