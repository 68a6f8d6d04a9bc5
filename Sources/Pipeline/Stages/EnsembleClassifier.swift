import FaceCrop
public import Inference
public import Pixels

/// Cuts faces out of frames, each member's way, and lets an ensemble classify them.
public final class EnsembleClassifier: FaceClassifier {
  private let ensemble: EmotionEnsemble
  /// By member.
  private let geometries: [CropGeometry]
  private let normalisations: [Normalisation]
  public let bias: BiasCorrection

  public var labels: [String] { ensemble.labels }

  /// - Parameter bias: replaces the ensemble's own correction; nil keeps that one.
  /// - Throws: `InferenceError` where a member's crop geometry cannot be understood or its input is not square.
  public init(ensemble: EmotionEnsemble, bias: BiasCorrection? = nil) throws(InferenceError) {
    self.ensemble = ensemble
    self.bias = bias ?? ensemble.bias
    var geometries: [CropGeometry] = []
    for member in ensemble.members {
      guard member.inputHeight == member.inputWidth else {
        throw .invalidModel(
          node: ModelSpec.inputName,
          "crops are square, \(member.file) takes \(member.inputWidth)x\(member.inputHeight)")
      }
      // A network that tells nothing was most likely trained on FER2013.
      geometries.append(try CropGeometry(of: member.record, model: member.spec.name) ?? .fer2013)
    }
    self.geometries = geometries
    normalisations = ensemble.members.map(\.record.normalisation)
  }

  public func prepare() throws { try ensemble.prepare() }

  public func classify(
    _ faces: [FaceAnnotation], in luma: LumaPlane, into probabilities: inout [Float]
  ) throws {
    try classify(faces, in: luma, averagingFlips: false, into: &probabilities)
  }

  /// - Parameter averagingFlips: True = the mean of each face and its mirror image, at twice the time.
  public func classify(
    _ faces: [FaceAnnotation], in luma: LumaPlane, averagingFlips: Bool, into probabilities: inout [Float]
  ) throws(InferenceError) {
    var start = 0
    while start < faces.count {
      let count = min(maximumCount, faces.count - start)
      for offset in 0..<count { place(faces[start + offset], of: luma, at: offset) }
      try run(count: count, averagingFlips: averagingFlips, into: &probabilities)
      start += count
    }
  }

  /// How many faces one run can take.
  public var maximumCount: Int { ensemble.maximumCount }

  /// Cuts out a face for the next run; those of one run may be from different pictures.
  ///
  /// - Parameter index: below `maximumCount`.
  public func place(_ face: FaceAnnotation, of luma: LumaPlane, at index: Int) {
    for (member, (geometry, normalisation)) in zip(ensemble.members, zip(geometries, normalisations)) {
      member.withInput(index) { input in
        draw(
          face, of: luma, geometry: geometry, normalisation: normalisation, size: member.inputWidth, into: input)
      }
    }
  }

  /// Appends the probabilities of the first `count` faces that were placed, `[count, labels]`.
  public func run(
    count: Int, averagingFlips: Bool = false, into probabilities: inout [Float]
  ) throws(InferenceError) {
    try ensemble.run(count: count, averagingFlips: averagingFlips, appendingTo: &probabilities)
  }

  private func draw(
    _ face: FaceAnnotation, of luma: LumaPlane, geometry: CropGeometry, normalisation: Normalisation, size: Int,
    into input: UnsafeMutableBufferPointer<Float>
  ) {
    if let landmarks = face.landmarks {
      FaceCropper.crop(
        luma, face: DetectedFace(box: face.box, landmarks: landmarks, score: face.detectionScore),
        geometry: geometry, size: size, normalisation: normalisation, into: input)
    } else {
      // The picture is the crop.
      let side = Float(size)
      let toPicture = AffineTransform(
        a: face.box.width / side, b: 0, tx: face.box.x, c: 0, d: face.box.height / side, ty: face.box.y)
      luma.warp(toPicture, width: size, height: size, normalisation: normalisation, into: input)
    }
  }
}
