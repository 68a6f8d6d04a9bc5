package import CDNNL

/// A convolution through kernels of our own, where these are faster than oneDNN's or oneDNN has none.
///
/// Source and target are `[n, c, h, w]` in `layout`, of `dataType`.
package protocol OwnConvolution {
  /// For profiles.
  static var name: String { get }
  static var layout: dnnl_format_tag_t { get }
  static var dataType: dnnl_data_type_t { get }

  /// Layout of the transformed weights.
  static func weightsLayout(_ spec: ConvolutionSpec, source: [Int]) -> MemoryDescriptor

  /// - Parameters:
  ///   - source: Shape of the source, `[n, c, h, w]`.
  ///   - weights: Those of `transformed` for the same shape; nil where they come later, by `load`.
  ///   - bias: `[o]`.
  ///   - adds: Whether the result is added to what the target holds.
  ///   - rectifies: Whether a ReLU comes last.
  init(
    _ spec: ConvolutionSpec, source: [Int], weights: AlignedBuffer?, bias: [Float]?, adds: Bool, rectifies: Bool)

  /// Turns the gradient of a convolution's result into that of its source.
  ///
  /// - Parameter source: Shape of the convolution's source.
  init(gradientOf spec: ConvolutionSpec, source: [Int])

  /// - Parameter values: The spec's weights, dense `[o, i, h, w]`.
  func load(_ values: UnsafeBufferPointer<Float>)

  /// Scratch memory in bytes for `run` on the threads that `DNNL.setThreadCount` set.
  var scratchByteCount: Int { get }

  /// On the threads that `DNNL.setThreadCount` set. Allocates nothing.
  ///
  /// - Parameter scratch: Of `scratchByteCount` at least.
  func run(from source: Memory, into target: Memory, scratch: AlignedBuffer)

  /// The same for `addWeightsGradient`.
  var gradientScratchByteCount: Int { get }

  /// gradient += the gradient of the weights, dense `[o, i, h, w]`.
  ///
  /// - Parameter scratch: Of `gradientScratchByteCount` at least.
  func addWeightsGradient(
    source: Memory, dResult: Memory, to gradient: UnsafeMutableBufferPointer<Float>, scratch: AlignedBuffer)
}

extension OwnConvolution {
  package init(_ spec: ConvolutionSpec, source: [Int]) {
    self.init(spec, source: source, weights: nil, bias: nil, adds: false, rectifies: false)
  }

  /// Weights for the initialiser, from the spec's, dense `[o, i, h, w]`.
  package static func transformed(_ values: [Float], _ spec: ConvolutionSpec, source: [Int]) -> AlignedBuffer {
    let weights = AlignedBuffer(byteCount: weightsLayout(spec, source: source).byteCount)
    let convolution = Self(spec, source: source, weights: weights, bias: nil, adds: false, rectifies: false)
    values.withUnsafeBufferPointer { convolution.load($0) }
    return weights
  }
}

extension Optional<[Float]> {
  func withUnsafePointer(_ body: (UnsafePointer<Float>?) -> Void) {
    guard let self else { return body(nil) }
    self.withUnsafeBufferPointer { body($0.baseAddress) }
  }
}
