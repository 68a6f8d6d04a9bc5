import Capture
import Glibc
import Synchronization

/// One frame on its way, used again and again.
private final class FrameSlot {
  let frame: Frame
  var annotation = FrameAnnotation()

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
  private let classifier: any FaceClassifier
  private let biasFactors: [Float]
  private let labelCount: Int
  private let cancellation: CaptureCancellation

  private let empty: Handoff<FrameSlot>
  private let filled: Handoff<FrameSlot>
  private let found: Handoff<FrameSlot>
  private let classified: Handoff<FrameSlot>
  /// The first failure of a step; the steps behind it still finish the frames before it.
  private let failure = Mutex<(any Error)?>(nil)

  // The reader's.
  private(set) var sourceError: CaptureError?
  private var endReason = StreamEndReason.endOfInput
  private(set) var readTime = StageTime(name: "read")
  // The finder's.
  private(set) var findTime = StageTime(name: "find faces")
  // The classifier's.
  private var smoother: ProbabilitySmoother
  private(set) var classifyTime = StageTime(name: "classify")
  // The caller's.
  private(set) var summary = StreamSummary()
  private(set) var writeTime = StageTime(name: "write")

  init(
    source: any FrameSource, finder: any FaceFinder, classifier: any FaceClassifier, smoother: ProbabilitySmoother,
    cancellation: CaptureCancellation
  ) {
    self.source = source
    self.finder = finder
    self.classifier = classifier
    self.smoother = smoother
    self.cancellation = cancellation
    biasFactors = classifier.biasFactors
    labelCount = classifier.labels.count
    let count = AnnotationPipeline.frameCount
    empty = Handoff(capacity: count)
    filled = Handoff(capacity: count)
    found = Handoff(capacity: count)
    classified = Handoff(capacity: count)
  }

  func runOnThreads(writer: AnnotationWriter, onFrame: (Int) -> Void) throws {
    for _ in 0..<AnnotationPipeline.frameCount { empty.put(FrameSlot(frame: source.makeFrame())) }
    let threads = [
      NamedThread.start(name: "ferd-read") { self.readFrames() },
      NamedThread.start(name: "ferd-find") { self.findFaces() },
      NamedThread.start(name: "ferd-classify") { self.classifyFaces() },
    ]
    do {
      let processorStart = seconds(on: CLOCK_THREAD_CPUTIME_ID)
      while let slot = classified.take() {
        try measure(&writeTime) { () throws(OutputError) in try write(slot, to: writer) }
        empty.put(slot)
        onFrame(summary.frames)
      }
      writeTime.processorSeconds = seconds(on: CLOCK_THREAD_CPUTIME_ID) - processorStart
    } catch {
      // Nobody takes the lines any more: the steps before must not wait for anything.
      for queue in [empty, filled, found, classified] { queue.close() }
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
      try measure(&classifyTime) { () throws in try classify(slot) }
      try measure(&writeTime) { () throws(OutputError) in try write(slot, to: writer) }
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
    move(from: filled, to: found) { slot in
      try measure(&findTime) { () throws in try find(in: slot) }
    }
    findTime.processorSeconds = seconds(on: CLOCK_THREAD_CPUTIME_ID)
  }

  private func classifyFaces() {
    move(from: found, to: classified) { slot in
      try measure(&classifyTime) { () throws in try classify(slot) }
    }
    classifyTime.processorSeconds = seconds(on: CLOCK_THREAD_CPUTIME_ID)
  }

  /// Takes frames through a step until there are no more or one fails; then nothing more is read.
  private func move(
    from: Handoff<FrameSlot>, to: Handoff<FrameSlot>, step: (FrameSlot) throws -> Void
  ) {
    defer { to.close() }
    while let slot = from.take() {
      do {
        try step(slot)
      } catch {
        failure.withLock { if $0 == nil { $0 = error } }
        empty.close()
        from.close()
        cancellation.cancel()
        return
      }
      guard to.put(slot) else { return }
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
  }

  private func classify(_ slot: FrameSlot) throws {
    smoother.forgetTracks(before: slot.seconds)
    guard let luma = slot.frame.luma, !slot.annotation.faces.isEmpty else { return }
    let faces = slot.annotation.faces
    try classifier.classify(faces, in: luma, into: &slot.annotation.raw)
    precondition(slot.annotation.raw.count == faces.count * labelCount, "\(labelCount) probabilities for each face")
    for index in faces.indices {
      let range = index * labelCount..<(index + 1) * labelCount
      normaliseProbabilities(&slot.annotation.raw, range: range)
      slot.annotation.scores.append(contentsOf: slot.annotation.raw[range])
      smoother.smooth(
        &slot.annotation.scores, range: range, track: faces[index].track, seconds: slot.seconds)
      applyBias(biasFactors, to: &slot.annotation.scores, range: range)
    }
  }

  private func write(_ slot: FrameSlot, to writer: AnnotationWriter) throws(OutputError) {
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
