import Foundation

/// Finds model files: what the user named, an environment variable, or the models that come with ferd.
struct ModelLocator {
  /// Bundled ensemble, a folder with an `ensemble.json`.
  static let ensembleName = "default"
  /// Bundled face detector.
  static let detectorName = "detector.safetensors"

  var environment = ProcessInfo.processInfo.environment
  /// The running program's own file.
  var executable = Self.executablePath

  private static var executablePath: String {
    (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
  }

  /// Folders that may hold the bundled models, nearest first: `models/` beside or above the executable (a build
  /// inside the repository finds the repository's), then `share/ferd/models` of the same installation prefix.
  var bundledFolders: [String] {
    var folders: [String] = []
    var directory = URL(fileURLWithPath: executable).deletingLastPathComponent().standardizedFileURL
    let nearest = directory
    while true {
      folders.append(directory.appending(path: "models").path)
      guard directory.path != "/" else { break }
      directory = directory.deletingLastPathComponent()
    }
    folders.append(nearest.appending(path: "../share/ferd/models").standardizedFileURL.path)
    folders += ["/usr/local/share/ferd/models", "/usr/share/ferd/models"]
    return folders.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }

  /// - Throws: `CommandFailure` (66) where a model that the user named is not there.
  static func checkExistence(of path: String) throws {
    guard FileManager.default.fileExists(atPath: path) else {
      throw CommandFailure(.noSuchInput, "\(path): no such model")
    }
  }

  /// The bundled model of that name, if there is one.
  func bundled(_ name: String) -> String? {
    bundledFolders.lazy.map { "\($0)/\(name)" }.first { FileManager.default.fileExists(atPath: $0) }
  }

  /// - Parameters:
  ///   - given: what the user named on the command line.
  ///   - what: for the message, such as "model".
  ///   - option: for the message, such as `--model`.
  /// - Throws: `CommandFailure` (66) where the named file does not exist or no model is bundled.
  func path(
    given: String?, variable: String, bundledName: String, what: String, option: String
  ) throws -> String {
    let fromEnvironment = environment[variable].flatMap { $0.isEmpty ? nil : $0 }
    if let named = given ?? fromEnvironment {
      guard FileManager.default.fileExists(atPath: named) else {
        let origin = given == nil ? " (from \(variable))" : ""
        throw CommandFailure(.noSuchInput, "\(named)\(origin): no such \(what)")
      }
      return named
    }
    guard let path = bundled(bundledName) else {
      throw CommandFailure(
        .noSuchInput,
        "no bundled \(what) found in a models folder beside or above \(executable); name one with \(option)")
    }
    return path
  }
}
