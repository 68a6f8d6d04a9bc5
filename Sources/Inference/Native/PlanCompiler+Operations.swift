import CDNNL

extension PlanCompiler {
  /// Appends the primitives for one operation.
  mutating func add(_ operation: FusedGraph.Operation, at index: Int) throws(InferenceError) {
    switch operation.kind {
    case .convolution(let spec, let weights):
      try addConvolution(operation, spec, weights, at: index)
    case .linear(_, let weights):
      try addLinear(operation, weights)
    case .affine(let scale, let shift):
      try addAffine(operation, scale: scale, shift: shift)
    case .activation(let activation):
      try addActivation(operation, activation)
    case .maxPool(let spec):
      try addPooling(operation, spec, dnnl_pooling_max)
    case .averagePool(let spec):
      try addPooling(operation, spec, dnnl_pooling_avg_include_padding)
    case .upsample2x:
      let source = try locate(operation.inputs[0])
      let target = MemoryDescriptor(shape(of: operation.output), source.descriptor.dataType, dnnl_format_tag_any)
      let descriptor = try PrimitiveDescriptor.upsample2x(
        propagation: dnnl_forward_inference, source: source.descriptor, destination: target, name: operation.name)
      try finish(operation, descriptor, [(DNNL_ARG_SRC, source)])
    case .add:
      try addSum(operation)
    case .multiply:
      try addProduct(operation)
    case .concat:
      try addConcat(operation)
    case .softmax:
      let source = try locate(
        operation.inputs[0], as: MemoryDescriptor(dense: shape(of: operation.inputs[0])))
      let descriptor = try PrimitiveDescriptor.softmax(
        propagation: dnnl_forward_inference, data: source.descriptor, name: operation.name)
      try finish(operation, descriptor, [(DNNL_ARG_SRC, source)])
    }
  }

  /// Appends a primitive whose result takes memory of its own.
  private mutating func finish(
    _ operation: FusedGraph.Operation, _ descriptor: PrimitiveDescriptor, _ arguments: [(Int32, Located)],
    constants: [(Int32, Memory)] = []
  ) throws(InferenceError) {
    let result = newPlace(descriptor.layout(of: DNNL_ARG_DST)!)
    append(descriptor, arguments + [(DNNL_ARG_DST, result)], constants: constants)
    record(result, for: operation.output)
  }

  /// Appends a convolution by kernels of our own, where these do all that is done to its result.
  ///
  /// - Returns: Whether they do.
  private mutating func addOwn<Convolution: OwnConvolution>(
    _: Convolution.Type, _ operation: FusedGraph.Operation, _ spec: ConvolutionSpec, _ weights: FusedGraph.Weights,
    at index: Int
  ) throws(InferenceError) -> Bool {
    guard resultType(of: operation.output) == Convolution.dataType else { return false }
    var summand: FusedGraph.ValueID?
    var rectifies = false
    for step in operation.epilogue {
      switch step {
      case .add(let other) where summand == nil && !rectifies: summand = other
      case .activation(.relu) where !rectifies: rectifies = true
      default: return false
      }
    }
    func layout(_ value: FusedGraph.ValueID) -> MemoryDescriptor {
      MemoryDescriptor(shape(of: value), Convolution.dataType, Convolution.layout)
    }
    let sourceShape = shape(of: operation.inputs[0])
    let transformed = try prepared.buffer(
      of: operation.name, layout: Convolution.weightsLayout(spec, source: sourceShape)
    ) {
      Convolution.transformed(weights.values, spec, source: sourceShape)
    }
    let convolution = Convolution(
      spec, source: sourceShape, weights: transformed, bias: weights.bias, adds: summand != nil,
      rectifies: rectifies)
    let source = try locate(operation.inputs[0], as: layout(operation.inputs[0]))
    let target =
      if let summand {
        try takeOver(summand, as: layout(operation.output), by: operation, at: index)
      } else {
        newPlace(layout(operation.output))
      }
    append(convolution, from: source, into: target, name: operation.name)
    record(target, for: operation.output)
    return true
  }

