import Capture
import Foundation
import Pixels

/// The labelled pictures of a data folder.
public struct DetectorData: Sendable {
  /// The folder that holds `annotations.jsonl` and the pictures it names.
  public let folder: String
  public let annotations: [FaceAnnotation]

  /// - Parameter folder: holds `annotations.jsonl`, itself or in a folder `faces`.
  /// - Throws: `TrainingError`: `noSuchInput` where there is none, `invalidData` where it is damaged.
  public init(folder: String) throws {
    let candidates = [folder, folder + "/faces"]
    guard let found = candidates.first(where: { FileManager.default.fileExists(atPath: $0 + "/annotations.jsonl") })
    else {
      throw TrainingError.noSuchInput(
        path: folder, "expected a folder that holds annotations.jsonl, itself or in faces/")
    }
    self.folder = found
    annotations = try FaceAnnotation.read(
      jsonLines: try Self.contents(of: found + "/annotations.jsonl"), path: found + "/annotations.jsonl")
  }

  public var training: [FaceAnnotation] { annotations.filter { !$0.isValidation } }
  public var validation: [FaceAnnotation] { annotations.filter(\.isValidation) }

  /// Reads the pictures of the training part, one after the other on the calling thread.
  ///
  /// - Parameters:
  ///   - cropFolder: a folder of 48×48 face crops with a `landmarks.csv`, whose training part is used too.
  ///   - progress: called with the number of pictures read and their total.
  public func readLibrary(
    cropFolder: String?, progress: (Int, Int) -> Void = { _, _ in }
  ) throws -> DetectorLibrary {
    var wanted = training.map { (path: folder + "/" + $0.file, annotation: $0) }
    if let cropFolder {
      let path = cropFolder + "/landmarks.csv"
      guard let table = String(data: try Self.contents(of: path), encoding: .utf8) else {
        throw TrainingError.invalidData(path: path, "expected UTF-8")
      }
      let crops = try FaceAnnotation.read(
        cropTable: table, cropWidth: 48, cropHeight: 48, prefix: "train/", path: path)
      wanted += crops.map {
        var annotation = $0
        annotation.file = "crops/" + $0.file
        return (cropFolder + "/" + $0.file, annotation)
      }
    }
    let reader = PictureReader()
    var pictures: [(annotation: FaceAnnotation, image: LumaImage)] = []
    pictures.reserveCapacity(wanted.count)
    for (index, item) in wanted.enumerated() {
      let image = try reader.read(item.path)
      guard image.width == item.annotation.width, image.height == item.annotation.height else {
        throw TrainingError.invalidData(
          path: item.path,
          "expected \(item.annotation.width)x\(item.annotation.height), got \(image.width)x\(image.height)")
      }
      pictures.append((item.annotation, image))
      if index % 256 == 255 || index == wanted.count - 1 { progress(index + 1, wanted.count) }
    }
    return try DetectorLibrary(pictures)
  }

  private static func contents(of path: String) throws(TrainingError) -> Data {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw .noSuchInput(path: path, "expected a file that can be read")
    }
    return data
  }
}
