internal import CKernels
import Inference

/// Element-wise kernels over flat buffers. Those of equal length are not checked again in C.
enum TensorKernels {
  typealias Buffer = UnsafeMutableBufferPointer<Float>

  /// target += source
  static func add(_ source: Buffer, to target: Buffer) {
    precondition(source.count >= target.count)
    ferd_add(source.baseAddress, target.baseAddress, target.count)
  }

  /// values *= factor
  static func scale(_ values: Buffer, by factor: Float) { ferd_scale(values.baseAddress, values.count, factor) }

  static func squareSum(_ values: Buffer) -> Double { ferd_square_sum(values.baseAddress, values.count) }

  /// average += share · (values - average)
  static func average(_ values: Buffer, into average: Buffer, share: Float) {
    precondition(values.count == average.count)
    ferd_average(average.baseAddress, values.baseAddress, average.count, share)
  }

  /// See `SGD`; `range` in values.
  static func sgd(
    _ store: ParameterStore, velocity: Buffer, range: Range<Int>, learningRate: Float, momentum: Float,
    weightDecay: Float
  ) {
    ferd_sgd(
      store.values.baseAddress! + range.lowerBound, store.gradients.baseAddress! + range.lowerBound,
      velocity.baseAddress! + range.lowerBound, range.count, learningRate, momentum, weightDecay)
  }

  /// See `AdamW`; `range` in values.
  static func adamW(
    _ store: ParameterStore, mean: Buffer, square: Buffer, range: Range<Int>, learningRate: Float,
    settings: AdamW.Settings, weightDecay: Float, step: Int
  ) {
    let start = range.lowerBound
    ferd_adamw(
      store.values.baseAddress! + start, store.gradients.baseAddress! + start, mean.baseAddress! + start,
      square.baseAddress! + start, range.count, learningRate, settings.beta1, settings.beta2, settings.epsilon,
      weightDecay, 1 - power(settings.beta1, step), 1 - power(settings.beta2, step))
  }

  /// By repeated squaring, in double.
  private static func power(_ base: Float, _ exponent: Int) -> Float {
    var result = 1.0
    var factor = Double(base)
    var rest = exponent
    while rest > 0 {
      if rest & 1 == 1 { result *= factor }
      factor *= factor
      rest >>= 1
    }
    return Float(result)
  }

  /// target = source with each element zeroed with `probability`, the others scaled by 1 / (1 - probability).
  static func dropout(_ source: Memory, into target: Memory, precision: Precision, probability: Float, seed: UInt64)
  {
    let threshold = UInt32(Double(probability) * 0x1p32)
    let scale = 1 / (1 - probability)
    let bytes = min(source.descriptor.byteCount, target.descriptor.byteCount)
    switch precision {
    case .f32:
      ferd_dropout_f32(
        source.pointer.assumingMemoryBound(to: Float.self), target.pointer.assumingMemoryBound(to: Float.self),
        bytes / 4, seed, threshold, scale)
    case .bf16:
      ferd_dropout_bf16(
        source.pointer.assumingMemoryBound(to: UInt16.self), target.pointer.assumingMemoryBound(to: UInt16.self),
        bytes / 2, seed, threshold, scale)
    }
  }

  /// target = source, `count` pictures one after the other, with each picture zeroed with `probability`, the others scaled
  /// by 1 / (1 - probability).
  static func dropPictures(
    _ source: Memory, into target: Memory, count: Int, precision: Precision, probability: Float, seed: UInt64
  ) {
    let threshold = UInt32(Double(probability) * 0x1p32)
    let scale = 1 / (1 - probability)
    let bytes = min(source.descriptor.byteCount, target.descriptor.byteCount) / count
    switch precision {
    case .f32:
      ferd_drop_rows_f32(
        source.pointer.assumingMemoryBound(to: Float.self), target.pointer.assumingMemoryBound(to: Float.self),
        count, bytes / 4, seed, threshold, scale)
    case .bf16:
      ferd_drop_rows_bf16(
        source.pointer.assumingMemoryBound(to: UInt16.self), target.pointer.assumingMemoryBound(to: UInt16.self),
        count, bytes / 2, seed, threshold, scale)
    }
  }

  /// Whether `addDepthwiseWeights` can compute the gradient of a convolution's weights.
  static func computesWeights(of spec: ConvolutionSpec) -> Bool {
    spec.groups == spec.inputChannels && spec.inputChannels == spec.outputChannels && !spec.hasBias
      && spec.dilation == Extent(1) && spec.kernelSize.height <= 7 && spec.kernelSize.width <= 7
  }

  /// gradient += the gradient of a depthwise convolution's weights.
  ///
  /// - Parameters:
  ///   - source: `[n, c, h, w]` in blocks of 16 channels.
  ///   - dResult: likewise.
  ///   - gradient: `[c, 1, kernelSize.height, kernelSize.width]`.
  ///   - scratch: for bf16, `depthwiseScratchCount` values.
  static func addDepthwiseWeights(
    _ spec: ConvolutionSpec, source: Memory, dResult: Memory, to gradient: Buffer, precision: Precision,
    scratch: Buffer
  ) {
    let from = source.descriptor.shape
    let to = dResult.descriptor.shape
    var sizes = ferd_depthwise(
      batch: from[0], channels: from[1], source_height: from[2], source_width: from[3], result_height: to[2],
      result_width: to[3], kernel_height: spec.kernelSize.height, kernel_width: spec.kernelSize.width,
      stride_height: spec.stride.height, stride_width: spec.stride.width, padding_height: spec.padding.height,
      padding_width: spec.padding.width)
    switch precision {
    case .f32:
      ferd_depthwise_weights_f32(
        &sizes, source.pointer.assumingMemoryBound(to: Float.self),
        dResult.pointer.assumingMemoryBound(to: Float.self), gradient.baseAddress)
    case .bf16:
      precondition(scratch.count >= depthwiseScratchCount(source.descriptor, dResult.descriptor))
      ferd_depthwise_weights_bf16(
        &sizes, source.pointer.assumingMemoryBound(to: UInt16.self),
        dResult.pointer.assumingMemoryBound(to: UInt16.self), gradient.baseAddress, scratch.baseAddress)
    }
  }

  static func depthwiseScratchCount(_ source: MemoryDescriptor, _ dResult: MemoryDescriptor) -> Int {
    16 * (source.shape[2] * source.shape[3] + dResult.shape[2] * dResult.shape[3])
  }
}
