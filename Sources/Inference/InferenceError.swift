/// What can go wrong between a model file and its results.
public enum InferenceError: Error, Equatable, Sendable {
  /// A network that contradicts itself; `node` is the place.
  case invalidModel(node: String, String)
  /// A file that cannot be read or is no model file.
  case unreadableFile(path: String, String)
  /// A parameter that is missing, unexpected or of the wrong shape or type.
  case parameter(name: String, String)
  /// oneDNN refused an operation.
  case backend(operation: String, status: String)
}

extension InferenceError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .invalidModel(let node, let problem): "the network is not valid at \"\(node)\": \(problem)"
    case .unreadableFile(let path, let problem): "\(path): \(problem)"
    case .parameter(let name, let problem): "parameter \"\(name)\": \(problem)"
    case .backend(let operation, let status): "oneDNN: \(operation): \(status)"
    }
  }
}
