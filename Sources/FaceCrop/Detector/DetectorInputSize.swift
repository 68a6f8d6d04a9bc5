/// How a picture lies in the network's input: shrunk to `width` x `height` (shape kept within half a pixel) in the upper
/// left corner, padded on the right and at the bottom to multiples of the coarsest stride.
///
/// A picture that must be shrunk anyway is shrunk by up to 8 % more where that saves much padding: 640x360 becomes 448x252
/// in 448x256 instead of 480x270 in 512x320, which takes 30 % less time.
struct DetectorInputSize: Equatable {
  let width: Int
  let height: Int
  let paddedWidth: Int
  let paddedHeight: Int
  /// Pixels of the picture for one of the input.
  private let scaleX: Float
  private let scaleY: Float

  init(pictureWidth: Int, pictureHeight: Int, detectSize: Int, maximumEnlargement: Float, multiple: Int) {
    func padded(_ length: Int) -> Int { (length + multiple - 1) / multiple * multiple }
    func size(_ scale: Float) -> (width: Int, height: Int) {
      (max(1, Int((Float(pictureWidth) * scale).rounded())), max(1, Int((Float(pictureHeight) * scale).rounded())))
    }
    let longSide = max(pictureWidth, pictureHeight)
    let wanted = min(Float(detectSize) / Float(longSide), maximumEnlargement)
    var best = size(wanted)
    if wanted < 1 {
      let area = padded(best.width) * padded(best.height)
      var bestArea = area - area * 15 / 100
      for (length, picture) in [(best.width, pictureWidth), (best.height, pictureHeight)] {
        let scale = Float(length / multiple * multiple) / Float(picture)
        let other = size(scale)
        guard scale >= 0.92 * wanted, padded(other.width) * padded(other.height) <= bestArea else { continue }
        best = other
        bestArea = padded(other.width) * padded(other.height)
      }
    }
    (width, height) = best
    paddedWidth = padded(width)
    paddedHeight = padded(height)
    scaleX = Float(pictureWidth) / Float(width)
    scaleY = Float(pictureHeight) / Float(height)
  }

  func toPicture(_ face: DetectedFace) -> DetectedFace { face.scaled(x: scaleX, y: scaleY) }
}
