public import Inference

/// What a network learns and keeps, as flat buffers: optimisers, averages and checkpoints run over them in one sweep.
///
/// Each parameter starts at a multiple of 16 values, so that vector instructions and oneDNN find it aligned; the values
/// between are zero and stay zero.
public final class ParameterStore {
  /// Where one parameter lies.
  public struct Slot: Sendable {
    /// Full name, as in the network's state dict.
    public let name: String
    public let shape: [Int]
    /// In values; into `values` and `gradients` where trainable, into `statistics` otherwise.
    public let offset: Int
    public let count: Int
    public let isTrainable: Bool
    /// False for biases and the parameters of batch norm: decaying those only shrinks outputs (He et al. 2018, 1812.01187).
    public let decays: Bool
  }

  public let slots: [Slot]
  /// All trainable parameters, in node order.
  public var values: UnsafeMutableBufferPointer<Float> { Self.floats(valueBuffer) }
  /// Where backward passes add up, laid out like `values`.
  public var gradients: UnsafeMutableBufferPointer<Float> { Self.floats(gradientBuffer) }
  /// Running means and variances.
  public var statistics: UnsafeMutableBufferPointer<Float> { Self.floats(statisticBuffer) }

  let valueBuffer: AlignedBuffer
  let gradientBuffer: AlignedBuffer
  let statisticBuffer: AlignedBuffer
  private let slotIndex: [String: Int]

  /// Room for the parameters of `spec`, initialised as torchvision's ResNet: convolutions normal with variance
  /// 2 / (outputs · kernel area) (He et al. 2015), linear layers uniform within 1 / √inputs, batch norm 1 and 0.
  ///
  /// A network from a file must have passed `ModelSpec.inferShapes` before.
  public init(spec: ModelSpec, seed: UInt64) {
    var slots: [Slot] = []
    var trainable = 0
    var kept = 0
    for node in spec.nodes {
      let isNormalisation = if case .batchNorm = node.layer { true } else { false }
      for parameter in node.layer.parameters {
        let offset = parameter.isTrainable ? trainable : kept
        slots.append(
          Slot(
            name: "\(node.name).\(parameter.name)", shape: parameter.shape, offset: offset,
            count: parameter.elementCount, isTrainable: parameter.isTrainable,
            decays: parameter.isTrainable && !isNormalisation && parameter.shape.count > 1))
        let padded = (parameter.elementCount + 15) / 16 * 16
        if parameter.isTrainable { trainable += padded } else { kept += padded }
      }
    }
    self.slots = slots
    slotIndex = Dictionary(uniqueKeysWithValues: slots.enumerated().map { ($1.name, $0) })
    valueBuffer = AlignedBuffer(byteCount: max(64, trainable * 4))
    gradientBuffer = AlignedBuffer(byteCount: max(64, trainable * 4))
    statisticBuffer = AlignedBuffer(byteCount: max(64, kept * 4))
    var random = RandomGenerator(seed: seed)
    for node in spec.nodes { initialise(node, random: &random) }
  }

  private func initialise(_ node: ModelSpec.Node, random: inout RandomGenerator) {
    switch node.layer {
    case .convolution(let spec):
      let area = spec.kernelSize.height * spec.kernelSize.width
      let deviation = (2 / Float(spec.outputChannels / spec.groups * area)).squareRoot()
      let weights = buffer("\(node.name).weight")
      for i in weights.indices { weights[i] = random.normal() * deviation }
    case .linear(let spec):
      let bound = 1 / Float(spec.inputFeatures).squareRoot()
      for parameter in node.layer.parameters {
        let values = buffer("\(node.name).\(parameter.name)")
        for i in values.indices { values[i] = random.uniform(-bound, bound) }
      }
    case .batchNorm:
      for name in ["weight", "running_var"] { buffer("\(node.name).\(name)").update(repeating: 1) }
    case .activation, .maxPool, .averagePool, .globalAveragePool, .upsample2x, .add, .multiply, .concat, .dropout,
      .stochasticDepth, .softmax:
      break
    }
  }

  /// The slot of a parameter, or nil where the network has none of that name.
  public func slot(_ name: String) -> Slot? { slotIndex[name].map { slots[$0] } }

  /// The current values of one parameter or statistic of the network.
  public func buffer(_ name: String) -> UnsafeMutableBufferPointer<Float> {
    guard let slot = slot(name) else { preconditionFailure("no parameter \(name)") }
    let all = slot.isTrainable ? values : statistics
    return UnsafeMutableBufferPointer(rebasing: all[slot.offset..<slot.offset + slot.count])
  }

  /// The gradient of one trainable parameter.
  public func gradient(_ name: String) -> UnsafeMutableBufferPointer<Float> {
    guard let slot = slot(name), slot.isTrainable else { preconditionFailure("no trainable parameter \(name)") }
    return UnsafeMutableBufferPointer(rebasing: gradients[slot.offset..<slot.offset + slot.count])
  }

  public func zeroGradients() { gradients.update(repeating: 0) }

  /// The state dict: all parameters and statistics by name.
  public func exportTensors() -> [String: Tensor] { exportTensors(values: values, statistics: statistics) }

  /// A state dict from buffers laid out like `values` and `statistics`, such as an average over time.
  func exportTensors(
    values: UnsafeMutableBufferPointer<Float>, statistics: UnsafeMutableBufferPointer<Float>
  ) -> [String: Tensor] {
    var tensors: [String: Tensor] = [:]
    for slot in slots {
      let all = slot.isTrainable ? values : statistics
      tensors[slot.name] = Tensor(shape: slot.shape, values: Array(all[slot.offset..<slot.offset + slot.count]))
    }
    return tensors
  }

  /// Takes over a state dict.
  /// - Throws: `InferenceError.parameter` for one that is missing or has another shape; nothing is changed then.
  ///   Tensors that the network does not have are ignored.
  public func load(_ tensors: [String: Tensor]) throws(InferenceError) {
    for slot in slots {
      guard let tensor = tensors[slot.name] else { throw .parameter(name: slot.name, "missing") }
      guard tensor.shape == slot.shape else {
        throw .parameter(name: slot.name, "expected shape \(slot.shape), got \(tensor.shape)")
      }
    }
    for slot in slots {
      _ = buffer(slot.name).update(fromContentsOf: tensors[slot.name]!.values)
    }
  }

  private static func floats(_ buffer: AlignedBuffer) -> UnsafeMutableBufferPointer<Float> {
    let count = buffer.byteCount / MemoryLayout<Float>.stride
    return UnsafeMutableBufferPointer(
      start: buffer.pointer.bindMemory(to: Float.self, capacity: count), count: count)
  }
}