  private mutating func addConvolution(
    _ operation: FusedGraph.Operation, _ spec: ConvolutionSpec, _ weights: FusedGraph.Weights, at index: Int
  ) throws(InferenceError) {
    if let own = choice.ownKernels(spec, precision: precision),
      try addOwn(own, operation, spec, weights, at: index)
    {
      return
    }
    let type = precision.dataType
    let groups = spec.groups
    let kernel = [spec.kernelSize.height, spec.kernelSize.width]
    let weightShape =
      groups == 1
      ? [spec.outputChannels, spec.inputChannels] + kernel
      : [groups, spec.outputChannels / groups, spec.inputChannels / groups] + kernel
    // What a single pixel costs is less than another step.
    let hasSwishApart =
      operation.epilogue.last == .activation(.silu) && shape(of: operation.output)[2...] != [1, 1]
      && Swish.supports(resultType(of: operation.output))
    let attributes = try PrimitiveAttributes(
      operation.epilogue.dropLast(hasSwishApart ? 1 : 0).map {
        switch $0 {
        case .activation(let activation): .activation(activation)
        case .add: .sum
        }
      })
    let bias = weights.bias.map { MemoryDescriptor(dense: [$0.count]) }
    func make(
      _ algorithm: dnnl_alg_kind_t, _ tags: (source: dnnl_format_tag_t, target: dnnl_format_tag_t)
    ) -> Result<PrimitiveDescriptor, InferenceError> {
      Result { () throws(InferenceError) in
        try PrimitiveDescriptor.convolution(
          spec, propagation: dnnl_forward_inference, algorithm: algorithm,
          source: MemoryDescriptor(shape(of: operation.inputs[0]), type, tags.source),
          weights: MemoryDescriptor(weightShape, type, dnnl_format_tag_any), bias: bias,
          destination: MemoryDescriptor(
            shape(of: operation.output), resultType(of: operation.output), tags.target),
          attributes: attributes, name: operation.name)
      }
    }
    let blocked = blockedTags(operation)
    let usesWinograd = blocked != nil && choice.usesWinograd(spec, precision: precision)
    // In the order of preference. Not every processor has each of them.
    var attempts = [(dnnl_convolution_direct, (source: dnnl_format_tag_any, target: dnnl_format_tag_any))]
    if let blocked {
      attempts.insert((dnnl_convolution_direct, blocked), at: 0)
      if usesWinograd { attempts.insert((dnnl_convolution_winograd, blocked), at: 0) }
    }
    var descriptor = make(attempts[0].0, attempts[0].1)
    for (algorithm, tags) in attempts.dropFirst() {
      if case .success(let made) = descriptor, !made.isSlow { break }
      descriptor = make(algorithm, tags)
    }
    let primitive = try descriptor.get()

    var arguments = [(DNNL_ARG_SRC, try locate(operation.inputs[0], as: primitive.layout(of: DNNL_ARG_SRC)!))]
    let layout = primitive.layout(of: DNNL_ARG_DST)!
    var result: Located?
    for case .add(let other) in operation.epilogue {
      result = try takeOver(other, as: layout, by: operation, at: index)
    }
    let destination = result ?? newPlace(layout)
    arguments.append((DNNL_ARG_DST, destination))
    var constants = [
      (
        DNNL_ARG_WEIGHTS,
        try self.weights(
          weights, shape: weightShape, as: primitive.layout(of: DNNL_ARG_WEIGHTS)!, name: operation.name)
      )
    ]
    if let values = weights.bias, let bias {
      constants.append(
        (DNNL_ARG_BIAS, try constant(values, shape: [values.count], as: bias, name: operation.name)))
    }
    append(primitive, arguments, constants: constants)
    if hasSwishApart { appendSwish(of: destination, name: operation.name) }
    record(destination, for: operation.output)
  }

  /// Layouts in blocks of 16 channels for the convolution's source and destination; nil where it shall choose itself.
  private func blockedTags(
    _ operation: FusedGraph.Operation
  ) -> (source: dnnl_format_tag_t, target: dnnl_format_tag_t)? {
    guard prefersBlocks else { return nil }
    func tag(_ value: FusedGraph.ValueID) -> dnnl_format_tag_t {
      let channels = graph.values[value].shape.channels
      // The kernels for first layers read planes as they are.
      if value == FusedGraph.input, channels < 4 { return dnnl_nchw }
      return channels % 16 == 0 ? dnnl_nChw16c : dnnl_format_tag_any
    }
    return (tag(operation.inputs[0]), tag(operation.output))
  }

  private mutating func addLinear(
    _ operation: FusedGraph.Operation, _ weights: FusedGraph.Weights
  ) throws(InferenceError) {
    let type = precision.dataType
    let source = shape(of: operation.inputs[0])
    let output = shape(of: operation.output)
    let weightShape = [output[1]] + source[1...]
    let bias = weights.bias.map { MemoryDescriptor(dense: [$0.count]) }
    let attributes = try PrimitiveAttributes(
      operation.epilogue.compactMap {
        if case .activation(let activation) = $0 { .activation(activation) } else { nil }
      })
    let target = MemoryDescriptor(dense: [output[0], output[1]], resultType(of: operation.output))
    let primitive = try PrimitiveDescriptor.innerProduct(
      propagation: dnnl_forward_inference, source: MemoryDescriptor(source, type, dnnl_format_tag_any),
      weights: MemoryDescriptor(weightShape, type, dnnl_format_tag_any), bias: bias, destination: target,
      attributes: attributes, name: operation.name)
    var constants = [
      (
        DNNL_ARG_WEIGHTS,
        try self.weights(
          weights, shape: weightShape, as: primitive.layout(of: DNNL_ARG_WEIGHTS)!, name: operation.name)
      )
    ]
    if let values = weights.bias, let bias {
      constants.append(
        (DNNL_ARG_BIAS, try constant(values, shape: [values.count], as: bias, name: operation.name)))
    }
    let input = try locate(operation.inputs[0], as: primitive.layout(of: DNNL_ARG_SRC)!)
    let result = newPlace(target)
    append(primitive, [(DNNL_ARG_SRC, input), (DNNL_ARG_DST, result)], constants: constants)
    let view = MemoryDescriptor(dense: output, target.dataType)
    record(Located(descriptor: view, slot: result.slot), for: operation.output)
  }

