import Capture
import Inference
import Pixels

/// Pictures of the data in a report.
enum ReportPictures {
  /// Longest side in pixels; larger pictures are reduced.
  static let sizeLimit = 160

  /// Writes a small grey PNG of a picture.
  ///
  /// - Returns: Its bytes.
  static func thumbnail(of path: String, writtenTo target: String) throws(TrainingError) -> [UInt8] {
    do throws(CaptureError) {
      try writePicture(reduced(try PictureReader().read(path)), to: target)
    } catch {
      throw .inputOutput(path: path, error.message)
    }
    return try FileAccess.read(target) { TrainingError.inputOutput(path: target, $0) }
  }

  static func reduced(_ image: LumaImage) -> LumaImage {
    let longest = max(image.width, image.height)
    guard longest > sizeLimit else { return image }
    let width = max(1, image.width * sizeLimit / longest)
    let height = max(1, image.height * sizeLimit / longest)
    var result = LumaImage(width: width, height: height)
    withUnsafeTemporaryAllocation(of: Float.self, capacity: width * height) { scratch in
      scratch.initialize(repeating: 0)
      image.withPlane {
        Resizer().resize(
          $0, toWidth: width, height: height, normalisation: .none, into: scratch, destinationWidth: width)
      }
      for index in scratch.indices { result.pixels[index] = UInt8(min(255, max(0, scratch[index].rounded()))) }
    }
    return result
  }
}
