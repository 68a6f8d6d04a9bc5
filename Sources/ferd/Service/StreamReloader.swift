import Foundation
import Logging
import Pipeline
import Threads

/// Reads configuration and models again, and gives them to a running pipeline. If anything is wrong, everything stays as it
/// is.
final class StreamReloader: Sendable {
  private let layers: ConfigurationLayers
  private let loader: LiveModelLoader
  private let pipeline: LivePipeline
  private let metrics: StreamMetrics
  private let logger: Logger
  private let log: LineLogHandler.Shared
  /// What holds now.
  private let current: Guarded<StreamConfiguration>

  init(
    _ configuration: StreamConfiguration, layers: ConfigurationLayers, loader: LiveModelLoader,
    pipeline: LivePipeline, metrics: StreamMetrics, logger: Logger, log: LineLogHandler.Shared
  ) {
    current = Guarded(configuration)
    self.layers = layers
    self.loader = loader
    self.pipeline = pipeline
    self.metrics = metrics
    self.logger = logger
    self.log = log
  }

  /// One after the other; the pipeline goes on meanwhile.
  ///
  /// - Returns: what came of it, for people.
  func reload() async -> String {
    do {
      let wanted = try await layers.load()
      let configuration = takingOver(wanted)
      let identity = try await onThread("ferd-load") { [loader, pipeline] in
        let models = try loader.load(configuration)
        try pipeline.replace(models: models)
        return models.modelName
      }
      current.withLock { $0 = configuration }
      log.setLevel(configuration.logLevel)
      metrics.reloads.increment()
      logger.notice("reloaded", metadata: ["model": "\(identity)"])
      return "Reloaded: \(identity)"
    } catch {
      let problems = (error as? ConfigurationRejection)?.problems.map(\.description) ?? ["\(describe(error))"]
      for problem in problems { logger.error("not reloaded", metadata: ["problem": "\(problem)"]) }
      logger.error("everything stays as it is", metadata: ["problems": "\(problems.count)"])
      metrics.reloadsFailed.increment()
      return "Not reloaded: \(problems[0])"
    }
  }

  /// What holds now, with the new values of all that a reload may change; tells of what it may not.
  private func takingOver(_ wanted: StreamConfiguration) -> StreamConfiguration {
    var configuration = current.withLock { $0 }
    let changed = ConfigurationKey.all.filter { $0.text(wanted) != $0.text(configuration) }
    for key in changed where key.isReloadable {
      let isTaken = key.apply(key.text(wanted), &configuration)
      precondition(isTaken, "\(key.name): its own text \(key.text(wanted)) is refused")
    }
    let waiting = changed.filter { !$0.isReloadable }.map(\.name)
    if !waiting.isEmpty {
      logger.warning("needs a restart", metadata: ["settings": "\(waiting.joined(separator: " "))"])
    }
    return configuration
  }

  private func describe(_ error: any Error) -> String {
    CommandFailure(wrapping: error)?.message ?? BiasOptions.message(for: error)
  }
}

/// Runs what blocks on a thread of its own: the threads of Swift's tasks must not wait.
func onThread<Result: Sendable>(
  _ name: String, _ body: @escaping @Sendable () throws -> Result
) async throws -> Result {
  try await withCheckedThrowingContinuation { continuation in
    NamedThread.start(name: name) { continuation.resume(with: Swift.Result { try body() }) }.detach()
  }
}
