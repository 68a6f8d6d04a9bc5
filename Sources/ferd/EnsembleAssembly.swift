public import ArgumentParser
import Foundation
public import Inference

/// Puts model files together in an ensemble folder.
struct EnsembleAssembly {
  /// Made where it does not exist; its name becomes the ensemble's. Nothing else in it is touched.
  var folder: String
  /// Paths of model files, each with `=weight` where it is not 1.
  var members: [String]
  var storage: Safetensors.Storage

  /// - Throws: `CommandFailure` or `InferenceError` for members that do not belong together; then nothing is written.
  func run() throws {
    var parts: [(file: String, weight: Float, model: ModelFile)] = []
    let sources = try members.map { try Self.parse($0) }
    for ((path, weight), file) in zip(sources, try Self.names(of: sources.map(\.path))) {
      try ModelLocator.checkExistence(of: path)
      let model = try ModelFile.read(from: path)
      guard !model.record.labels.isEmpty else {
        throw CommandFailure(.wrongUsage, "\(path): a network without labels cannot be a member")
      }
      if let first = parts.first, Set(first.model.record.labels) != Set(model.record.labels) {
        throw CommandFailure(
          .wrongUsage,
          "\(path): expected the labels \(first.model.record.labels) as in \(first.file), got \(model.record.labels)"
        )
      }
      parts.append((file, weight, model))
    }
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw CommandFailure(.inputOutput, "\(folder): cannot be made: \(error.localizedDescription)")
    }
    for part in parts { try part.model.write(to: "\(folder)/\(part.file)", storage: storage) }
    // The description last: until it is there, or names the new checksums, the folder is refused as a whole.
    try EnsembleDescription(
      name: URL(fileURLWithPath: folder).standardizedFileURL.lastPathComponent, folder: folder,
      members: parts.map { ($0.file, $0.weight) }, labels: parts[0].model.record.labels
    ).write(toFolder: folder)
  }

  /// What the members' files are called in the ensemble: their own names, or those of their folders where names repeat,
  /// as every training run calls its model the same.
  static func names(of paths: [String]) throws -> [String] {
    let files = paths.map { URL(fileURLWithPath: $0).standardizedFileURL }
    let names = files.map(\.lastPathComponent)
    let result = files.map { file in
      let name = file.lastPathComponent
      guard names.count(where: { $0 == name }) > 1 else { return name }
      return "\(file.deletingLastPathComponent().lastPathComponent).\(file.pathExtension)"
    }
    for (index, name) in result.enumerated() where result[..<index].contains(name) {
      throw CommandFailure(
        .wrongUsage, "two members are called \(name); copy one to a file of another name")
    }
    return result
  }

  /// The path and the weight of `file` or `file=weight`.
  static func parse(_ member: String) throws -> (path: String, weight: Float) {
    guard let sign = member.lastIndex(of: "="), !FileManager.default.fileExists(atPath: member) else {
      return (member, 1)
    }
    let text = member[member.index(after: sign)...]
    guard let weight = Float(text), weight > 0, weight.isFinite else {
      throw CommandFailure(.wrongUsage, "\(member): expected a positive weight after =, got \"\(text)\"")
    }
    return (String(member[..<sign]), weight)
  }
}

extension Safetensors.Storage: ExpressibleByArgument {}
