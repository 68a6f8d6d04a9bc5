public import Inference

/// An average of parameters and running statistics over the steps of a training, newer ones counting more. It
/// generalises better than the last step's values, most of all while the learning rate is high.
public final class ExponentialMovingAverage {
  /// Share that an update leaves of the old average, once warmed up.
  public let decay: Float
  /// Updates so far; a resumed run sets it.
  public var updateCount = 0
  /// Buffers by name that a checkpoint must keep.
  public var state: [(name: String, values: UnsafeMutableBufferPointer<Float>)] {
    [("average", values.values), ("averageStatistics", statistics.values)]
  }
  private let store: ParameterStore
  private let values: FlatBuffer
  private let statistics: FlatBuffer

  /// Starts at the store's present content.
  public init(_ store: ParameterStore, decay: Float) {
    self.store = store
    self.decay = decay
    values = FlatBuffer(count: store.values.count)
    statistics = FlatBuffer(count: store.statistics.count)
    _ = values.values.update(fromContentsOf: store.values)
    _ = statistics.values.update(fromContentsOf: store.statistics)
  }

  /// Takes in the store's present content. The decay rises with the first updates, (1 + n) / (10 + n), so that the
  /// random start is soon forgotten.
  public func update() {
    let warm = (1 + Float(updateCount)) / (10 + Float(updateCount))
    updateCount += 1
    let share = 1 - min(decay, warm)
    TensorKernels.average(store.values, into: values.values, share: share)
    TensorKernels.average(store.statistics, into: statistics.values, share: share)
  }

  /// The averaged network as a state dict.
  public func exportTensors() -> [String: Tensor] {
    store.exportTensors(values: values.values, statistics: statistics.values)
  }
}
