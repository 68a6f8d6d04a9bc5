/// Why training or evaluation cannot start or go on.
public enum TrainingError: Error, Equatable, Sendable {
  /// A folder or file that is not there.
  case noSuchInput(path: String, String)
  /// Data that is there, but not as it must be.
  case invalidData(path: String, String)
  /// A checkpoint that is damaged, or belongs to another run.
  case invalidCheckpoint(path: String, String)
  /// Settings that contradict themselves or the data.
  case invalidSettings(String)
  /// Reading or writing failed on the way.
  case inputOutput(path: String, String)
  /// The loss left the range of numbers.
  case diverged(String)
}

extension TrainingError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .noSuchInput(let path, let problem), .invalidData(let path, let problem),
      .invalidCheckpoint(let path, let problem), .inputOutput(let path, let problem):
      "\(path): \(problem)"
    case .invalidSettings(let problem), .diverged(let problem): problem
    }
  }
}
