public import Inference
public import Pixels

/// Finds faces in luma planes.
///
/// Not thread-safe: one for each thread. Nothing is allocated while the size of the pictures stays the same.
public final class FaceDetector {
  public struct Options: Equatable, Sendable {
    /// The picture is shrunk until its long side has so many pixels (see `DetectorInputSize`). Faces are found from 16
    /// pixels at that size. 32 or more.
    ///
    /// 480 and not less, so that the small faces of a room or a stage in ordinary video are found (`docs/results.md`);
    /// smaller pictures are taken as they are.
    public var detectSize = 480
    /// Small pictures may be enlarged so many times to reach `detectSize`; 1 = never.
    public var maximumEnlargement: Float = 1
    /// Faces less sure than this are not told; nil = what the model's record says (`scoreThreshold(of:)`), else ½.
    public var scoreThreshold: Float?
    /// Two boxes with more intersection over union than this are taken for one face.
    public var overlapThreshold: Float = 0.4
    /// Boxes of one face that overlap so much are averaged; above 1 = never.
    public var mergeOverlap: Float = 0.6
    /// At most so many faces in one picture, the surest.
    public var maximumFaces = 256
    public var precision = Precision.f32
    /// Threads inside the network.
    public var threads = 1
    /// Compiled networks that are kept, one for each input size; the one used longest ago goes first.
    public var planLimit = 8

    public init() {}
  }

  public let options: Options
  private let spec: ModelSpec
  private let weights: [String: Tensor]
  private let prepared = PreparedWeights()
  private let normalisation: Normalisation
  private let levels: [FaceBoxCoding]
  let inputMultiple: Int
  let scoreThreshold: Float
  let suppression: Suppression
  let resizer = Resizer()
  /// For parts of pictures.
  var regionResizers = ResizerCache(limit: 8)
  private var plans: [CachedPlan] = []
  private var useCount = 0
  var candidates: [DetectedFace] = []
  /// Of still pictures, which it looks at more than once.
  var vote: LookVote
  var lookFaces: [DetectedFace] = []

  /// - Parameters:
  ///   - spec: usually `FaceDetectorSpec.model()`: each output is a level as `FaceBoxCoding` describes it.
  ///   - weights: the parameters by their full names.
  /// - Throws: `InferenceError` where the network is no such detector or parameters are missing.
  public init(
    spec: ModelSpec, weights: [String: Tensor],
    normalisation: Normalisation = Normalisation(
      mean: FaceDetectorSpec.inputMean, standardDeviation: FaceDetectorSpec.inputStandardDeviation),
    options: Options = Options()
  ) throws(InferenceError) {
    precondition(
      options.detectSize >= 32 && options.maximumEnlargement >= 1 && options.planLimit > 0 && options.threads > 0,
      "detector options \(options)")
    self.options = options
    self.spec = spec
    self.weights = weights
    self.normalisation = normalisation
    levels = try Self.levels(of: spec)
    inputMultiple = max(FaceDetectorSpec.inputMultiple, levels.lazy.map(\.stride).max() ?? 0)
    scoreThreshold = options.scoreThreshold ?? 0.5
    vote = LookVote(overlap: options.overlapThreshold)
    suppression = Suppression(overlap: options.overlapThreshold, mergeOverlap: options.mergeOverlap)
    candidates.reserveCapacity(1024)
    // A broken model is told when it is loaded, not at its first picture.
    plans.append(try makePlan(height: inputMultiple, width: inputMultiple))
  }

  /// The detector of a model file, whose record tells how its input is normalised and which score is enough.
  public convenience init(model: ModelFile, options: Options = Options()) throws(InferenceError) {
    var options = options
    options.scoreThreshold = options.scoreThreshold ?? Self.scoreThreshold(of: model)
    try self.init(
      spec: model.spec, weights: model.tensors, normalisation: model.record.normalisation, options: options)
  }

  /// The threshold that was chosen when the detector was evaluated: `threshold` in its record's metrics, where that is a
  /// number from 0 to 1.
  public static func scoreThreshold(of model: ModelFile) -> Float? {
    guard case .number(let value) = model.record.metrics?["threshold"], value > 0, value < 1 else { return nil }
    return Float(value)
  }

  /// Replaces `faces` by the faces of a picture, the surest first, in its pixels. Boxes may reach beyond it.
  public func detect(in plane: LumaPlane, into faces: inout [DetectedFace]) throws(InferenceError) {
    faces.removeAll(keepingCapacity: true)
    candidates.removeAll(keepingCapacity: true)
    try collectCandidates(in: plane, size: inputSize(of: plane), resizer: resizer)
    suppression.reduce(&candidates, limit: options.maximumFaces, into: &faces)
  }

  func inputSize(of plane: LumaPlane) -> DetectorInputSize {
    inputSize(of: plane, detectSize: options.detectSize, maximumEnlargement: options.maximumEnlargement)
  }

