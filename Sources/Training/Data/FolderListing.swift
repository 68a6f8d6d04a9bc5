public import Foundation

/// The part of a data set that a picture belongs to.
public enum DataSplit: String, Codable, Sendable, CaseIterable {
  case train, validation, test
}

/// One picture file of a class.
public struct PictureFile: Equatable, Sendable {
  /// Relative to the data folder, with slashes.
  public var path: String
  /// Position among the labels.
  public var label: Int
}

/// The picture files of a data folder by split, in a fixed order.
///
/// Two layouts: `<folder>/<split>/<class>/*` with the splits `train`, `validation` (or `valid`, `val`) and `test`,
/// or `<folder>/<class>/*` without splits.
public struct FolderListing: Equatable, Sendable {
  public var folder: URL
  public var splits: [DataSplit: [PictureFile]]
  /// False where the classes lie directly in the folder: then all files are under `.train`.
  public var hasSplits: Bool
  /// What was left out, where that was allowed.
  public var unknownFolders: [UnknownFolder] = []

  /// A folder that is neither a class nor a part.
  public struct UnknownFolder: Equatable, Sendable {
    /// Relative to the data folder.
    public var path: String
    /// The part that it lies in; nil where it lies in the data folder itself.
    public var split: DataSplit?
    /// Files in it and below it.
    public var files: Int
  }

  private static let splitNames: [String: DataSplit] = [
    "train": .train, "training": .train, "validation": .validation, "valid": .validation, "val": .validation,
    "test": .test, "testing": .test,
  ]

  /// Lists a data folder. Hidden files, and plain files beside the class folders, are passed over.
  ///
  /// - Parameters:
  ///   - needsAllClasses: False where classes may be without pictures, as in an evaluation.
  ///   - output: A folder that is passed over wherever it lies, as that of a run: it is neither class nor picture. So are
  ///     folders around it that have no name of a class or split, and what a run makes there where it is the data folder.
  ///   - part: The only split to look into where there are some.
  ///   - leavesOutUnknown: True where folders that are neither split nor class are told in `unknownFolders` instead of
  ///     refused, as long as at least one class is known: other collections have other classes, too.
  /// - Throws: `noSuchInput` where there is no such folder; `invalidData` for a folder that is neither a split nor
  ///   a class, two folders of one class or split, and a class without a file.
  public static func read(
    _ path: String, labels: ClassLabels = .emotions, needsAllClasses: Bool = true, passingOver output: URL? = nil,
    leavesOutUnknown: Bool = false, part: DataSplit? = nil
  ) throws(TrainingError) -> FolderListing {
    let folder = URL(fileURLWithPath: path)
    let output = output.map { RunFolder(path: realPath($0)) }
    let names = try subfolders(of: folder, path: path, labels: labels, passingOver: output)
    guard !names.isEmpty else { throw .invalidData(path: path, "has no folders; expected one per class or split") }
    var listing = FolderListing(folder: folder, splits: [:], hasSplits: true)
    guard names.contains(where: { splitNames[$0.lowercased()] != nil }) else {
      let known = try listing.known(
        names, in: nil, prefix: "", labels: labels, leavesOutUnknown: leavesOutUnknown, path: path)
      listing.splits[.train] = try classes(
        in: folder, prefix: "", names: known, labels: labels, needsAllClasses: needsAllClasses, output: output,
        path: path)
      listing.hasSplits = false
      return listing
    }
    for name in names {
      guard let split = splitNames[name.lowercased()] else {
        guard leavesOutUnknown else {
          throw .invalidData(
            path: path, "the folder \"\(name)\" is no split; beside \(splitList(names)) only splits may lie")
        }
        listing.leaveOut(name, of: nil)
        continue
      }
      guard listing.splits[split] == nil else {
        throw .invalidData(path: path, "two folders of the split \(split)")
      }
      guard part == nil || part == split else {
        listing.splits[split] = []
        continue
      }
      let inner = folder.appending(path: name)
      let known = try listing.known(
        try subfolders(of: inner, path: inner.path, labels: labels, passingOver: output), in: split,
        prefix: "\(name)/", labels: labels, leavesOutUnknown: leavesOutUnknown, path: inner.path)
      listing.splits[split] = try classes(
        in: inner, prefix: "\(name)/", names: known, labels: labels, needsAllClasses: needsAllClasses,
        output: output, path: inner.path)
    }
    return listing
  }

