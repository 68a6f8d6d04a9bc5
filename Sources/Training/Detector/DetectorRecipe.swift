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
  /// Steps of the whole run; the learning rate falls to 0 over them.
  public var steps = 24_000
  public var warmUpSteps = 400
  public var learningRate: Float = 2.5e-3
  public var weightDecay: Float = 1e-2
  /// Of the averaged weights that are evaluated and stored.
  public var averagingDecay: Float = 0.998
  public var maximumGradientNorm: Float = 10
  /// Of activations and their gradients.
  public var precision = Precision.bf16

  public init() {}

  /// - Throws: `TrainingError.invalidSettings` that names what does not make sense.
  public func validate() throws(TrainingError) {
    let multiple = FaceDetectorSpec.inputMultiple
    guard canvasWidth > 0, canvasHeight > 0, canvasWidth % multiple == 0, canvasHeight % multiple == 0,
      canvasWidth <= 2048, canvasHeight <= 2048
    else {
      throw .invalidSettings(
        "expected canvas sides that are multiples of \(multiple) up to 2048, got \(canvasWidth)x\(canvasHeight)")
    }
    guard 1...1024 ~= batchSize else {
      throw .invalidSettings("expected a batch size from 1 to 1024, got \(batchSize)")
    }
    guard steps > 0, 0...steps ~= warmUpSteps else {
      throw .invalidSettings("expected steps and no more warm-up steps than those, got \(steps), \(warmUpSteps)")
    }
    guard learningRate > 0, learningRate.isFinite, weightDecay >= 0, weightDecay.isFinite else {
      throw .invalidSettings("expected a positive learning rate, got \(learningRate), \(weightDecay)")
    }
    guard averagingDecay >= 0, averagingDecay < 1 else {
      throw .invalidSettings("expected an averaging decay from 0 to below 1, got \(averagingDecay)")
    }
  }
}

extension CanvasComposer {
  init(library: DetectorLibrary, recipe: DetectorRecipe) {
    self.init(
      library: library, width: recipe.canvasWidth, height: recipe.canvasHeight,
      paddingValue: UInt8((FaceDetectorSpec.inputMean * 255).rounded()))
  }
}
