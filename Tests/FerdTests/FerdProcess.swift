import Foundation
import TestSupport

/// The real program as a process.
enum FerdProcess {
  struct Result {
    /// Exit status; 128 + the signal's number where a signal ended it.
    var status: Int32
    var output: Data
    var errors: String

    /// Lines of JSON on standard output.
    var lines: [String] { String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init) }

    func objects() throws -> [ParsedJSON] { try lines.map { try ParsedJSON.parse($0) } }
  }

  /// Built beside the tests.
  static let executable = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent().appending(path: "ferd")

  /// Starts it.
  static func start(
    _ arguments: [String], input: Any? = nil, output: Any, errors: Any, environment: [String: String] = [:]
  ) throws -> Process {
    let process = Process()
    process.executableURL = executable
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = input ?? FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    return process
  }

  /// Runs it to its end. What it prints goes through files, so that no pipe can fill up.
  static func run(
    _ arguments: [String], input: URL? = nil, environment: [String: String] = [:]
  ) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appending(path: "run-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let (output, errors) = (folder.appending(path: "output"), folder.appending(path: "errors"))
    for file in [output, errors] { try Data().write(to: file) }
    let process = try start(
      arguments, input: try input.map { try FileHandle(forReadingFrom: $0) },
      output: try FileHandle(forWritingTo: output), errors: try FileHandle(forWritingTo: errors),
      environment: environment)
    process.waitUntilExit()
    return Result(
      status: status(of: process), output: try Data(contentsOf: output),
      errors: String(decoding: try Data(contentsOf: errors), as: UTF8.self))
  }

  static func status(of process: Process) -> Int32 {
    process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus
  }
}

/// A new, empty folder that goes with its last reference.
final class TemporaryFolder: Sendable {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appending(path: "ferd-\(UUID().uuidString)").standardizedFileURL
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func path(_ name: String) -> String { url.appending(path: name).path }

  /// Names of everything in it, hidden files too, sorted.
  var contents: [String] {
    ((try? FileManager.default.subpathsOfDirectory(atPath: url.path)) ?? []).sorted()
  }
}