  /// Those of some folders that are classes.
  ///
  /// - Throws: `invalidData` for another folder, unless such may be left out and there is a class beside them.
  private mutating func known(
    _ names: [String], in split: DataSplit?, prefix: String, labels: ClassLabels, leavesOutUnknown: Bool,
    path: String
  ) throws(TrainingError) -> [String] {
    let known = names.filter { labels.position(of: $0) != nil }
    let unknown = names.filter { labels.position(of: $0) == nil }
    if let first = unknown.first, !leavesOutUnknown || known.isEmpty {
      throw .invalidData(
        path: path, "the folder \"\(first)\" is no class; the classes are \(labels.names.joined(separator: ", "))")
    }
    for name in unknown { leaveOut(prefix + name, of: split) }
    return known
  }

  private mutating func leaveOut(_ name: String, of split: DataSplit?) {
    let place = folder.appending(path: name)
    var isDirectory: ObjCBool = false
    let files = ((try? FileManager.default.subpathsOfDirectory(atPath: place.path)) ?? []).count {
      let path = place.appending(path: $0).path
      return !($0.split(separator: "/").last?.hasPrefix(".") ?? true)
        && FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && !isDirectory.boolValue
    }
    unknownFolders.append(UnknownFolder(path: name, split: split, files: files))
  }

  /// Whether a folder is arranged in one of the two ways: whether some folder in it is a split or a class.
  ///
  /// - Throws: `noSuchInput`; `invalidData` for what is no folder.
  public static func hasClasses(_ path: String, labels: ClassLabels = .emotions) throws(TrainingError) -> Bool {
    try subfolders(of: URL(fileURLWithPath: path), path: path, labels: labels, passingOver: nil).contains {
      isKnown($0, labels: labels)
    }
  }

  private static func splitList(_ names: [String]) -> String {
    names.filter { splitNames[$0.lowercased()] != nil }.map { "\"\($0)\"" }.joined(separator: ", ")
  }

  /// - Parameter names: Of folders that are classes.
  private static func classes(
    in folder: URL, prefix: String, names: [String], labels: ClassLabels, needsAllClasses: Bool, output: RunFolder?,
    path: String
  ) throws(TrainingError) -> [PictureFile] {
    var files: [[PictureFile]?] = Array(repeating: nil, count: labels.count)
    for name in names {
      let label = labels.position(of: name)!
      guard files[label] == nil else {
        throw .invalidData(path: path, "two folders of the class \(labels.names[label])")
      }
      let inner = folder.appending(path: name)
      // Asked once, as it takes a while, and not for each of many pictures.
      let hidden = output.flatMap { $0.lies(in: inner) ? $0 : nil }
      files[label] = try contents(of: inner)
        .filter { !$0.hasPrefix(".") && !(hidden?.lies(in: inner.appending(path: $0)) ?? false) }
        .map { PictureFile(path: "\(prefix)\(name)/\($0)", label: label) }
    }
    for (label, list) in files.enumerated() where needsAllClasses && list?.isEmpty ?? true {
      throw .invalidData(
        path: path,
        "the class \(labels.names[label]) \(list == nil ? "has no folder" : "is empty"); every class needs pictures"
      )
    }
    let all = files.flatMap { $0 ?? [] }
    guard !all.isEmpty else { throw .invalidData(path: path, "has no pictures in folders of classes") }
    return all
  }

  /// A run's folder among the pictures.
  private struct RunFolder {
    /// Without symbolic links.
    var path: String

    /// Whether it lies in some place, or is it.
    func lies(in place: URL) -> Bool { (path + "/").hasPrefix(realPath(place) + "/") }
  }

