/// Why no more lines can be written.
public enum OutputError: Error, Equatable, Sendable {
  /// The reader of the lines closed its end: nobody wants more, which is no failure.
  case readerGone
  /// Writing to `destination` failed.
  case failed(destination: String, String)
}

extension OutputError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .readerGone: "the reader of the output went away"
    case .failed(let destination, let problem): "\(destination): \(problem)"
    }
  }
}
