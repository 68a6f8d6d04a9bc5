import ArgumentParser
import Capture
import Inference
import Training
import Pipeline

/// The documented exit statuses; the numbers of `sysexits.h`, and 128 + the signal's number.
enum ExitStatus: Int32, Comparable {
  case done = 0
  case wrongUsage = 64
  /// Not one frame or picture could be read, or another file is damaged.
  case unreadable = 65
  case noSuchInput = 66
  case deviceUnavailable = 69
  /// A bug in ferd.
  case internalError = 70
  case inputOutput = 74
  case interrupted = 130
  case terminated = 143

  static func < (left: ExitStatus, right: ExitStatus) -> Bool { left.rawValue < right.rawValue }

  init(_ code: CaptureError.Code) {
    switch code {
    case .noSuchInput: self = .noSuchInput
    case .unreadable: self = .unreadable
    case .deviceUnavailable: self = .deviceUnavailable
    case .inputOutput: self = .inputOutput
    // Only signals cancel; which one it was is known where they are handled.
    case .cancelled: self = .interrupted
    }
  }

  init(_ error: SinkError) {
    switch error {
    case .invalidAddress: self = .wrongUsage
    case .addressInUse: self = .deviceUnavailable
    case .failed: self = .inputOutput
    }
  }

  init(_ error: TrainingError) {
    switch error {
    case .noSuchInput: self = .noSuchInput
    case .invalidData, .invalidCheckpoint: self = .unreadable
    case .invalidSettings, .diverged: self = .wrongUsage
    case .inputOutput: self = .inputOutput
    }
  }
}

/// Ends the program with a message and a documented status.
struct CommandFailure: Error, Equatable {
  var status: ExitStatus
  var message: String

  init(_ status: ExitStatus, _ message: String) {
    self.status = status
    self.message = message
  }

  /// What an error of a module below means to the caller of the program; nil for errors that are none of ours.
  init?(wrapping error: any Error) {
    switch error {
    case let failure as CommandFailure: self = failure
    case let error as CaptureError: self.init(ExitStatus(error.code), error.description)
    case let error as InferenceError: self.init(.unreadable, error.description)
    case let error as OutputError: self.init(.inputOutput, error.description)
    case let error as SinkError: self.init(ExitStatus(error), error.description)
    case let error as TrainingError: self.init(ExitStatus(error), error.description)
    default: return nil
    }
  }
}
