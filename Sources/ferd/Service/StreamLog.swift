import Capture
import Logging
import Pipeline

/// Tells the log what happens to a stream.
struct StreamLog {
  var logger: Logger
  var tap: StreamTap

  func note(_ event: LivePipeline.Event) {
    switch event {
    case .opened(let info): logger.info("opened", metadata: metadata(info))
    case .skipping(let frames):
      logger.debug("no time for all frames", metadata: ["skipped": "\(frames)"])
    case .source(let event): note(event)
    }
  }

  private func note(_ event: ReconnectingSource.Event) {
    switch event {
    case .lost(let error, let delay, let sequence):
      tap.noteSourceEvent("source lost")
      logger.warning(
        "source lost",
        metadata: ["problem": "\(error)", "retry_seconds": "\(delay)", "next_seq": "\(sequence)"])
    case .attemptFailed(let error, let delay):
      tap.noteSourceEvent("source lost, trying again")
      logger.warning(
        "source still away", metadata: ["problem": "\(error)", "retry_seconds": "\(delay)"])
    case .reopened(let info, let seconds):
      tap.noteSourceEvent("source back")
      var metadata = metadata(info)
      metadata["away_seconds"] = "\((seconds * 10).rounded() / 10)"
      logger.notice("source back", metadata: metadata)
    }
  }

  private func metadata(_ info: SourceInfo) -> Logger.Metadata {
    [
      "source": "\(info.name)", "width": "\(info.width)", "height": "\(info.height)",
      "rate": info.frameRate.map { "\(($0 * 100).rounded() / 100)" } ?? "unknown", "live": "\(info.isLive)",
    ]
  }
}
