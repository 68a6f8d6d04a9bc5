public import Metrics
import Threads

/// Everything that a running stream counts; any thread may count.
public final class StreamMetrics: Sendable {
  /// What a frame's time is spent on.
  public enum Stage: String, CaseIterable, Sendable {
    case decode, find, classify, write
  }

  /// Where lines go.
  public enum Sink: String, CaseIterable, Sendable {
    case stdout, file, socket, http
  }

  public let registry: MetricsRegistry

  /// Frames that became lines.
  public let frames: Counter
  /// Frames that came in while an earlier one was worked on, and gave way to a newer one.
  public let framesSkipped: Counter
  /// Frames that the source lost.
  public let framesDropped: Counter
  /// Frames of which parts could not be decoded.
  public let framesDamaged: Counter
  public let faces: Counter
  /// Faces that the ensemble looked at; the others kept what it said before.
  public let facesClassified: Counter
  /// Runs of the detector over the whole picture.
  public let fullScans: Counter
  /// Runs of the detector around known faces.
  public let regionScans: Counter
  /// Times that the source was opened again.
  public let reconnects: Counter
  public let reloads: Counter
  public let reloadsFailed: Counter

  private let stages: [Stage: Timer]
  private let delay: Timer
  private let clients: [Sink: Meter]
  private let connections: [Sink: Counter]
  private let stalledClients: [Sink: Counter]
  private let refusedClients: [Sink: Counter]
  private let linesLost: [Sink: Counter]
  private let queuedLines: [Sink: Meter]
  private let queuedFrames: Meter
  /// On the monotonic clock; 0 before the first frame.
  private let lastFrame = AtomicInteger()

  /// - Parameters:
  ///   - version: the program's.
  ///   - labels: more of what is worth knowing of the program, such as the model.
  public init(version: String, labels: [(String, String)] = []) {
    let registry = MetricsRegistry(descriptions: Self.descriptions)
    self.registry = registry
    func counter(_ name: String, _ labels: [(String, String)] = []) -> Counter {
      Counter(label: name, dimensions: labels, factory: registry)
    }
    func meter(_ name: String, _ labels: [(String, String)] = []) -> Meter {
      Meter(label: name, dimensions: labels, factory: registry)
    }
    func bySink<Metric>(_ sinks: [Sink], _ make: ([(String, String)]) -> Metric) -> [Sink: Metric] {
      Dictionary(uniqueKeysWithValues: sinks.map { ($0, make([("sink", $0.rawValue)])) })
    }
    let servers = [Sink.socket, .http]
    Meter(label: "ferd_build_info", dimensions: [("version", version)] + labels, factory: registry).set(1)
    frames = counter("ferd_frames_total")
    framesSkipped = counter("ferd_frames_skipped_total")
    framesDropped = counter("ferd_frames_dropped_total")
    framesDamaged = counter("ferd_frames_damaged_total")
    faces = counter("ferd_faces_total")
    facesClassified = counter("ferd_faces_classified_total")
    fullScans = counter("ferd_detector_scans_total", [("area", "full")])
    regionScans = counter("ferd_detector_scans_total", [("area", "regions")])
    reconnects = counter("ferd_source_reconnects_total")
    reloads = counter("ferd_reloads_total", [("result", "ok")])
    reloadsFailed = counter("ferd_reloads_total", [("result", "failed")])
    stages = Dictionary(
      uniqueKeysWithValues: Stage.allCases.map {
        ($0, Timer(label: "ferd_stage_seconds", dimensions: [("stage", $0.rawValue)], factory: registry))
      })
    delay = Timer(label: "ferd_delay_seconds", dimensions: [], factory: registry)
    clients = bySink(servers) { meter("ferd_clients", $0) }
    connections = bySink(servers) { counter("ferd_client_connections_total", $0) }
    stalledClients = bySink(servers) { counter("ferd_clients_stalled_total", $0) }
    refusedClients = bySink(servers) { counter("ferd_clients_refused_total", $0) }
    linesLost = bySink(Sink.allCases) { counter("ferd_lines_lost_total", $0) }
    queuedLines = bySink(Sink.allCases) { meter("ferd_queue_lines", $0) }
    queuedFrames = meter("ferd_queue_frames")
  }

  /// Counts a frame that became a line, now.
  public func noteFrame(faces count: Int, isDamaged: Bool) {
    frames.increment()
    if count > 0 { faces.increment(by: count) }
    if isDamaged { framesDamaged.increment() }
    lastFrame.set(MonotonicClock.now())
  }

  /// Adds a frame's time in one stage.
  public func record(_ stage: Stage, nanoseconds: Int64) { stages[stage]!.recordNanoseconds(nanoseconds) }

  /// Adds the time from a frame's capture until its line was published.
  public func recordDelay(nanoseconds: Int64) { delay.recordNanoseconds(nanoseconds) }

  /// Sets how many frames wait between the stages.
  public func setQueuedFrames(_ count: Int) { queuedFrames.set(count) }

  /// Seconds since the last frame became a line; nil before the first one.
  public var secondsSinceLastFrame: Double? {
    let time = lastFrame.value
    return time == 0 ? nil : Double(MonotonicClock.now() - time) * 1e-9
  }

  /// The page with the figures of this moment, those of the process too.
  public func render() -> [UInt8] {
    registry.render() + ProcessFigures.current().render()
  }

  // MARK: What the sinks tell

  func clientCame(_ sink: Sink) {
    clients[sink]!.increment()
    connections[sink]!.increment()
  }

  func clientWent(_ sink: Sink) { clients[sink]!.decrement() }

  func clientStalled(_ sink: Sink) { stalledClients[sink]!.increment() }

  func clientRefused(_ sink: Sink) { refusedClients[sink]!.increment() }

  func lost(_ lines: Int, _ sink: Sink) {
    if lines > 0 { linesLost[sink]!.increment(by: lines) }
  }

  func setQueuedLines(_ count: Int, _ sink: Sink) { queuedLines[sink]!.set(count) }
}

extension StreamMetrics {
  private static let descriptions = [
    "ferd_build_info": "Always 1; the labels tell what is running.",
    "ferd_frames_total": "Frames that became lines.",
    "ferd_frames_skipped_total": "Frames that gave way to a newer one because computing could not keep up.",
    "ferd_frames_dropped_total": "Frames that the source lost.",
    "ferd_frames_damaged_total": "Frames of which parts could not be decoded.",
    "ferd_faces_total": "Faces in all lines.",
    "ferd_faces_classified_total": "Faces that the networks looked at; the others kept their last result.",
    "ferd_detector_scans_total": "Runs of the detector, over the full picture or around known faces.",
    "ferd_source_reconnects_total": "Times that the source was opened again.",
    "ferd_reloads_total": "Times that models and settings were read again.",
    "ferd_stage_seconds": "Time of one frame in each stage.",
    "ferd_delay_seconds": "Time from a frame's capture until its line was published.",
    "ferd_clients": "Clients connected now.",
    "ferd_client_connections_total": "Clients that have connected.",
    "ferd_clients_stalled_total": "Clients that were disconnected because they did not read.",
    "ferd_clients_refused_total":
      "Clients that were disconnected because of what they sent, or because there were too many.",
    "ferd_lines_lost_total":
      "Lines that slow readers lost, summed over readers; their streams say so with gap lines.",
    "ferd_queue_lines": "Lines that wait for readers, summed over readers.",
    "ferd_queue_frames": "Frames that wait between the stages.",
  ]
}