  private mutating func addAffine(
    _ operation: FusedGraph.Operation, scale: [Float], shift: [Float]
  ) throws(InferenceError) {
    let perChannel = MemoryDescriptor(dense: [1, scale.count, 1, 1])
    let source = try locate(operation.inputs[0])
    let primitive = try binary(
      operation, dnnl_binary_mul, source.descriptor, perChannel, leading: [.add(perChannel)])
    let factor = try constant(scale, shape: perChannel.shape, as: perChannel, name: operation.name)
    let summand = try constant(shift, shape: perChannel.shape, as: perChannel, name: operation.name)
    let summandArgument = DNNL_ARG_ATTR_MULTIPLE_POST_OP_BASE | DNNL_ARG_SRC_1
    try finish(
      operation, primitive, [(DNNL_ARG_SRC_0, source)],
      constants: [(DNNL_ARG_SRC_1, factor), (summandArgument, summand)])
  }

  private mutating func addSum(_ operation: FusedGraph.Operation) throws(InferenceError) {
    let left = try locate(operation.inputs[0])
    let right = try locate(operation.inputs[1], as: left.descriptor)
    let primitive = try binary(operation, dnnl_binary_add, left.descriptor, right.descriptor)
    try finish(operation, primitive, [(DNNL_ARG_SRC_0, left), (DNNL_ARG_SRC_1, right)])
  }

  private mutating func addProduct(_ operation: FusedGraph.Operation) throws(InferenceError) {
    let left = try locate(operation.inputs[0])
    let isSameShape = shape(of: operation.inputs[0]) == shape(of: operation.inputs[1])
    let right = isSameShape ? try locate(operation.inputs[1], as: left.descriptor) : try locate(operation.inputs[1])
    let primitive = try binary(operation, dnnl_binary_mul, left.descriptor, right.descriptor)
    try finish(operation, primitive, [(DNNL_ARG_SRC_0, left), (DNNL_ARG_SRC_1, right)])
  }

  /// A binary operation in the left operand's layout with the operation's own activations.
  private func binary(
    _ operation: FusedGraph.Operation, _ algorithm: dnnl_alg_kind_t, _ left: MemoryDescriptor,
    _ right: MemoryDescriptor, leading: [PostOperation] = []
  ) throws(InferenceError) -> PrimitiveDescriptor {
    let activations = operation.epilogue.compactMap { epilogue -> PostOperation? in
      if case .activation(let activation) = epilogue { .activation(activation) } else { nil }
    }
    return try PrimitiveDescriptor.binary(
      algorithm, left: left, right: right, destination: left,
      attributes: try PrimitiveAttributes(leading + activations), name: operation.name)
  }

  private mutating func addActivation(
    _ operation: FusedGraph.Operation, _ activation: Activation
  ) throws(InferenceError) {
    var place = try locate(operation.inputs[0])
    let result = newPlace(place.descriptor)
    for algorithm in activation.algorithms {
      let primitive = try PrimitiveDescriptor.activation(
        algorithm, propagation: dnnl_forward_inference, data: place.descriptor, name: operation.name)
      append(primitive, [(DNNL_ARG_SRC, place), (DNNL_ARG_DST, result)])
      place = result
    }
    record(result, for: operation.output)
  }

  private mutating func addPooling(
    _ operation: FusedGraph.Operation, _ spec: PoolingSpec, _ algorithm: dnnl_alg_kind_t
  ) throws(InferenceError) {
    let source = try locate(operation.inputs[0])
    let target = MemoryDescriptor(shape(of: operation.output), source.descriptor.dataType, dnnl_format_tag_any)
    let primitive = try PrimitiveDescriptor.pooling(
      spec, algorithm: algorithm, propagation: dnnl_forward_inference, source: source.descriptor,
      destination: target, name: operation.name)
    try finish(operation, primitive, [(DNNL_ARG_SRC, source)])
  }

  private mutating func addConcat(_ operation: FusedGraph.Operation) throws(InferenceError) {
    var sources: [Located] = []
    for input in operation.inputs { sources.append(try locate(input)) }
    let primitive = try PrimitiveDescriptor.concat(
      sources.map(\.descriptor), destination: nil, name: operation.name)
    try finish(
      operation, primitive,
      sources.enumerated().map { (DNNL_ARG_MULTIPLE_SRC + Int32($0.offset), $0.element) })
  }
}
