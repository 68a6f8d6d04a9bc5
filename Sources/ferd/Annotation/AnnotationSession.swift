import Capture
import Foundation
import Pipeline

/// Annotates one input after the other: goes on after a bad one and remembers the highest exit status.
final class AnnotationSession {
  struct Settings {
    var format = OutputFormat.jsonl
    /// Folder of result files; nil writes to standard output.
    var outputFolder: String?
    /// Number of the stream inside a container.
    var streamIndex: Int?
    /// A face that hardly changes is classified again after so many frames at the latest.
    var reclassifyEvery = 1
    /// Time constant of smoothing in seconds; 0 = none.
    var smoothingSeconds = 0.0
    /// Refuses videos.
    var takesPicturesOnly = false
    var isQuiet = false
    /// Tells what each step cost.
    var showsTimings = false
  }

  private let engine: AnnotationEngine
  private let settings: Settings
  private let cancellation: CaptureCancellation
  private let signals: StopSignals
  /// Shared by all inputs that go to standard output.
  private let standardOutput: AnnotationWriter
  private(set) var status = ExitStatus.done

  /// - Parameters:
  ///   - cancellation: what `signals` cancels.
  init(engine: AnnotationEngine, settings: Settings, cancellation: CaptureCancellation, signals: StopSignals) {
    self.engine = engine
    self.settings = settings
    self.cancellation = cancellation
    self.signals = signals
    standardOutput = AnnotationWriter(
      encoder: settings.format.makeEncoder(), sink: DescriptorSink.standardOutput())
  }

  /// Annotates everything, until the end, a signal, or until nobody reads the output any more.
  func run(_ entries: [InputExpansion.Entry]) throws {
    let inputs = entries.compactMap { entry -> AnnotationInput? in
      if case .input(let input) = entry { input } else { nil }
    }
    var names = ResultNaming.names(for: inputs, ending: settings.format.rawValue).makeIterator()
    do {
      for entry in entries {
        guard signals.signal == nil else { break }
        switch entry {
        case .failure(let failure): report(failure)
        case .input(let input): try annotate(input, resultName: names.next()!)
        }
      }
    } catch OutputError.readerGone {
      // A closed reader has seen what it wanted.
      return
    }
    if let signalStatus = signals.status { raise(to: signalStatus) }
  }

  private func annotate(_ input: AnnotationInput, resultName: String) throws {
    // Of its own: what cannot be written ends this input, not those after it.
    let cancellation = CaptureCancellation(parent: cancellation)
    do {
      let openable = input.isStandardInput || input.isURL ? nil : try OpenablePath(input.path)
      let source = try openSource(
        openable?.path ?? input.displayName,
        options: SourceOptions(streamIndex: settings.streamIndex, cancellation: cancellation))
      guard !settings.takesPicturesOnly || source.info.isStillPicture else {
        throw CommandFailure(
          .unreadable, "\(input.displayName): expected a picture, found a video (ferd annotate takes videos)")
      }
      try annotate(source, of: input, resultName: resultName, cancellation: cancellation)
    } catch let error as CaptureError where error.code == .cancelled {
      return
    } catch let error as CaptureError {
      var named = error
      named.input = input.displayName
      report(CommandFailure(wrapping: named)!)
    } catch let failure as CommandFailure {
      report(failure)
    } catch OutputError.failed(let destination, let problem) where settings.outputFolder != nil {
      report(CommandFailure(.inputOutput, "\(destination): \(problem)"))
    }
  }

  private func annotate(
    _ source: any FrameSource, of input: AnnotationInput, resultName: String, cancellation: CaptureCancellation
  ) throws {
    let file = try settings.outputFolder.map { try ResultFile(path: "\($0)/\(resultName)") }
    let writer =
      file.map { AnnotationWriter(encoder: settings.format.makeEncoder(), sink: $0) } ?? standardOutput
    let header = StreamHeader(
      version: Ferd.version, source: input.displayName, width: source.info.width, height: source.info.height,
      labels: engine.classifiers[0].labels, model: engine.modelName, bias: engine.classifiers[0].bias.factors,
      temperature: engine.classifiers[0].bias.temperature)
    var progress = ProgressBar(
      name: input.displayName, total: source.info.estimatedFrameCount,
      isWanted: !settings.isQuiet && !source.info.isStillPicture, resultsGoToStandardOutput: file == nil)
    defer { progress.finish() }
    let pipeline = AnnotationPipeline(
      finder: engine.finder, classifiers: engine.classifiers,
      reclassifyEvery: settings.reclassifyEvery, smoothingSeconds: settings.smoothingSeconds,
      cancellation: cancellation)
    var timings = Timings()
    let outcome = try pipeline.run(source: source, header: header, writer: writer) { done in
      progress.update(done: done)
      if settings.showsTimings { timings.note(frame: done) }
    }
    progress.finish()
    if settings.showsTimings { timings.show(outcome, of: input.displayName) }
    try conclude(outcome, of: input, file: file)
  }

  private func conclude(
    _ outcome: AnnotationPipeline.Outcome, of input: AnnotationInput, file: ResultFile?
  ) throws {
    if outcome.summary.reason == .signal {
      if let file { Diagnostics.note("interrupted: \(file.path) was not written") }
      return
    }
    try file?.finish()
    if let error = outcome.sourceError {
      report(CommandFailure(.inputOutput, "\(input.displayName): \(error.message)"))
    }
    if outcome.summary.frames == 0 {
      report(CommandFailure(.unreadable, "\(input.displayName): not one frame could be read"))
    } else if outcome.summary.decodeErrors > 0, !settings.isQuiet {
      Diagnostics.warning(
        "\(input.displayName): \(outcome.summary.decodeErrors) damaged parts; \(outcome.summary.frames) frames read"
      )
    }
  }

  private func report(_ failure: CommandFailure) {
    Diagnostics.error(failure.message)
    raise(to: failure.status)
  }

  private func raise(to other: ExitStatus) { status = max(status, other) }
}
