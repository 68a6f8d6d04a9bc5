public import Inference

/// Whether batch statistics and dropout are at work.
public enum GraphMode: Sendable {
  /// Batch norm takes the batch's statistics and updates the running ones; dropout drops.
  case train
  /// Batch norm takes the running statistics; dropout does nothing.
  case eval
}

/// A network for one batch and input size that computes results and gradients.
///
/// Everything is allocated when it is made; passes allocate nothing. Make and run it on the same thread.
public final class TrainableGraph {
  public let spec: ModelSpec
  public let parameters: ParameterStore
  public let batchSize: Int
  public let precision: Precision
  /// Shapes of the outputs, per picture.
  public let outputShapes: [FeatureShape]
  /// What the network reads: dense `[batchSize, channels, height, width]`.
  public let input: UnsafeMutableBufferPointer<Float>
  /// The gradient of the input after a backward pass, where it was asked for; laid out like `input`.
  public var inputGradient: UnsafeMutableBufferPointer<Float>? { dInput?.floats }

  private let threads: Int
  private let stream: ExecutionStream
  private let passes: GraphPasses
  private let inputMemory: Memory
  private let dInput: Memory?
  private let results: [Memory]
  private let dResults: [Memory]
  private var lastMode: GraphMode?
  private var lastDropoutSeed: UInt64 = 0

  /// - Parameters:
  ///   - batchSize: Pictures per pass.
  ///   - inputHeight: Rows, the declared ones by default.
  ///   - inputWidth: Columns likewise.
  ///   - precision: Of activations, their gradients and the weights as multiplied; parameters and their gradients stay f32.
  ///   - threads: OpenMP threads.
  ///   - wantsInputGradient: True where `inputGradient` shall be computed.
  /// - Throws: `InferenceError` where the network is not valid for that size, or the processor does not support the
  ///   precision.
  public init(
    spec: ModelSpec, parameters: ParameterStore, batchSize: Int, inputHeight: Int? = nil, inputWidth: Int? = nil,
    precision: Precision, threads: Int, wantsInputGradient: Bool = false
  ) throws(InferenceError) {
    precondition(batchSize > 0 && threads > 0, "a graph for \(batchSize) pictures on \(threads) threads")
    try precision.checkSupport()
    let shapes = try spec.inferShapes(inputHeight: inputHeight, inputWidth: inputWidth, batchSize: batchSize)
    DNNL.setThreadCount(threads)
    let builder = GraphBuilder(batchSize: batchSize, precision: precision, parameters: parameters)
    let network = try NetworkPasses(spec, shapes: shapes, wantsInputGradient: wantsInputGradient, builder)
    inputMemory = network.input
    results = network.results
    dResults = network.dResults
    dInput = network.dInput
    passes = try builder.finish()
    stream = try ExecutionStream()
    input = inputMemory.floats
    outputShapes = spec.outputs.map { shapes[$0]! }
    self.spec = spec
    self.parameters = parameters
    self.batchSize = batchSize
    self.precision = precision
    self.threads = threads
  }

  /// Computes the outputs from `input`. The same `dropoutSeed` drops the same elements.
  public func forward(_ mode: GraphMode, dropoutSeed: UInt64 = 0) throws(InferenceError) {
    lastMode = mode
    lastDropoutSeed = dropoutSeed
    switch mode {
    case .train: try run(passes.train)
    case .eval: try run(passes.eval)
    }
  }

  /// One result of the last forward pass, dense `[batchSize, channels, height, width]`.
  public func output(_ index: Int) -> UnsafeBufferPointer<Float> { UnsafeBufferPointer(results[index].floats) }

  /// The gradient of the loss with respect to one output, to be filled before `backward`; dense like the output.
  public func outputGradient(_ index: Int) -> UnsafeMutableBufferPointer<Float> { dResults[index].floats }

  /// Adds the gradients of the loss to `parameters.gradients`. Goes with the last forward pass, in mode `train`.
  public func backward() throws(InferenceError) {
    precondition(lastMode == .train, "a backward pass without a forward pass in mode train before it")
    try run(passes.backward)
  }

  /// Runs one training pass and tells how long each step took, in seconds: for benchmarks and for finding slow layouts.
  public func profile() throws(InferenceError) -> [(name: String, seconds: Double, implementation: String)] {
    DNNL.setThreadCount(threads)
    let context = PassContext(stream: stream, dropoutSeed: lastDropoutSeed)
    let clock = ContinuousClock()
    var result: [(name: String, seconds: Double, implementation: String)] = []
    for step in passes.train + passes.backward {
      let start = clock.now
      try step.action(context)
      result.append((step.name, (clock.now - start) / .seconds(1), step.implementation))
    }
    return result
  }

  private func run(_ steps: [GraphPasses.Step]) throws(InferenceError) {
    DNNL.setThreadCount(threads)
    let context = PassContext(stream: stream, dropoutSeed: lastDropoutSeed)
    for step in steps { try step.action(context) }
  }
}