  /// What runs make in their folders.
  private static let runFolderNames: Set<String> = ["report", "pretrain"]

  /// Without symbolic links, as far as the folders are there.
  private static func realPath(_ place: URL) -> String {
    var place = place.standardizedFileURL
    var names: [String] = []
    while !FileManager.default.fileExists(atPath: place.path), place.path != "/" {
      names.append(place.lastPathComponent)
      place.deleteLastPathComponent()
    }
    return ([place.resolvingSymlinksInPath().path] + names.reversed()).joined(separator: "/")
  }

  /// Whether a folder of that name is a split or a class.
  private static func isKnown(_ name: String, labels: ClassLabels) -> Bool {
    splitNames[name.lowercased()] != nil || labels.position(of: name) != nil
  }

  private static func subfolders(
    of folder: URL, path: String, labels: ClassLabels, passingOver output: RunFolder?
  ) throws(TrainingError) -> [String] {
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: folder.path, isDirectory: &isDirectory) else {
      throw .noSuchInput(path: path, "no such folder")
    }
    guard isDirectory.boolValue else {
      throw .invalidData(path: path, "is no folder; expected one folder per class")
    }
    let isRunFolder = output.map { $0.path == realPath(folder) } ?? false
    return try contents(of: folder).filter { name in
      guard !name.hasPrefix(".") else { return false }
      let place = folder.appending(path: name)
      if let output, output.lies(in: place), !isKnown(name, labels: labels) || realPath(place) == output.path {
        return false
      }
      if isRunFolder, runFolderNames.contains(name), !isKnown(name, labels: labels) { return false }
      return FileManager.default.fileExists(atPath: place.path, isDirectory: &isDirectory) && isDirectory.boolValue
    }
  }

  /// Sorted, so that a run does not depend on the order in which the file system tells names.
  private static func contents(of folder: URL) throws(TrainingError) -> [String] {
    do {
      return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    } catch {
      throw .inputOutput(path: folder.path, "cannot be listed: \(error.localizedDescription)")
    }
  }
}

extension FolderListing {
  /// What a training run uses: a listing without splits becomes a seeded, stratified 80/10/10; one without
  /// `validation` gives a seeded, stratified tenth of `train` to it.
  ///
  /// A class of at least three files has at least one in each part.
  public func splitForTraining(seed: UInt64) throws(TrainingError) -> FolderListing {
    guard let all = splits[.train] else {
      throw .invalidData(path: folder.path, "has no train folder")
    }
    guard splits[.validation] == nil else { return self }
    let parts: [DataSplit] = hasSplits ? [.validation] : [.validation, .test]
    var result = self
    for split in [.train] + parts { result.splits[split] = [] }
    for (label, files) in Dictionary(grouping: all, by: \.label).sorted(by: { $0.key < $1.key }) {
      guard files.count > parts.count else {
        // What the user calls the class.
        let name = files[0].path.split(separator: "/").dropLast().last ?? ""
        throw .invalidData(
          path: folder.path,
          "the class \"\(name)\" has \(ReportText.count(files.count, "picture")); \(parts.count + 1) parts "
            + "(\((["train"] + parts.map(\.rawValue)).joined(separator: ", "))) need at least \(parts.count + 1)")
      }
      var random = RandomGenerator(seed: seed, stream: 0x5350_4C49_5400 + UInt64(label))
      let shuffled = files.shuffled(using: &random)
      let share = max(1, Int((Double(files.count) / 10).rounded()))
      for (index, split) in parts.enumerated() {
        result.splits[split]! += shuffled[index * share..<(index + 1) * share].sorted { $0.path < $1.path }
      }
      result.splits[.train]! += shuffled[(parts.count * share)...].sorted { $0.path < $1.path }
    }
    result.hasSplits = true
    return result
  }

  /// Without the files whose relative paths `excluded` holds.
  public func excluding(_ excluded: Set<String>) -> FolderListing {
    var result = self
    result.splits = splits.mapValues { files in files.filter { !excluded.contains($0.path) } }
    return result
  }
}
