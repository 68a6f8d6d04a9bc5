import CDNNL
import Inference

/// One value between layers, with its gradient while the backward pass is built.
final class GraphValue {
  let shape: FeatureShape
  let memory: Memory
  /// False for the network's input and what depends on no parameter.
  let needsGradient: Bool
  fileprivate(set) var gradient: Memory?

  init(shape: FeatureShape, memory: Memory, needsGradient: Bool) {
    self.shape = shape
    self.memory = memory
    self.needsGradient = needsGradient
  }
}

/// Forward and backward pass of one node, as steps that it adds to a builder.
protocol TrainableLayer: AnyObject {
  /// Where the forward pass leaves the result.
  var output: Memory { get }
  /// Adds the steps that turn the result's gradient into gradients of the parameters and, through
  /// `GraphBuilder.contribute`, of the inputs. `dOutput` may be read only.
  func buildBackward(dOutput: Memory, _ builder: GraphBuilder) throws(InferenceError)
}

/// What one run of a pass hands to its steps.
struct PassContext {
  let stream: ExecutionStream
  let dropoutSeed: UInt64

  /// For what a layer draws at random; `stream` is different for each layer of a network.
  func seed(ofLayer stream: UInt64) -> UInt64 { dropoutSeed ^ (stream &+ 1) &* 0x9E37_79B9_7F4A_7C15 }
}

/// In which forward passes a step takes part.
enum StepMode {
  case always
  case trainOnly
  case evalOnly
}

/// Collects the steps of the passes. The order of building is the order of running.
final class GraphBuilder {
  typealias Action = (PassContext) throws(InferenceError) -> Void
  /// With scratch memory, which nothing else uses while it runs.
  typealias ScratchAction = (AlignedBuffer) -> Void

  private enum Step {
    case operation(PrimitiveDescriptor, [(Int32, Memory)])
    case action(name: String, Action)
    case scratchAction(name: String, ScratchAction)
  }

  let batchSize: Int
  let precision: Precision
  let parameters: ParameterStore
  let pool = BufferPool()
  private var forward: [(mode: StepMode, step: Step)] = []
  private var backward: [Step] = []
  private var scratchpadByteCount = 0
  private var isBuildingBackward = false

  init(batchSize: Int, precision: Precision, parameters: ParameterStore) {
    self.batchSize = batchSize
    self.precision = precision
    self.parameters = parameters
  }

  // MARK: Steps

  func run(_ descriptor: PrimitiveDescriptor, _ arguments: [(Int32, Memory)], _ mode: StepMode = .always) {
    scratchpadByteCount = max(scratchpadByteCount, descriptor.scratchpad?.byteCount ?? 0)
    append(.operation(descriptor, arguments), mode)
  }

  func run(name: String, _ mode: StepMode = .always, _ action: @escaping Action) {
    append(.action(name: name, action), mode)
  }

  /// - Parameter byteCount: Of scratch memory.
  func run(name: String, scratch byteCount: Int, _ action: @escaping ScratchAction) {
    scratchpadByteCount = max(scratchpadByteCount, byteCount)
    append(.scratchAction(name: name, action), .always)
  }

  private func append(_ step: Step, _ mode: StepMode) {
    if isBuildingBackward { backward.append(step) } else { forward.append((mode, step)) }
  }

  func beginBackward() { isBuildingBackward = true }

  /// The passes, ready to run: all steps share one scratchpad.
  func finish() throws(InferenceError) -> GraphPasses {
    let scratchpad = scratchpadByteCount > 0 ? AlignedBuffer(byteCount: scratchpadByteCount) : nil
    func compile(_ step: Step) throws(InferenceError) -> GraphPasses.Step {
      switch step {
      case .operation(let descriptor, let arguments):
        let operation = try Operation(descriptor, arguments, scratchpad: scratchpad)
        return GraphPasses.Step(name: operation.name, implementation: operation.implementation) {
          context throws(InferenceError) in try operation.run(on: context.stream)
        }
      case .action(let name, let action):
        return GraphPasses.Step(name: name, implementation: "own", action: action)
      case .scratchAction(let name, let action):
        return GraphPasses.Step(name: name, implementation: "own") { _ in action(scratchpad!) }
      }
    }
    var passes = GraphPasses()
    for (mode, step) in forward {
      let compiled = try compile(step)
      if mode != .evalOnly { passes.train.append(compiled) }
      if mode != .trainOnly { passes.eval.append(compiled) }
    }
    for step in backward { passes.backward.append(try compile(step)) }
    return passes
  }

  // MARK: Tensors

