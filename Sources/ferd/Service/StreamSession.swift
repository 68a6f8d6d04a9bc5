import ArgumentParser
import Capture
import Foundation
import Logging
import Pipeline

/// One run of `ferd stream`: puts source, networks and sinks together and sees to them until the end.
final class StreamSession: Sendable {
  private let ending = StreamEnding()
  private let signals: StopSignals
  private let hangups: AsyncStream<Void>

  /// To be made before there are other threads; from then on signals are heeded.
  init() {
    let ending = ending
    // Several while one is under way are one.
    let (hangups, hangup) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    self.hangups = hangups
    signals = StopSignals(onHangup: { hangup.yield() }) { status in
      ending.endBySignal()
      // Whatever holds the program up, a disk or a device: it has had its time.
      _exit(status.rawValue)
    }
  }

  /// - Parameter sourcePath: the source by its bytes, where the command line names it.
  /// - Returns: the program's exit status; what is wrong has been told.
  /// - Throws: what keeps the stream from beginning, or the networks from running.
  func run(
    _ configuration: StreamConfiguration, layers: ConfigurationLayers, loader: LiveModelLoader, sourcePath: RawPath?
  ) async throws -> ExitStatus {
    let sourcePath = sourcePath ?? RawPath(configuration.source!)
    let log = LineLogHandler.Shared(level: configuration.logLevel)
    let logger = Logger(label: "ferd") { LineLogHandler(label: $0, shared: log) }
    for variable in layers.unknownVariables {
      logger.warning("counts for nothing: no setting has this name", metadata: ["variable": "\(variable)"])
    }
    let metrics = StreamMetrics(version: Ferd.version)
    let models = try await onThread("ferd-load") { try loader.load(configuration) }
    let pipeline = LivePipeline(
      models: models,
      settings: LiveSettings(
        detectEvery: configuration.detectEvery, reclassifyEvery: configuration.reclassifyEvery,
        smoothingSeconds: configuration.smooth, processors: ProcessInfo.processInfo.activeProcessorCount),
      metrics: metrics, cancellation: ending.cancellation)
    let tap = StreamTap(ending.broadcaster)
    let supervisor = Supervisor(ServiceManager(environment: layers.environment)) { tap.observation }
    ending.setSupervisor(supervisor)
    let sinks = try StreamSinks(configuration, ending: ending, metrics: metrics, logger: logger)
    let reloader = StreamReloader(
      configuration, layers: layers, loader: loader, pipeline: pipeline, metrics: metrics, logger: logger, log: log)
    do {
      try await sinks.startServers()
      logger.info(
        "starting",
        metadata: [
          "version": "\(Ferd.version)", "source": "\(sourcePath.displayName)", "model": "\(models.modelName)",
        ])
      let reloading = Task { [hangups] in
        for await _ in hangups {
          supervisor.reloading()
          sinks.reopen(firstLine: tap.hello)
          supervisor.reloaded(await reloader.reload())
        }
      }
      defer { reloading.cancel() }
      let source = try LiveInput(configuration, path: sourcePath, cancellation: ending.cancellation)
      let (summary, sourceError) = try await onThread("ferd-stream") { [ending] in
        let outcome = try pipeline.run(
          identity: LivePipeline.Identity(version: Ferd.version, source: source.name), output: tap,
          onEvent: { event in
            if case .opened(let info) = event { sinks.begin(isLive: info.isLive) }
            StreamLog(logger: logger, tap: tap).note(event)
          }, cancellationReason: { ending.reason },
          open: { () throws(CaptureError) in try source.open() })
        return (outcome.summary, outcome.sourceError)
      }
      await finish(sinks, supervisor)
      return conclude(summary, sourceError, logger: logger)
    } catch {
      await finish(sinks, supervisor)
      if let error = error as? CaptureError, error.code == .cancelled {
        return statusOfEnding(logger: logger) ?? .done
      }
      throw error
    }
  }

  /// Lets every reader have its last line.
  private func finish(_ sinks: StreamSinks, _ supervisor: Supervisor) async {
    supervisor.stopping()
    await ending.broadcaster.finish(within: ending.remainingTime)
    sinks.finish()
  }

  private func conclude(_ summary: StreamSummary, _ sourceError: CaptureError?, logger: Logger) -> ExitStatus {
    logger.info(
      "ended",
      metadata: [
        "reason": "\(summary.reason.rawValue)", "frames": "\(summary.frames)", "faces": "\(summary.faces)",
        "dropped": "\(summary.dropped)", "decode_errors": "\(summary.decodeErrors)",
      ])
    if let status = statusOfEnding(logger: logger) { return status }
    if let sourceError {
      logger.error("the source failed", metadata: ["problem": "\(sourceError)"])
      return .inputOutput
    }
    if summary.frames == 0 {
      logger.error("not one frame could be read")
      return .unreadable
    }
    return .done
  }

  /// nil where the stream ended by itself.
  private func statusOfEnding(logger: Logger) -> ExitStatus? {
    if let failure = ending.failure {
      // A closed reader has seen what it wanted.
      guard failure != .readerGone else { return .done }
      logger.error("cannot write", metadata: ["problem": "\(failure)"])
      return .inputOutput
    }
    return signals.status
  }

  /// Ends the program with a status.
  func leave(_ status: ExitStatus) throws {
    // Threads that were in the middle of something when they were cancelled may still be, and must not see how the
    // libraries they are in are taken down.
    if ending.cancellation.isCancelled { _exit(status.rawValue) }
    if status != .done { throw ExitCode(status.rawValue) }
  }
}
