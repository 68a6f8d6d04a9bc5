public import Inference
public import Pixels

extension FaceDetector {
  /// Sizes of the looks of `detectThoroughly`, as multiples of that of `detect`, and how many times smaller pictures are
  /// enlarged for them at most.
  private static let looks: [(scale: Float, enlargement: Float)] = [
    (7.0 / 8, 1), (1, 1), (7.0 / 6, 2), (4.0 / 3, 2),
  ]
  /// What a single look must give to a face for it to count there.
  private static let lowestLookScore: Float = 0.05

  /// Replaces `faces` by the faces of a picture that nothing comes after, the surest first, in its pixels.
  ///
  /// It looks at four sizes, and the scores are means of all. That finds more small faces and errs less often than `detect`,
  /// in five times the time.
  public func detectThoroughly(in plane: LumaPlane, into faces: inout [DetectedFace]) throws(InferenceError) {
    faces.removeAll(keepingCapacity: true)
    vote.removeAll()
    for (scale, enlargement) in Self.looks {
      candidates.removeAll(keepingCapacity: true)
      let size = inputSize(
        of: plane, detectSize: Int((Float(options.detectSize) * scale).rounded()),
        maximumEnlargement: options.maximumEnlargement * enlargement)
      try collectCandidates(
        in: plane, size: size, threshold: min(scoreThreshold, Self.lowestLookScore), resizer: resizer)
      lookFaces.removeAll(keepingCapacity: true)
      suppression.reduce(&candidates, limit: options.maximumFaces, into: &lookFaces)
      vote.add(lookFaces)
    }
    vote.write(threshold: scoreThreshold, limit: options.maximumFaces, into: &faces)
  }
}
