public import Inference
public import Pixels

/// Finds the faces of a stream's frames, one after the other, and follows them. Used by one thread at a time.
public protocol FaceFinder: AnyObject {
  /// Starts a new stream: tracks count from 1 again.
  ///
  /// - Parameters:
  ///   - isStillPicture: no further frame will confirm or deny what the first one shows.
  ///   - frameRate: frames per second; nil where nobody knows.
  func beginStream(isStillPicture: Bool, frameRate: Double?) throws
  /// Appends the faces of the next frame to `faces`, in its pixels; its size may differ from that of the one before.
  ///
  /// - Parameter timeNanoseconds: of the frame, on the stream's own clock.
  func findFaces(in luma: LumaPlane, timeNanoseconds: Int64, into faces: inout [FaceAnnotation]) throws
}

/// Tells the emotions of faces. Used by one thread at a time.
public protocol FaceClassifier: AnyObject {
  /// Names of the classes, in the order of every score vector.
  var labels: [String] { get }
  /// Comes after smoothing over time; the classifier does not apply it.
  var bias: BiasCorrection { get }
  /// Makes ready for any number of faces, so that the first ones take no longer than any others.
  func prepare() throws
  /// Appends the probabilities of each face, `[faces, labels]`, to `probabilities`.
  func classify(_ faces: [FaceAnnotation], in luma: LumaPlane, into probabilities: inout [Float]) throws
}

extension FaceClassifier {
  public func prepare() {}
}

/// Makes sure that one face's values are probabilities: whatever a damaged network gives, no NaN reaches the output.
func normaliseProbabilities(_ values: inout [Float], range: Range<Int>) {
  var sum: Float = 0
  var isValid = true
  for index in range {
    if !(values[index] >= 0) { isValid = false }
    sum += values[index]
  }
  guard isValid, sum.isFinite, sum > 1e-6 else {
    for index in range { values[index] = 1 / Float(range.count) }
    return
  }
  guard abs(sum - 1) > 1e-5 else { return }
  for index in range { values[index] /= sum }
}
