public import Foundation

/// Where the data for training and testing lies: `$FERD_DATA`, or `../shared/data` beside the repository.
public enum TestData {
  /// The repository's top level.
  public static let repository = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// nil where the data is absent; tests that need it then skip visibly.
  public static let directory: URL? = {
    let path = ProcessInfo.processInfo.environment["FERD_DATA"]
    let url =
      path.map { URL(fileURLWithPath: $0) } ?? repository.appending(path: "../shared/data").standardizedFileURL
    return FileManager.default.fileExists(atPath: url.path) ? url : nil
  }()
}
