public import Pixels

/// For pictures that are face crops already: one face that fills the picture, without a detector.
public final class WholePictureFinder: FaceFinder {
  public init() {}

  public func beginStream(isStillPicture: Bool, frameRate: Double?) {}

  public func findFaces(
    in luma: LumaPlane, timeNanoseconds: Int64, into faces: inout [FaceAnnotation]
  ) throws {
    faces.append(
      FaceAnnotation(
        track: 1, box: Rect(x: 0, y: 0, width: Float(luma.width), height: Float(luma.height)), detectionScore: 1,
        landmarks: nil))
  }
}
