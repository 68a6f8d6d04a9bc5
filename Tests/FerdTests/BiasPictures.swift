import Foundation

/// Crops on which the test classifier calls "neutral" what is a little happy: it says "happy" from a difference of 31
/// between left and right half on, and pictures are happy from 16 on.
struct BiasPictures {
  /// Differences of the happy pictures: 16 to 45.
  static let happy = (0..<60).map { 16 + $0 / 2 }
  /// And of the neutral ones: -7 to 14.
  static let neutral = (0..<66).map { $0 / 3 - 7 }

  let folder: TemporaryFolder
  let models: TestModels
  var data: String { folder.path("data") }

  /// - Parameters:
  ///   - prefix: of the class folders, such as a part.
  init(prefix: String = "") throws {
    folder = try TemporaryFolder()
    models = try TestModels(folder: folder.url)
    for (name, differences) in [("happy", Self.happy), ("neutral", Self.neutral)] {
      for (index, difference) in differences.enumerated() {
        try write(difference, to: "data/\(prefix)\(name)/\(String(format: "%03d", index)).pgm", mark: index)
      }
    }
  }

  /// - Parameter mark: makes the file another one than those with the same difference.
  func write(_ difference: Int, to path: String, mark: Int = 0) throws {
    let file = folder.url.appending(path: path)
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    let pixels = (0..<48 * 48).map { UInt8($0 % 48 < 24 ? 100 + difference : 100) }
    try Data(Array("P5\n# \(mark)\n48 48\n255\n".utf8) + pixels).write(to: file)
  }

  /// `ferd tune-bias` with the ensemble, without gnuplot (unless `draws`), in the folder's own cache.
  ///
  /// - Parameter output: name of the output folder.
  func run(
    _ more: String..., output: String = "bias", model: String? = nil, draws: Bool = false
  ) throws -> FerdProcess.Result {
    try run(more, output: output, model: model, draws: draws)
  }

  func run(
    _ more: [String], output: String = "bias", model: String? = nil, draws: Bool = false
  ) throws -> FerdProcess.Result {
    try FerdProcess.run(arguments(more, output: output, model: model), environment: environment(draws: draws))
  }

  func arguments(_ more: [String], output: String = "bias", model: String? = nil) -> [String] {
    [
      "tune-bias", "--model", model ?? models.ensemble, "--precision", "f32", "--threads", "2", "--output-dir",
      folder.path(output),
    ] + more
  }

  /// The folder's own cache.
  func environment(draws: Bool = false) -> [String: String] {
    let cache = ["XDG_CACHE_HOME": folder.path("cache")]
    return draws ? cache : cache.merging(["PATH": "/nowhere"]) { $1 }
  }

  func contents(_ path: String) throws -> Data { try Data(contentsOf: folder.url.appending(path: path)) }
}