  func inputSize(of plane: LumaPlane, detectSize: Int, maximumEnlargement: Float) -> DetectorInputSize {
    DetectorInputSize(
      pictureWidth: plane.width, pictureHeight: plane.height, detectSize: detectSize,
      maximumEnlargement: maximumEnlargement, multiple: inputMultiple)
  }

  /// Appends what the network sees in a plane, in its pixels, overlapping boxes and all.
  ///
  /// - Parameter threshold: of their scores; nil = that of `detect`.
  func collectCandidates(
    in plane: LumaPlane, size: DetectorInputSize, threshold: Float? = nil, resizer: Resizer
  ) throws(InferenceError) {
    let index = try planIndex(for: size)
    fillInput(of: &plans[index], from: plane, size: size, resizer: resizer)
    let plan = plans[index].plan
    try plan.run()
    let logit = FaceBoxCoding.logit(score: threshold ?? scoreThreshold)
    for (level, coding) in levels.enumerated() {
      let shape = plan.outputShape(level)
      plan.withOutput(level) { collect($0, from: logit, shape: shape, coding: coding, size: size) }
    }
  }

  private func fillInput(
    of cached: inout CachedPlan, from plane: LumaPlane, size: DetectorInputSize, resizer: Resizer
  ) {
    let needsPadding = cached.filledWidth != size.width || cached.filledHeight != size.height
    cached.filledWidth = size.width
    cached.filledHeight = size.height
    cached.plan.withInput { input in
      if needsPadding { input.update(repeating: FaceDetectorSpec.inputPadding) }
      resizer.resize(
        plane, toWidth: size.width, height: size.height, normalisation: normalisation, into: input,
        destinationWidth: size.paddedWidth)
    }
  }

  private func collect(
    _ output: UnsafeBufferPointer<Float>, from logitThreshold: Float, shape: FeatureShape, coding: FaceBoxCoding,
    size: DetectorInputSize
  ) {
    for position in 0..<shape.height * shape.width where output[position] >= logitThreshold {
      let face = coding.decode(
        output, rows: shape.height, columns: shape.width, row: position / shape.width,
        column: position % shape.width)
      let mapped = size.toPicture(face)
      // A network with damaged weights can say anything.
      if mapped.isFinite { candidates.append(mapped) }
    }
  }
}

// MARK: - Compiled networks by input size

extension FaceDetector {
  private struct CachedPlan {
    let plan: InferencePlan
    let height: Int
    let width: Int
    /// The part of the input that the last picture covered; the rest holds padding.
    var filledWidth = 0
    var filledHeight = 0
    var lastUse = 0
  }

  private func makePlan(height: Int, width: Int) throws(InferenceError) -> CachedPlan {
    let plan = try InferencePlan(
      spec: spec, weights: weights, batchSize: 1, inputHeight: height, inputWidth: width,
      precision: options.precision, threads: options.threads, sharing: prepared)
    return CachedPlan(plan: plan, height: height, width: width)
  }

  private func planIndex(for size: DetectorInputSize) throws(InferenceError) -> Int {
    useCount += 1
    var index = plans.firstIndex { $0.height == size.paddedHeight && $0.width == size.paddedWidth }
    if index == nil {
      if plans.count >= options.planLimit {
        plans.remove(at: plans.indices.min { plans[$0].lastUse < plans[$1].lastUse }!)
      }
      plans.append(try makePlan(height: size.paddedHeight, width: size.paddedWidth))
      index = plans.count - 1
    }
    plans[index!].lastUse = useCount
    return index!
  }

  /// The levels of a network, from the shapes of its outputs.
  private static func levels(of spec: ModelSpec) throws(InferenceError) -> [FaceBoxCoding] {
    guard spec.inputChannels == 1 else {
      throw .invalidModel(
        node: ModelSpec.inputName, "a detector takes one channel, this one \(spec.inputChannels)")
    }
    // Large enough for every stride to show.
    let side = 1024
    let shapes = try spec.inferShapes(inputHeight: side, inputWidth: side)
    var levels: [FaceBoxCoding] = []
    for output in spec.outputs {
      let shape = shapes[output]!
      guard shape.channels == FaceBoxCoding.channels, shape.height == shape.width, side % shape.height == 0 else {
        throw .invalidModel(
          node: output,
          "a detector's level has \(FaceBoxCoding.channels) channels and cells that divide the input, this is \(shape)"
        )
      }
      levels.append(FaceBoxCoding(stride: side / shape.height))
    }
    return levels
  }
}

extension DetectedFace {
  var isFinite: Bool {
    box.x.isFinite && box.y.isFinite && box.width.isFinite && box.height.isFinite
      && landmarks.rightEye.isFinite && landmarks.leftEye.isFinite && landmarks.nose.isFinite
      && landmarks.rightMouthCorner.isFinite && landmarks.leftMouthCorner.isFinite && score.isFinite
  }
}

extension Point {
  fileprivate var isFinite: Bool { x.isFinite && y.isFinite }
}
