import Pixels

/// The part of a picture in which a face is looked for again: a square around where it is expected, moved and cut so that
/// it lies in the picture, in whole pixels.
///
/// Small faces are shown to the network in the size that they have where it looks at the whole picture, so that it says
/// the same of them; large ones smaller.
struct DetectorRegion: Equatable {
  /// The network's input for a region in pixels; the face covers a good third of it, which is where it sees best.
  static let inputSize = 128
  /// Side of a region for each pixel of the face's longer side.
  static let sidePerFace: Float = 2.2
  /// Sides are multiples of this, so that the tables of resizing serve for many frames.
  static let step = 16

  let x: Int
  let y: Int
  let width: Int
  let height: Int

  /// - Parameters:
  ///   - face: where the face is expected, in pixels of the picture.
  ///   - scale: pixels of the picture for one of the input where the whole picture is looked at.
  init(around face: Rect, pictureWidth: Int, pictureHeight: Int, scale: Float) {
    let longSide = max(face.width, face.height)
    let wanted = longSide.isFinite ? min(max(Self.sidePerFace * longSide, 1), 1e6) : 1
    let smallest = Int((Float(Self.inputSize) * max(1, scale)).rounded())
    let side = max(smallest, (Int(wanted) + Self.step - 1) / Self.step * Self.step)
    width = min(side, pictureWidth)
    height = min(side, pictureHeight)
    func start(_ center: Float, length: Int, limit: Int) -> Int {
      let start = center - Float(length) / 2
      return start.isFinite ? Int(min(max(start, 0), Float(limit - length)).rounded()) : 0
    }
    x = start(face.center.x, length: width, limit: pictureWidth)
    y = start(face.center.y, length: height, limit: pictureHeight)
  }

  /// The samples of the region.
  func plane(of picture: LumaPlane) -> LumaPlane {
    LumaPlane(
      base: picture.base + y * picture.bytesPerRow + x, width: width, height: height,
      bytesPerRow: picture.bytesPerRow, range: picture.range)
  }
}
