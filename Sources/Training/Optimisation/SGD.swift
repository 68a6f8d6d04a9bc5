import Inference

/// Stochastic gradient descent with Nesterov momentum, in the form of `torch.optim.SGD`.
public final class SGD: Optimiser {
  public struct Settings: Codable, Equatable, Sendable {
    public var momentum: Float
    /// Not applied to biases and batch norm.
    public var weightDecay: Float

    public init(momentum: Float = 0.9, weightDecay: Float = 5e-4) {
      self.momentum = momentum
      self.weightDecay = weightDecay
    }
  }

  public let settings: Settings
  public var stepCount = 0
  public var state: [(name: String, values: UnsafeMutableBufferPointer<Float>)] { [("velocity", velocity.values)] }
  private let store: ParameterStore
  private let velocity: FlatBuffer
  private let runs: [ParameterRun]

  /// - Parameter rateFactor: Scales the learning rate per parameter (layer-wise rates).
  public init(
    _ store: ParameterStore, settings: Settings = Settings(),
    rateFactor: (ParameterStore.Slot) -> Float = { _ in 1 }
  ) {
    self.store = store
    self.settings = settings
    velocity = FlatBuffer(count: store.values.count)
    runs = ParameterRun.runs(store, rateFactor: rateFactor)
  }

  public func step(learningRate: Float) {
    stepCount += 1
    for run in runs {
      TensorKernels.sgd(
        store, velocity: velocity.values, range: run.range, learningRate: learningRate * run.rateFactor,
        momentum: settings.momentum, weightDecay: run.decays ? settings.weightDecay : 0)
    }
  }
}
