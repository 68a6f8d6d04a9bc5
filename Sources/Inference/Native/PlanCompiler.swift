import CDNNL

/// Chooses layouts and kernels for a fused graph and lays its values out in one arena.
///
/// Convolutions choose their layouts, the other operations take what they get, and a reorder stands wherever two
/// disagree; weights are brought into their layouts once, here.
struct PlanCompiler {
  /// A tensor inside the arena.
  struct Located {
    var descriptor: MemoryDescriptor
    /// Index of the piece of memory; several tensors share one where an operation works in place.
    var slot: Int
  }

  enum Step {
    /// With tensors in the arena and constant ones.
    case primitive(PrimitiveDescriptor, arguments: [(Int32, Located)], constants: [(Int32, Memory)])
    /// In place.
    case swish(Located, name: String)
    case convolution(any OwnConvolution, source: Located, target: Located, name: String)
  }

  let graph: FusedGraph
  /// Pictures in a lane.
  let batchSize: Int
  let precision: Precision
  let choice: ConvolutionChoice
  let stream: ExecutionStream
  let prepared: PreparedWeights
  /// True where convolutions shall work on blocks of 16 channels.
  let prefersBlocks: Bool
  var steps: [Step] = []
  /// Where each value lies: first as it was made, then its copies in other layouts.
  private var places: [FusedGraph.ValueID: [Located]] = [:]
  private var slots: [ArenaPlanner.Interval] = []

  /// Makes the program for `batchSize` pictures, shared out to `lanes` threads in equal parts.
  static func compile(
    _ graph: FusedGraph, batchSize: Int, lanes: Int, precision: Precision, choice: ConvolutionChoice,
    prepared: PreparedWeights
  ) throws(InferenceError) -> PlanProgram {
    precondition(batchSize % lanes == 0, "\(batchSize) pictures in \(lanes) equal parts")
    var compiler = PlanCompiler(
      graph: graph, batchSize: batchSize / lanes, precision: precision, choice: choice,
      stream: try ExecutionStream(), prepared: prepared)
    return try compiler.compile(lanes: lanes)
  }

  private init(
    graph: FusedGraph, batchSize: Int, precision: Precision, choice: ConvolutionChoice, stream: ExecutionStream,
    prepared: PreparedWeights
  ) {
    self.graph = graph
    self.batchSize = batchSize
    self.precision = precision
    self.choice = choice
    self.stream = stream
    self.prepared = prepared
    // The kernels for matrix registers read channels last.
    let usesMatrices = precision == .bf16 && MatrixConvolution.isAvailable
    prefersBlocks = DNNL.hasAVX512 && !usesMatrices && graph.hasChannelsInBlocks
  }

  private mutating func compile(lanes: Int) throws(InferenceError) -> PlanProgram {
    let input = newPlace(MemoryDescriptor(dense: shape(of: FusedGraph.input)))
    places[FusedGraph.input] = [input]
    for (index, operation) in graph.operations.enumerated() { try add(operation, at: index) }
    var outputs: [Located] = []
    for value in graph.outputs {
      let dense = MemoryDescriptor(dense: shape(of: value))
      // The input is the caller's to write at any time, so a result never shares its memory.
      outputs.append(
        value == FusedGraph.input ? try copy(places[value]![0], as: dense) : try locate(value, as: dense))
    }
    return try link(input: input, outputs: outputs, lanes: lanes)
  }

