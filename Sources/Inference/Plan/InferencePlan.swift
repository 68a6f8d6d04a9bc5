/// A network compiled for one batch size, input size, precision and number of threads.
///
/// Everything is allocated when the plan is made; `run` allocates nothing. A plan is owned and run by one thread at a
/// time. Its results are deterministic for the same plan on the same kind of processor.
public final class InferencePlan {
  public let batchSize: Int
  public let precision: Precision
  public let threads: Int
  /// What `withInput` wants, per picture.
  public let inputShape: FeatureShape
  /// What runs, in this order, with the kernel that serves each: nothing on a hot path should be
  /// served by one that starts with `ref` or `gemm`.
  public let operations: [(name: String, implementation: String)]
  /// Memory for values between the primitives, without the weights.
  public let arenaByteCount: Int
  private let outputShapes: [FeatureShape]
  private let program: PlanProgram

  /// - Parameters:
  ///   - weights: The parameters by their full names. Those that the network does not have are ignored.
  ///   - inputHeight: Rows, the network's declared ones by default.
  ///   - inputWidth: Columns likewise.
  ///   - threads: A batch that is a multiple of them is shared out to them, and each works through the network by
  ///     itself; with any other they share the work of each primitive.
  ///   - prepared: What plans of the same network and parameters share, whatever their batch and input sizes.
  /// - Throws: `invalidModel` for a network that contradicts itself, `parameter` for a missing or misshapen parameter,
  ///   `backend` where the processor does not support the precision.
  public convenience init(
    spec: ModelSpec, weights: [String: Tensor], batchSize: Int, inputHeight: Int? = nil, inputWidth: Int? = nil,
    precision: Precision, threads: Int, sharing prepared: PreparedWeights = PreparedWeights()
  ) throws(InferenceError) {
    try self.init(
      spec: spec, weights: weights, batchSize: batchSize, inputHeight: inputHeight, inputWidth: inputWidth,
      precision: precision, threads: threads, sharing: prepared, convolutions: .best)
  }

  /// The same with a say in the algorithm of convolutions, for tests and measurements.
  package init(
    spec: ModelSpec, weights: [String: Tensor], batchSize: Int, inputHeight: Int? = nil, inputWidth: Int? = nil,
    precision: Precision, threads: Int, sharing prepared: PreparedWeights = PreparedWeights(),
    convolutions: ConvolutionChoice
  ) throws(InferenceError) {
    precondition(batchSize > 0 && threads > 0, "a plan for \(batchSize) pictures on \(threads) threads")
    try precision.checkSupport()
    let shapes = try spec.inferShapes(inputHeight: inputHeight, inputWidth: inputWidth, batchSize: batchSize)
    let graph = try GraphFusion.fuse(spec, shapes: shapes, weights: weights)
    let lanes = batchSize.isMultiple(of: threads) ? threads : 1
    DNNL.setThreadCount(threads / lanes)
    program = try PlanCompiler.compile(
      graph, batchSize: batchSize, lanes: lanes, precision: precision, choice: convolutions,
      prepared: prepared)
    self.batchSize = batchSize
    self.precision = precision
    self.threads = threads
    inputShape = shapes[ModelSpec.inputName]!
    outputShapes = spec.outputs.map { shapes[$0]! }
    operations = program.lanes[0].steps.map { ($0.name, $0.implementation) }
    arenaByteCount = program.arenaByteCount
  }

  /// Lends the input to be filled: dense f32 `[batch, channels, height, width]`, normalised by the caller.
  ///
  /// What is written stays until it is overwritten, so a batch may be filled in part.
  public func withInput<Result>(
    _ body: (UnsafeMutableBufferPointer<Float>) throws -> Result
  ) rethrows -> Result {
    try body(program.input.floats)
  }

  /// Computes the outputs from the input.
  public func run() throws(InferenceError) {
    try program.run(threads: threads)
  }

  /// Lends a result of the last run: dense f32 `[batch, channels, height, width]`.
  public func withOutput<Result>(
    _ index: Int, _ body: (UnsafeBufferPointer<Float>) throws -> Result
  ) rethrows -> Result {
    try body(UnsafeBufferPointer(program.outputs[index].floats))
  }

  /// Shape of a result, per picture.
  public func outputShape(_ index: Int) -> FeatureShape { outputShapes[index] }
}
