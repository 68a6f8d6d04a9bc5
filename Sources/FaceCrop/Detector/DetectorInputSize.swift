import Pixels

/// How a picture lies in the network's input: shrunk to `width` x `height` (shape kept within half a pixel) in the upper
/// left corner, padded on the right and at the bottom to multiples of the coarsest stride.
struct DetectorInputSize: Equatable {
  let width: Int
  let height: Int
  let paddedWidth: Int
  let paddedHeight: Int
  /// Pixels of the picture for one of the input.
  private let scaleX: Float
  private let scaleY: Float

  init(pictureWidth: Int, pictureHeight: Int, detectSize: Int, maximumEnlargement: Float, multiple: Int) {
    let longSide = max(pictureWidth, pictureHeight)
    let scale = min(Float(detectSize) / Float(longSide), maximumEnlargement)
    width = max(1, Int((Float(pictureWidth) * scale).rounded()))
    height = max(1, Int((Float(pictureHeight) * scale).rounded()))
    paddedWidth = (width + multiple - 1) / multiple * multiple
    paddedHeight = (height + multiple - 1) / multiple * multiple
    scaleX = Float(pictureWidth) / Float(width)
    scaleY = Float(pictureHeight) / Float(height)
  }

  func toPicture(_ face: DetectedFace) -> DetectedFace {
    func map(_ point: Point) -> Point { Point(x: point.x * scaleX, y: point.y * scaleY) }
    let (box, parts) = (face.box, face.landmarks)
    return DetectedFace(
      box: Rect(x: box.x * scaleX, y: box.y * scaleY, width: box.width * scaleX, height: box.height * scaleY),
      landmarks: FaceLandmarks(
        rightEye: map(parts.rightEye), leftEye: map(parts.leftEye), nose: map(parts.nose),
        rightMouthCorner: map(parts.rightMouthCorner), leftMouthCorner: map(parts.leftMouthCorner)),
      score: face.score)
  }
}