  func dimensions(_ shape: FeatureShape) -> [Int] { [batchSize, shape.channels, shape.height, shape.width] }

  /// Of activations and their gradients, layout left open.
  func anyLayout(_ shape: FeatureShape) -> MemoryDescriptor {
    MemoryDescriptor(dimensions(shape), precision.dataType, dnnl_format_tag_any)
  }

  /// `memory` itself where it has the wanted layout, otherwise a copy that a new step makes at each pass.
  func converted(
    _ memory: Memory, to layout: MemoryDescriptor, _ mode: StepMode = .always, name: String
  ) throws(InferenceError) -> Memory {
    if memory.descriptor == layout { return memory }
    let copy = isBuildingBackward ? try pool.acquire(layout) : try Memory(layout)
    run(
      try .reorder(from: memory.descriptor, to: layout, name: "\(name): reorder"),
      [(DNNL_ARG_FROM, memory), (DNNL_ARG_TO, copy)], mode)
    return copy
  }

  /// Gives a copy that `converted` made for a backward step back to the pool.
  func releaseConverted(_ copy: Memory, of original: Memory) {
    if copy !== original { pool.release(copy) }
  }

  /// The parameter's values as oneDNN sees them: dense f32 in the given shape.
  func parameter(_ name: String, shape: [Int]) throws(InferenceError) -> Memory {
    guard let slot = parameters.slot(name) else { preconditionFailure("no parameter \(name)") }
    let buffer = slot.isTrainable ? parameters.valueBuffer : parameters.statisticBuffer
    return try Memory(MemoryDescriptor(dense: shape), in: buffer, offset: slot.offset * 4)
  }

  // MARK: Gradients

  /// Adds the gradient of a parameter that a backward operation left in `dParameter` (any layout, f32) to the store.
  func addToGradient(_ name: String, shape: [Int], _ dParameter: Memory) throws(InferenceError) {
    let dense = MemoryDescriptor(dense: shape)
    let plain = try converted(dParameter, to: dense, name: name)
    let source = plain.floats
    let target = parameters.gradient(name)
    run(name: "\(name): add gradient") { _ in TensorKernels.add(source, to: target) }
    releaseConverted(plain, of: dParameter)
  }

  /// Adds one more part to the gradient of `value`. `write` adds the step that fills the memory it is given,
  /// which has the layout `layout`.
  func contribute(
    to value: GraphValue, layout: MemoryDescriptor, name: String,
    write: (Memory) throws(InferenceError) -> Void
  ) throws(InferenceError) {
    guard value.needsGradient else { return }
    let raw = try pool.acquire(layout)
    try write(raw)
    let part = try converted(raw, to: value.memory.descriptor, name: name)
    releaseConverted(raw, of: part)
    try add(part, to: value, name: name)
  }

  /// Lets `gradient`, which others may hold too, be (a part of) the gradient of `value` without a copy.
  func share(_ gradient: Memory, with value: GraphValue, name: String) throws(InferenceError) {
    guard value.needsGradient else { return }
    if gradient.descriptor == value.memory.descriptor {
      pool.retain(gradient)
      try add(gradient, to: value, name: name)
    } else {
      try add(try converted(gradient, to: value.memory.descriptor, name: name), to: value, name: name)
    }
  }

  /// Takes over the caller's hold on `part`.
  private func add(_ part: Memory, to value: GraphValue, name: String) throws(InferenceError) {
    guard let sum = value.gradient else {
      value.gradient = part
      return
    }
    let layout = value.memory.descriptor
    // Whoever shares a buffer still needs its old content: add up in the other one, or in a new one.
    let target =
      if !pool.isShared(sum) { sum } else if !pool.isShared(part) { part } else { try pool.acquire(layout) }
    run(
      try .binary(
        dnnl_binary_add, left: layout, right: layout, destination: layout, name: "\(name): add gradients"),
      [(DNNL_ARG_SRC_0, sum), (DNNL_ARG_SRC_1, part), (DNNL_ARG_DST, target)])
    if target !== sum { pool.release(sum) }
    if target !== part { pool.release(part) }
    value.gradient = target
  }

  /// Hands the finished gradient of `value` to the layer that made the value; release it afterwards. nil where no part
  /// of the network's result depends on the value.
  func takeGradient(of value: GraphValue) -> Memory? {
    defer { value.gradient = nil }
    return value.gradient
  }
}

/// The compiled passes of a graph.
struct GraphPasses {
  struct Step {
    let name: String
    /// Which kernel serves it; `own` for ours.
    let implementation: String
    let action: GraphBuilder.Action
  }

  var train: [Step] = []
  var eval: [Step] = []
  var backward: [Step] = []
}
