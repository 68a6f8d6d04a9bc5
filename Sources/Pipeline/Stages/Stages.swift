import Glibc
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
  /// Factors of the classes, in the order of the labels.
  var biasFactors: [Float] { get }
  /// The correction's temperature; 1 = none.
  var biasTemperature: Float { get }
  /// Appends the probabilities of each face, `[faces, labels]`, to `probabilities`.
  func classify(_ faces: [FaceAnnotation], in luma: LumaPlane, into probabilities: inout [Float]) throws
}

extension FaceClassifier {
  public var biasTemperature: Float { 1 }
}

/// Multiplies one face's probabilities, with the exponent 1 / `temperature`, by the classes' factors and scales them to
/// sum to 1.
func applyBias(_ factors: [Float], temperature: Float = 1, to values: inout [Float], range: Range<Int>) {
  // Relative to the highest one, so that no power of it vanishes.
  if temperature != 1, let highest = values[range].max(), highest > 0, highest.isFinite {
    for index in range { values[index] = powf(values[index] / highest, 1 / temperature) }
  }
  var sum: Float = 0
  for (offset, factor) in factors.enumerated() {
    values[range.lowerBound + offset] *= factor
    sum += values[range.lowerBound + offset]
  }
  // A sum of 0 comes of probabilities too small for their factors; then nothing speaks for any class.
  guard sum > 0, sum.isFinite else {
    for index in range { values[index] = 1 / Float(range.count) }
    return
  }
  for index in range { values[index] /= sum }
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
