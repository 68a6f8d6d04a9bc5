import Foundation
import Training

/// The pictures that a search looks at, with what they truly show where that is known.
struct BiasPictures {
  var folder: URL
  /// Relative to the folder.
  var paths: [String]
  /// Position of the class of each; nil = unknown.
  var truth: [Int?]
  /// Of a folder that has parts.
  var part: DataSplit?

  var isTruthKnown: Bool { truth.allSatisfy { $0 != nil } }

  init(folder: URL, files: [PictureFile], part: DataSplit? = nil) {
    self.folder = folder
    paths = files.map(\.path)
    truth = files.map(\.label)
    self.part = part
  }

  private init(folder: URL, paths: [String]) {
    self.folder = folder
    self.paths = paths
    truth = Array(repeating: nil, count: paths.count)
  }

  /// Those in a folder: of one of its parts, in folders of classes, or else everywhere below it, of unknown class.
  ///
  /// - Throws: `CommandFailure` and `TrainingError` for folders that are not there, have no pictures or not the part.
  static func read(_ path: String, split: DataSplit?, labels: ClassLabels) throws -> BiasPictures {
    guard try FolderListing.hasClasses(path, labels: labels) else {
      if let split { throw CommandFailure(.wrongUsage, "\(path) has no parts, so no \(split.rawValue)") }
      return try flat(path)
    }
    let listing = try FolderListing.read(path, labels: labels, needsAllClasses: false)
    let part = try listing.part(split, path: path)
    return BiasPictures(folder: listing.folder, files: listing.splits[part ?? .train] ?? [], part: part)
  }

  private static func flat(_ path: String) throws -> BiasPictures {
    var paths: [String] = []
    for entry in InputExpansion.expand([RawPath(path)]) {
      guard case .input(let input) = entry, let relative = input.relativeToFolder else { continue }
      let name = relative.displayName
      let ending = name.split(separator: ".").last.map { $0.lowercased() } ?? ""
      guard InputExpansion.pictureExtensions.contains(ending) else { continue }
      guard relative.isValidUTF8 else {
        Diagnostics.warning("\(name) is left out: its name is not UTF-8")
        continue
      }
      paths.append(name)
    }
    guard !paths.isEmpty else { throw CommandFailure(.unreadable, "\(path): no picture in this folder") }
    return BiasPictures(folder: URL(fileURLWithPath: path), paths: paths)
  }

  /// Without those whose paths are in a list.
  mutating func exclude(_ excluded: Set<String>) {
    keep(paths.indices.filter { !excluded.contains(paths[$0]) })
  }

  /// Those at some positions alone.
  mutating func keep(_ positions: [Int]) {
    paths = positions.map { paths[$0] }
    truth = positions.map { truth[$0] }
  }

  /// - Throws: `CommandFailure` (65) for a class whose factor is to be judged by pictures that are not there.
  func check(classes: [Int], labels: [String], path: String) throws {
    guard let label = classes.first(where: { !truth.contains($0) }) else { return }
    throw CommandFailure(
      .unreadable,
      "\(path): no picture of the class \(labels[label]), so its factor cannot be judged; name the others with "
        + "--classes")
  }
}

extension FolderListing {
  /// The part that a command looks at: what was asked for, else validation, test or train; nil where there are none.
  ///
  /// - Throws: `CommandFailure` where there is no such part.
  func part(_ split: DataSplit?, path: String) throws -> DataSplit? {
    guard hasSplits else {
      if let split { throw CommandFailure(.wrongUsage, "\(path) has no parts, so no \(split.rawValue)") }
      return nil
    }
    let order: [DataSplit] = split.map { [$0] } ?? [.validation, .test, .train]
    guard let part = order.first(where: { splits[$0] != nil }) else {
      throw CommandFailure(.noSuchInput, "\(path) has no part \(order[0].rawValue)")
    }
    return part
  }
}
