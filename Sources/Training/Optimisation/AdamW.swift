import Inference

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019, 1711.05101), in the form of `torch.optim.AdamW`.
public final class AdamW: Optimiser {
  public struct Settings: Codable, Equatable, Sendable {
    public var beta1: Float
    public var beta2: Float
    public var epsilon: Float
    /// Not applied to biases and batch norm.
    public var weightDecay: Float

    public init(beta1: Float = 0.9, beta2: Float = 0.999, epsilon: Float = 1e-8, weightDecay: Float = 1e-2) {
      self.beta1 = beta1
      self.beta2 = beta2
      self.epsilon = epsilon
      self.weightDecay = weightDecay
    }
  }

  public let settings: Settings
  public var stepCount = 0
  public var state: [(name: String, values: UnsafeMutableBufferPointer<Float>)] {
    [("mean", mean.values), ("square", square.values)]
  }
  private let store: ParameterStore
  private let mean: FlatBuffer
  private let square: FlatBuffer
  private let runs: [ParameterRun]

  /// - Parameter rateFactor: Scales the learning rate per parameter (layer-wise rates).
  public init(
    _ store: ParameterStore, settings: Settings = Settings(),
    rateFactor: (ParameterStore.Slot) -> Float = { _ in 1 }
  ) {
    self.store = store
    self.settings = settings
    mean = FlatBuffer(count: store.values.count)
    square = FlatBuffer(count: store.values.count)
    runs = ParameterRun.runs(store, rateFactor: rateFactor)
  }

  public func step(learningRate: Float) {
    stepCount += 1
    for run in runs {
      TensorKernels.adamW(
        store, mean: mean.values, square: square.values, range: run.range,
        learningRate: learningRate * run.rateFactor, settings: settings,
        weightDecay: run.decays ? settings.weightDecay : 0, step: stepCount)
    }
  }
}