  /// Assigns memory and makes the primitives, once for each lane.
  ///
  /// Input and results of all lanes lie one after the other and belong to the caller between runs; what is in between is
  /// each lane's own.
  private func link(input: Located, outputs: [Located], lanes: Int) throws(InferenceError) -> PlanProgram {
    let exchanged = Set(([input] + outputs).map(\.slot))
    var intervals = slots
    for slot in exchanged { intervals[slot].byteCount = 0 }
    var (offsets, laneByteCount) = ArenaPlanner.plan(intervals)
    laneByteCount = ArenaPlanner.aligned(laneByteCount)
    var byteCount = laneByteCount * lanes
    for slot in exchanged {
      offsets[slot] = byteCount
      byteCount += ArenaPlanner.aligned(slots[slot].byteCount * lanes)
    }
    let arena = AlignedBuffer(byteCount: max(64, byteCount))
    let scratchpadSizes = steps.map { step in
      switch step {
      case .primitive(let descriptor, _, _): descriptor.scratchpad?.byteCount ?? 0
      case .swish: 0
      case .convolution(let convolution, _, _, _): convolution.scratchByteCount
      }
    }
    let scratchpadSize = max(64, scratchpadSizes.max() ?? 0)

    var programs: [PlanProgram.Lane] = []
    for lane in 0..<lanes {
      let scratchpad = AlignedBuffer(byteCount: scratchpadSize)
      func memory(_ place: Located) throws(InferenceError) -> Memory {
        let stride = exchanged.contains(place.slot) ? slots[place.slot].byteCount : laneByteCount
        return try Memory(place.descriptor, in: arena, offset: offsets[place.slot] + lane * stride)
      }
      var linked: [PlanProgram.Step] = []
      for step in steps {
        switch step {
        case .primitive(let descriptor, let places, let constants):
          var arguments = constants
          for (number, place) in places { arguments.append((number, try memory(place))) }
          linked.append(.primitive(try Operation(descriptor, arguments, scratchpad: scratchpad)))
        case .swish(let place, let name):
          linked.append(.swish(try memory(place), name: name))
        case .convolution(let convolution, let source, let target, let name):
          linked.append(
            .convolution(
              convolution, source: try memory(source), target: try memory(target), scratch: scratchpad, name: name))
        }
      }
      programs.append(.init(steps: linked, stream: try ExecutionStream()))
    }
    func whole(_ place: Located) throws(InferenceError) -> Memory {
      precondition(place.descriptor.byteCount == slots[place.slot].byteCount, "the parts leave no gaps")
      let shape = [batchSize * lanes] + place.descriptor.shape.dropFirst()
      let descriptor = MemoryDescriptor(dense: shape, place.descriptor.dataType)
      return try Memory(descriptor, in: arena, offset: offsets[place.slot])
    }
    var results: [Memory] = []
    for output in outputs { results.append(try whole(output)) }
    return PlanProgram(
      lanes: programs, input: try whole(input), outputs: results,
      arenaByteCount: arena.byteCount + scratchpadSize * lanes)
  }

  // MARK: Places

  func shape(of value: FusedGraph.ValueID) -> [Int] {
    let shape = graph.values[value].shape
    return [batchSize, shape.channels, shape.height, shape.width]
  }

  /// f32 for what leaves the network, so that it is rounded no more than necessary; else the network's own type.
  func resultType(of value: FusedGraph.ValueID) -> dnnl_data_type_t {
    graph.isResult(value) ? dnnl_f32 : precision.dataType
  }

  mutating func newPlace(_ descriptor: MemoryDescriptor) -> Located {
    slots.append(.init(byteCount: descriptor.byteCount, first: steps.count, last: steps.count))
    return Located(descriptor: descriptor, slot: slots.count - 1)
  }

  mutating func append(
    _ descriptor: PrimitiveDescriptor, _ arguments: [(Int32, Located)], constants: [(Int32, Memory)] = []
  ) {
    for (_, place) in arguments { slots[place.slot].last = steps.count }
    steps.append(.primitive(descriptor, arguments: arguments, constants: constants))
  }

  /// Appends a swish of the tensor, in place.
  mutating func appendSwish(of place: Located, name: String) {
    slots[place.slot].last = steps.count
    steps.append(.swish(place, name: name))
  }

  mutating func append(
    _ convolution: some OwnConvolution, from source: Located, into target: Located, name: String
  ) {
    for place in [source, target] { slots[place.slot].last = steps.count }
    steps.append(.convolution(convolution, source: source, target: target, name: name))
  }

  mutating func record(_ place: Located, for value: FusedGraph.ValueID) {
    places[value] = [place]
  }

