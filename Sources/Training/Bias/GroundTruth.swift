public import Foundation
import Inference

/// Which emotion each picture of a folder shows: `{"v":1,"images":{"angry/1.png":"angry",…}}`.
public struct GroundTruth: Codable, Equatable, Sendable {
  /// Version of this format: 1.
  public var v = 1
  /// Names of classes by paths relative to the folder, with slashes.
  public var images: [String: String]

  public init(images: [String: String]) { self.images = images }

  /// The truth that the folders of a data set tell.
  public init(_ files: [PictureFile], labels: ClassLabels) {
    images = Dictionary(files.map { ($0.path, labels.names[$0.label]) }) { first, _ in first }
  }

  /// - Throws: `noSuchInput` and `invalidData`.
  public static func read(_ path: String) throws(TrainingError) -> GroundTruth {
    guard FileManager.default.fileExists(atPath: path) else {
      throw .noSuchInput(path: path, "no such file of ground truth")
    }
    let bytes = try FileAccess.read(path, limit: 1 << 30) { TrainingError.invalidData(path: path, $0) }
    let result: GroundTruth
    do {
      result = try JSONDecoder().decode(GroundTruth.self, fromForeign: Data(bytes))
    } catch {
      throw .invalidData(
        path: path, #"expected {"v":1,"images":{"angry/1.png":"angry",…}}: \#(Self.summary(error))"#)
    }
    guard result.v == 1 else { throw .invalidData(path: path, "expected version 1, found \(result.v)") }
    guard !result.images.isEmpty else { throw .invalidData(path: path, "names no picture") }
    return result
  }

  /// Writes the file as a whole or not at all.
  public func write(to path: String) throws(TrainingError) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    guard let bytes = try? encoder.encode(self) else { throw .inputOutput(path: path, "cannot be put as JSON") }
    try FileAccess.replace(path, with: [Array(bytes) + [0x0A]]) { TrainingError.inputOutput(path: path, $0) }
  }

  /// The pictures with the positions of their classes, sorted by their paths.
  ///
  /// - Parameters:
  ///   - folder: where the pictures lie.
  ///   - path: of the file with this truth, for messages.
  /// - Throws: `invalidData` for a class that is none of the labels and for a path that leads out of the folder,
  ///   `noSuchInput` for pictures that are not there.
  public func files(in folder: URL, labels: ClassLabels, path: String) throws(TrainingError) -> [PictureFile] {
    var files: [PictureFile] = []
    var missing: [String] = []
    for (picture, name) in images.sorted(by: { $0.key < $1.key }) {
      guard let label = labels.position(of: name) else {
        throw .invalidData(
          path: path, "\"\(picture)\" is \"\(name)\", which is none of \(labels.names.joined(separator: ", "))")
      }
      guard !picture.isEmpty, !picture.hasPrefix("/"), !picture.split(separator: "/").contains("..") else {
        throw .invalidData(path: path, "expected paths below the folder of the pictures, found \"\(picture)\"")
      }
      if !FileManager.default.fileExists(atPath: folder.appending(path: picture).path) { missing.append(picture) }
      files.append(PictureFile(path: picture, label: label))
    }
    guard missing.isEmpty else {
      let shown = missing.prefix(3).map { "\"\($0)\"" }.joined(separator: ", ")
      throw .noSuchInput(
        path: path,
        "names \(ReportText.count(missing.count, "picture")) that \(missing.count == 1 ? "is" : "are") not in "
          + "\(folder.path): \(shown)\(missing.count > 3 ? ", …" : "")")
    }
    return files
  }

  private static func summary(_ error: any Error) -> String {
    switch error {
    case DecodingError.keyNotFound(let key, _): "\"\(key.stringValue)\" is missing"
    case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
      "something else stands at \(context.codingPath.map(\.stringValue).joined(separator: "."))"
    case DecodingError.dataCorrupted: "no JSON"
    default: "\(error)"
    }
  }
}
