import Foundation

/// One thing that is wrong with a configuration, and where.
struct ConfigurationProblem: Error, Equatable, Sendable, CustomStringConvertible {
  enum Place: Equatable, Sendable {
    /// nil where it is about the file as a whole.
    case file(String, line: Int?)
    case environment(variable: String)
    case option(String)
    /// What came of all of them.
    case configuration
  }

  var place: Place
  var text: String

  var description: String {
    switch place {
    case .file(let path, let line?): "\(path):\(line): \(text)"
    case .file(let path, nil): "\(path): \(text)"
    case .environment(let variable): "\(variable): \(text)"
    case .option(let option): "\(option): \(text)"
    case .configuration: text
    }
  }
}

/// A configuration that cannot be used, with everything that is wrong.
struct ConfigurationRejection: Error, Equatable, Sendable {
  var status: ExitStatus
  /// Not empty; those of the file in the order of its lines.
  var problems: [ConfigurationProblem]

  init(_ problems: [ConfigurationProblem], status: ExitStatus? = nil) {
    self.problems = problems
    let isFromFile = problems.contains { if case .file = $0.place { true } else { false } }
    self.status = status ?? (isFromFile ? .unreadable : .wrongUsage)
  }
}
