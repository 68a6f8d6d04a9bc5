import CDNNL
import Inference

/// Batch normalisation, with the ReLU that follows it where the graph has one.
final class BatchNormLayer: TrainableLayer {
  let output: Memory
  private let spec: BatchNormSpec
  private let name: String
  private let input: GraphValue
  private let flags: [dnnl_normalization_flags_t]
  private let forward: PrimitiveDescriptor
  private let mean: Memory
  private let variance: Memory
  private let scale: Memory
  private let shift: Memory
  private let workspace: Memory?

  init(_ spec: BatchNormSpec, fusesReLU: Bool, name: String, input: GraphValue, _ builder: GraphBuilder)
    throws(InferenceError)
  {
    self.spec = spec
    self.name = name
    self.input = input
    flags = [dnnl_use_scale, dnnl_use_shift] + (fusesReLU ? [dnnl_fuse_norm_relu] : [])
    let layout = input.memory.descriptor
    forward = try .batchNorm(
      spec, propagation: dnnl_forward_training, data: layout, flags: flags, name: "\(name): forward")
    let vector = MemoryDescriptor(dense: [spec.channels])
    mean = try Memory(vector)
    variance = try Memory(vector)
    scale = try builder.parameter("\(name).weight", shape: [spec.channels])
    shift = try builder.parameter("\(name).bias", shape: [spec.channels])
    output = try Memory(forward.layout(of: DNNL_ARG_DST) ?? layout)
    workspace = if let layout = forward.workspace { try Memory(layout) } else { nil }
    var arguments = [
      (DNNL_ARG_SRC, input.memory), (DNNL_ARG_MEAN, mean), (DNNL_ARG_VARIANCE, variance), (DNNL_ARG_SCALE, scale),
      (DNNL_ARG_SHIFT, shift), (DNNL_ARG_DST, output),
    ]
    if let workspace { arguments.append((DNNL_ARG_WORKSPACE, workspace)) }
    builder.run(forward, arguments, .trainOnly)
    addRunningStatistics(builder)

    let evaluation = try PrimitiveDescriptor.batchNorm(
      spec, propagation: dnnl_forward_inference, data: layout, flags: flags + [dnnl_use_global_stats],
      name: "\(name): evaluation")
    builder.run(
      evaluation,
      [
        (DNNL_ARG_SRC, input.memory),
        (DNNL_ARG_MEAN, try builder.parameter("\(name).running_mean", shape: [spec.channels])),
        (DNNL_ARG_VARIANCE, try builder.parameter("\(name).running_var", shape: [spec.channels])),
        (DNNL_ARG_SCALE, scale), (DNNL_ARG_SHIFT, shift), (DNNL_ARG_DST, output),
      ], .evalOnly)
  }

  private func addRunningStatistics(_ builder: GraphBuilder) {
    let runningMean = builder.parameters.buffer("\(name).running_mean")
    let runningVariance = builder.parameters.buffer("\(name).running_var")
    let mean = self.mean.floats
    let variance = self.variance.floats
    let momentum = spec.momentum
    // The running variance is the unbiased one, as PyTorch's; the normalisation uses the biased one.
    let count = Float(builder.batchSize * input.shape.height * input.shape.width)
    let correction = count > 1 ? count / (count - 1) : 1
    builder.run(name: "\(name): running statistics", .trainOnly) { _ in
      for channel in runningMean.indices {
        runningMean[channel] += momentum * (mean[channel] - runningMean[channel])
        runningVariance[channel] += momentum * (variance[channel] * correction - runningVariance[channel])
      }
    }
  }

  func buildBackward(dOutput: Memory, _ builder: GraphBuilder) throws(InferenceError) {
    let descriptor = try PrimitiveDescriptor.batchNormBackward(
      spec, dData: output.descriptor, data: input.memory.descriptor, flags: flags, hint: forward,
      name: "\(name): backward")
    let dy = try builder.converted(
      dOutput, to: descriptor.layout(of: DNNL_ARG_DIFF_DST) ?? output.descriptor, name: name)
    let vector = MemoryDescriptor(dense: [spec.channels])
    let dScale = try builder.pool.acquire(vector)
    let dShift = try builder.pool.acquire(vector)
    // The input's gradient is a by-product: where nobody needs it, it still has to go somewhere.
    let dInput = try builder.pool.acquire(input.memory.descriptor)
    var arguments = [
      (DNNL_ARG_SRC, input.memory), (DNNL_ARG_MEAN, mean), (DNNL_ARG_VARIANCE, variance), (DNNL_ARG_SCALE, scale),
      (DNNL_ARG_SHIFT, shift), (DNNL_ARG_DIFF_DST, dy), (DNNL_ARG_DIFF_SRC, dInput), (DNNL_ARG_DIFF_SCALE, dScale),
      (DNNL_ARG_DIFF_SHIFT, dShift),
    ]
    if let workspace { arguments.append((DNNL_ARG_WORKSPACE, workspace)) }
    builder.run(descriptor, arguments)
    builder.releaseConverted(dy, of: dOutput)
    try builder.addToGradient("\(name).weight", shape: [spec.channels], dScale)
    try builder.addToGradient("\(name).bias", shape: [spec.channels], dShift)
    builder.pool.release(dScale)
    builder.pool.release(dShift)
    try builder.share(dInput, with: input, name: name)
    builder.pool.release(dInput)
  }
}
