import Foundation

/// The gnuplot program, which draws the pictures of reports.
public struct Gnuplot: Sendable {
  /// Why there is no picture.
  struct Failure: Error, Equatable, CustomStringConvertible {
    var description: String
  }

  /// Of the program's file.
  public let path: String
  /// Seconds that one picture may take.
  public var timeLimit = 60.0

  public init(path: String) { self.path = path }

  /// The `gnuplot` of the search path, if there is one.
  public static func find() -> Gnuplot? {
    find(searchPath: ProcessInfo.processInfo.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin")
  }

  /// - Parameter searchPath: Folders with colons between them.
  static func find(searchPath: String) -> Gnuplot? {
    for folder in searchPath.split(separator: ":") {
      // A relative entry would be another program in every folder.
      guard folder.hasPrefix("/") else { continue }
      let path = "\(folder)/gnuplot"
      var isDirectory: ObjCBool = false
      if FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), !isDirectory.boolValue,
        FileManager.default.isExecutableFile(atPath: path)
      {
        return Gnuplot(path: path)
      }
    }
    return nil
  }

  /// Runs a script that lies in a folder, in that folder.
  ///
  /// - Returns: The SVG that it prints.
  func draw(_ scriptFile: String, in folder: URL) throws(Failure) -> String {
    // `-d` passes over the user's own settings; a fixed locale keeps the decimal point.
    let outcome = ChildProcess.run(
      path, arguments: ["-d", "-e", "cd \(ReportText.gnuplot(path: folder.path))", scriptFile],
      environment: ["LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin"], seconds: timeLimit)
    switch outcome {
    case .failed(let problem): throw Failure(description: "\(path) \(problem)")
    case .timedOut:
      throw Failure(description: "\(path) did not end within \(ReportText.general(timeLimit)) seconds")
    case .killed(let signal): throw Failure(description: "\(path) was ended by signal \(signal)")
    case .ended(let status, let output, let errors):
      let told = Self.summary(errors)
      guard status == 0 else {
        throw Failure(description: "\(path) ended with status \(status)\(told.isEmpty ? "" : ": \(told)")")
      }
      let text = String(decoding: output, as: UTF8.self)
      guard text.contains("</svg>") else {
        throw Failure(description: "\(path) drew nothing\(told.isEmpty ? "" : ": \(told)")")
      }
      return text
    }
  }

  /// What it told on standard error, in one line without the script that it repeats.
  private static func summary(_ errors: [UInt8]) -> String {
    let lines = String(decoding: errors, as: UTF8.self).split(whereSeparator: \.isNewline)
      .map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty && $0 != "^" }
    return ReportText.shortened(ReportText.printable(lines.suffix(3).joined(separator: "; ")), to: 400)
  }

  /// Such as `gnuplot 5.4 patchlevel 4`; nil where it does not say.
  var version: String? {
    guard
      case .ended(0, let output, _) = ChildProcess.run(
        path, arguments: ["--version"], environment: ["LC_ALL=C.UTF-8"], seconds: 10)
    else { return nil }
    let text = String(decoding: output, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    return text.isEmpty ? nil : text
  }
}
