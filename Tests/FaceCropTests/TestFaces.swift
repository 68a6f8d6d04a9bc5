import FaceCrop
import Pixels

/// A face of FER2013's average proportions in a square box.
func makeFace(x: Float, y: Float, size: Float, score: Float = 0.9) -> DetectedFace {
  func at(_ u: Float, _ v: Float) -> Point { Point(x: x + u * size, y: y + v * size) }
  return DetectedFace(
    box: Rect(x: x, y: y, width: size, height: size),
    landmarks: FaceLandmarks(
      rightEye: at(0.31, 0.38), leftEye: at(0.67, 0.40), nose: at(0.47, 0.59), rightMouthCorner: at(0.33, 0.76),
      leftMouthCorner: at(0.63, 0.76)),
    score: score)
}
