import Capture
import Threads

/// Makes the lines of a live stream, in order, and publishes them; one thread's alone.
final class LiveLines {
  /// Numbers below this one have been told, as frames or gaps.
  private(set) var nextSequence = 0

  private let identity: LivePipeline.Identity
  private let info: SourceInfo
  private let settings: LiveSettings
  private let frames: FramePolicy
  private let metrics: StreamMetrics
  private let output: any LiveOutput
  private var encoder = BroadcastLineEncoder()
  private var header: StreamHeader?
  private var models: LoadedModels?
  private var completing: CompletingStep?
  private var summary = StreamSummary()
  private var gaps: [StreamGap] = []

  init(
    identity: LivePipeline.Identity, opening: LiveCapture.Opening, settings: LiveSettings, metrics: StreamMetrics,
    output: any LiveOutput
  ) {
    self.identity = identity
    info = opening.info
    frames = opening.frames
    self.settings = settings
    self.metrics = metrics
    self.output = output
  }

  /// To be called first, and where frames come that were worked on with other models: readers are told where that
  /// changes what the first line said.
  func hello(_ models: LoadedModels) {
    if self.models?.labels != models.labels {
      completing = CompletingStep(
        info: info, labels: models.labels, bias: models.bias,
        smoother: ProbabilitySmoother(timeConstant: info.isStillPicture ? 0 : settings.smoothingSeconds))
    }
    completing!.bias = models.bias
    self.models = models
    let header = StreamHeader(
      version: identity.version, source: identity.source, width: info.width, height: info.height,
      labels: models.labels, model: models.modelName, bias: models.bias.factors,
      temperature: models.bias.temperature,
      policy: StreamPolicy(
        frames: frames, detectEvery: settings.detectEvery, reclassifyEvery: settings.reclassifyEvery))
    guard header != self.header else { return }
    self.header = header
    output.publish(encoder.hello(header))
  }

  /// Finds out what is missing before a number; to be published next.
  func gaps(before sequence: Int, _ ledger: inout GapLedger) {
    guard sequence > nextSequence else { return }
    ledger.gaps(in: nextSequence..<sequence, into: &gaps)
    nextSequence = sequence
  }

  func publishGaps() {
    for gap in gaps {
      summary.dropped += gap.lastSequence - gap.firstSequence + 1
      output.publish(encoder.gap(gap))
    }
    gaps.removeAll(keepingCapacity: true)
  }

  func frame(_ slot: FrameSlot) {
    let start = MonotonicClock.now()
    if slot.models !== models { hello(slot.models!) }
    completing!.complete(slot)
    slot.annotation.wallNanoseconds =
      info.isLive ? slot.captureNanoseconds.map { $0 + MonotonicClock.offsetToTimeOfDay() } : nil
    output.publish(encoder.frame(slot.annotation))
    nextSequence = slot.annotation.sequence + 1
    summary.frames += 1
    summary.faces += slot.annotation.faces.count
    let now = MonotonicClock.now()
    metrics.record(.write, nanoseconds: now - start)
    if let capture = slot.captureNanoseconds { metrics.recordDelay(nanoseconds: now - capture) }
    metrics.noteFrame(faces: slot.annotation.faces.count, isDamaged: slot.annotation.status == .damaged)
  }

  func end(reason: StreamEndReason, decodeErrors: Int) -> StreamSummary {
    summary.reason = reason
    summary.decodeErrors = decodeErrors
    output.publish(encoder.end(summary))
    return summary
  }
}
