public import Pixels

/// Cuts faces out of pictures: the one place where a network's input comes from, live and in training.
public enum FaceCropper {
  /// Draws a face's crop.
  ///
  /// The crop is taken from the unclipped box; outside the picture its outermost samples go on.
  ///
  /// - Parameters:
  ///   - size: of the crop in pixels, both sides.
  ///   - destination: receives `size * size` normalised values, row by row.
  public static func crop(
    _ plane: LumaPlane, face: DetectedFace, geometry: CropGeometry, size: Int, normalisation: Normalisation,
    into destination: UnsafeMutableBufferPointer<Float>
  ) {
    plane.warp(
      transform(face, geometry: geometry, size: size), width: size, height: size, normalisation: normalisation,
      into: destination)
  }

  /// The map from pixels of the crop to pixels of the picture; an augmentation may be put before it.
  public static func transform(_ face: DetectedFace, geometry: CropGeometry, size: Int) -> AffineTransform {
    precondition(size > 0, "a crop of \(size) pixels")
    let scale = 1 / Float(size)
    return AffineTransform(a: scale, b: 0, tx: 0, c: 0, d: scale, ty: 0).then(geometry.cropToPicture(face))
  }
}