  /// The value as it was made, but in the network's own type.
  mutating func locate(_ value: FusedGraph.ValueID) throws(InferenceError) -> Located {
    let place = places[value]![0]
    guard place.descriptor.dataType != precision.dataType else { return place }
    return try locate(value, as: place.descriptor.converted(to: precision.dataType))
  }

  /// The value in the given layout and type, by a reorder where it is not there yet.
  mutating func locate(
    _ value: FusedGraph.ValueID, as descriptor: MemoryDescriptor
  ) throws(InferenceError) -> Located {
    for place in places[value]! where place.descriptor.hasSameBytes(as: descriptor) {
      return Located(descriptor: descriptor, slot: place.slot)
    }
    let result = try copy(places[value]![0], as: descriptor)
    places[value]!.append(result)
    return result
  }

  mutating func copy(_ place: Located, as descriptor: MemoryDescriptor) throws(InferenceError) -> Located {
    let result = newPlace(descriptor)
    let reorder = try PrimitiveDescriptor.reorder(from: place.descriptor, to: descriptor, name: "reorder")
    append(reorder, [(DNNL_ARG_FROM, place), (DNNL_ARG_TO, result)])
    return result
  }

  /// The tensor that an operation at `index` adds its result to: the value itself where this is its last use, else a copy.
  mutating func takeOver(
    _ value: FusedGraph.ValueID, as descriptor: MemoryDescriptor, by operation: FusedGraph.Operation, at index: Int
  ) throws(InferenceError) -> Located {
    if graph.isLastUse(of: value, at: index), !operation.inputs.contains(value) {
      return try locate(value, as: descriptor)
    }
    return try copy(places[value]![0], as: descriptor)
  }

  /// An operation's weights in the layout that `descriptor` asks for, shared with other plans.
  func weights(
    _ weights: FusedGraph.Weights, shape: [Int], as descriptor: MemoryDescriptor, name: String
  ) throws(InferenceError) -> Memory {
    let buffer = try prepared.buffer(of: name, layout: descriptor) { () throws(InferenceError) in
      try constant(weights.values, shape: shape, as: descriptor, name: name).buffer
    }
    return try Memory(descriptor, in: buffer, offset: 0)
  }

  /// Values in the layout that `descriptor` asks for, for good.
  func constant(
    _ values: [Float], shape: [Int], as descriptor: MemoryDescriptor, name: String
  ) throws(InferenceError) -> Memory {
    let dense = try Memory(MemoryDescriptor(dense: shape))
    values.withUnsafeBufferPointer { _ = dense.floats.update(from: $0) }
    guard dense.descriptor != descriptor else { return dense }
    let result = try Memory(descriptor)
    let reorder = try PrimitiveDescriptor.reorder(from: dense.descriptor, to: descriptor, name: "\(name) weights")
    let scratchpad = reorder.scratchpad.map { AlignedBuffer(byteCount: max(1, $0.byteCount)) }
    try Operation(reorder, [(DNNL_ARG_FROM, dense), (DNNL_ARG_TO, result)], scratchpad: scratchpad)
      .run(on: stream)
    return result
  }
}

extension MemoryDescriptor {
  /// The same layout for another type of elements.
  func converted(to type: dnnl_data_type_t) -> MemoryDescriptor {
    var result = self
    result.raw.data_type = type
    return result
  }

  /// True where both describe the same bytes, perhaps in other words: a single pixel blocked by channels is dense.
  func hasSameBytes(as other: MemoryDescriptor) -> Bool {
    self == other || (canonical == other.canonical)
  }

  /// Dense where height and width are 1 and the channels fill their blocks.
  private var canonical: MemoryDescriptor {
    let shape = shape
    guard shape.count == 4, shape[2] == 1, shape[3] == 1 else { return self }
    let dense = MemoryDescriptor(dense: shape, dataType)
    let blocking = raw.format_desc.blocking
    let isDense =
      raw.format_kind == dnnl_blocked && byteCount == dense.byteCount && blocking.strides.0 == shape[1]
      && (blocking.inner_nblks == 0
        ? blocking.strides.1 == 1 : blocking.inner_nblks == 1 && blocking.inner_idxs.0 == 1)
    return isDense ? dense : self
  }
}
