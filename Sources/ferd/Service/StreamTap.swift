import Pipeline
import Threads

/// Looks at the lines on their way to the sinks, for those who want to know whether the stream is alive.
final class StreamTap: LiveOutput {
  private struct State {
    var frames = 0
    /// In the latest frame.
    var faces = 0
    /// Of the source: lost, tried again, back.
    var events = 0
    var note = ""
    var hello: [UInt8]?

    var status: String {
      "\(frames) frames, \(faces) \(faces == 1 ? "face" : "faces") now" + (note.isEmpty ? "" : "; \(note)")
    }
  }

  private let target: any LiveOutput
  private let state = Guarded(State())

  init(_ target: any LiveOutput) { self.target = target }

  func publish(_ line: BroadcastLine) {
    state.withLock { state in
      switch line.kind {
      case .hello: state.hello = line.bytes
      case .frame:
        state.frames += 1
        state.faces = line.faceCount
        state.note = ""
      case .gap, .end: break
      }
    }
    target.publish(line)
  }

  /// The line that holds now, with which every reader begins.
  var hello: [UInt8]? { state.withLock { $0.hello } }

  /// Something happened to the source. It counts as progress: whoever tries again does not hang.
  func noteSourceEvent(_ note: String) {
    state.withLock {
      $0.events += 1
      $0.note = note
    }
  }

  var observation: ServiceReport.Observation {
    state.withLock { state in
      ServiceReport.Observation(frames: state.frames, progress: state.frames + state.events, status: state.status)
    }
  }
}
