/// Why lines cannot be served.
public enum SinkError: Error, Equatable, Sendable {
  /// An address that cannot be one.
  case invalidAddress(String, String)
  /// Somebody else serves there.
  case addressInUse(String, String)
  /// The system refused.
  case failed(String, String)
}

extension SinkError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .invalidAddress(let address, let problem), .addressInUse(let address, let problem),
      .failed(let address, let problem):
      "\(address): \(problem)"
    }
  }
}
