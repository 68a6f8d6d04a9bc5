import FaceCrop
public import Inference

/// Everything that a detector's training depends on besides the pictures; part of the model's record.
public struct DetectorRecipe: Codable, Equatable, Sendable {
  /// Governs initial weights and all drawing of samples.
  public var seed: UInt64 = 1
  /// Sides of a training canvas in pixels: multiples of 64.
  public var canvasWidth = 256
  public var canvasHeight = 256
  public var batchSize = 32
  /// Every second step's canvases, where given. A network that has seen one small size only takes the distance to the
  /// canvas's edge for granted: on larger inputs its coarsest level then raises false alarms far from all edges.
  public var alternateCanvas: Canvas?
  /// Steps of the whole run; the learning rate falls to 0 over them.
  public var steps = 24_000
  public var warmUpSteps = 400
  public var learningRate: Float = 2.5e-3
  public var weightDecay: Float = 1e-2
  /// Of the averaged weights that are evaluated and stored.
  public var averagingDecay: Float = 0.998
  public var maximumGradientNorm: Float = 10
  /// Of activations and their gradients; a resumed run keeps that with which it began.
  public var precision = Precision.fastest

  /// How often a background holds pasted pieces without faces: where only faces are ever pasted, any small patch that
  /// stands out, such as a logo, becomes one. 0 to 1.
  public var distractorShare: Float? = 0.5

  /// How often a canvas is a crowd of small faces. 0 to 1.
  public var crowdShare: Float? = 0.12
  /// How often another canvas is one photograph at about its own size: what stands in it has the surroundings that it has in
  /// use. 0 to 1.
  public var wholeShare: Float? = 0.35
  /// How often a face is one of the few that look aside. 0 to 1.
  public var turnedShare: Float? = 0.2
  /// How much of a large face's greater number of cells the loss takes back, 0 to 1; see `DetectorTargets`.
  public var faceBalance: Float? = 0.5
  /// How often a face is rolled by up to 37° rather than by up to 11° or not at all. 0 to 1.
  public var rollShare: Float? = 0.45

  /// Size and number of the canvases of a step.
  public struct Canvas: Codable, Equatable, Sendable {
    public var width: Int
    public var height: Int
    public var batchSize: Int

    public init(width: Int, height: Int, batchSize: Int) {
      self.width = width
      self.height = height
      self.batchSize = batchSize
    }
  }

  public init() { alternateCanvas = Canvas(width: 512, height: 384, batchSize: 11) }

  /// The sizes that steps take in turn.
  public var canvases: [Canvas] {
    let first = Canvas(width: canvasWidth, height: canvasHeight, batchSize: batchSize)
    return alternateCanvas.map { [first, $0] } ?? [first]
  }

  func canvas(atStep step: Int) -> Canvas { canvases[step % canvases.count] }

  /// - Throws: `TrainingError.invalidSettings` that names what does not make sense.
  public func validate() throws(TrainingError) {
    let multiple = FaceDetectorSpec.inputMultiple
    for canvas in canvases {
      guard canvas.width > 0, canvas.height > 0, canvas.width % multiple == 0, canvas.height % multiple == 0,
        canvas.width <= 2048, canvas.height <= 2048
      else {
        throw .invalidSettings(
          "expected canvas sides that are multiples of \(multiple) up to 2048, got \(canvas.width)x\(canvas.height)"
        )
      }
      guard 1...1024 ~= canvas.batchSize else {
        throw .invalidSettings("expected a batch size from 1 to 1024, got \(canvas.batchSize)")
      }
    }
    guard steps > 0, 0...steps ~= warmUpSteps else {
      throw .invalidSettings("expected steps and no more warm-up steps than those, got \(steps), \(warmUpSteps)")
    }
    guard learningRate > 0, learningRate.isFinite, weightDecay >= 0, weightDecay.isFinite else {
      throw .invalidSettings("expected a positive learning rate, got \(learningRate), \(weightDecay)")
    }
    for (name, share) in [
      ("distractors", distractorShare), ("crowds", crowdShare), ("whole photographs", wholeShare),
      ("rolled faces", rollShare), ("turned faces", turnedShare), ("balance", faceBalance),
    ] {
      guard 0...1 ~= share ?? 0 else {
        throw .invalidSettings("expected a share of \(name) from 0 to 1, got \(share ?? 0)")
      }
    }
    guard averagingDecay >= 0, averagingDecay < 1 else {
      throw .invalidSettings("expected an averaging decay from 0 to below 1, got \(averagingDecay)")
    }
  }
}

extension CanvasComposer {
  init(library: DetectorLibrary, canvas: DetectorRecipe.Canvas, recipe: DetectorRecipe) {
    self.init(
      library: library, width: canvas.width, height: canvas.height,
      paddingValue: UInt8((FaceDetectorSpec.inputMean * 255).rounded()),
      distractorShare: recipe.distractorShare ?? 0, crowdShare: recipe.crowdShare ?? 0,
      wholeShare: recipe.wholeShare ?? 0, turnedShare: recipe.turnedShare ?? 0,
      rollShare: recipe.rollShare ?? Self.usualRollShare)
  }
}
