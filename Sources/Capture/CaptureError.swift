/// Why nothing (more) can come from a source.
public struct CaptureError: Error, Equatable, Sendable {
  public enum Code: Sendable {
    /// No such file, host or device.
    case noSuchInput
    /// It is there, but not one frame or picture can be read from it.
    case unreadable
    /// A device that is busy, gone or forbidden.
    case deviceUnavailable
    /// Reading or writing failed on the way.
    case inputOutput
    /// Somebody asked for the end before the first frame came.
    case cancelled
  }

  public var code: Code
  /// The input as the user gave it.
  public var input: String
  /// What was expected and what came.
  public var message: String

  public init(_ code: Code, input: String, _ message: String) {
    self.code = code
    self.input = input
    self.message = message
  }
}

extension CaptureError: CustomStringConvertible {
  public var description: String { "\(input.isEmpty ? "\"\"" : input): \(message)" }
}
