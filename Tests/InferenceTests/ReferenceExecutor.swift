import Foundation
import Inference

/// Runs a network node by node with plain loops, as the definitions say: what compiled plans are compared with.
struct ReferenceExecutor {
  /// A value `[batch, channels, height, width]`, dense.
  struct Value {
    var batch: Int
    var shape: FeatureShape
    var values: [Double]

    init(batch: Int, shape: FeatureShape, _ element: (Int, Int, Int, Int) -> Double) {
      self.batch = batch
      self.shape = shape
      values = []
      values.reserveCapacity(batch * shape.elementCount)
      for n in 0..<batch {
        for c in 0..<shape.channels {
          for h in 0..<shape.height { for w in 0..<shape.width { values.append(element(n, c, h, w)) } }
        }
      }
    }

    subscript(n: Int, c: Int, h: Int, w: Int) -> Double {
      values[((n * shape.channels + c) * shape.height + h) * shape.width + w]
    }

    /// nil outside of the picture.
    func sample(_ n: Int, _ c: Int, _ h: Int, _ w: Int) -> Double? {
      (0..<shape.height).contains(h) && (0..<shape.width).contains(w) ? self[n, c, h, w] : nil
    }
  }

  let spec: ModelSpec
  let weights: [String: Tensor]

  /// The outputs for a dense input `[batch, channels, height, width]`.
  func run(
    _ input: [Float], batchSize: Int, inputHeight: Int? = nil, inputWidth: Int? = nil
  ) throws -> [[Float]] {
    let shapes = try spec.inferShapes(inputHeight: inputHeight, inputWidth: inputWidth)
    let shape = shapes[ModelSpec.inputName]!
    var next = input.makeIterator()
    var values = [
      ModelSpec.inputName: Value(batch: batchSize, shape: shape) { _, _, _, _ in Double(next.next()!) }
    ]
    for node in spec.nodes {
      values[node.name] = apply(node, node.inputs.map { values[$0]! }, shapes[node.name]!)
    }
    return spec.outputs.map { values[$0]!.values.map(Float.init) }
  }

  private func apply(_ node: ModelSpec.Node, _ inputs: [Value], _ shape: FeatureShape) -> Value {
    let x = inputs[0]
    func make(_ element: (Int, Int, Int, Int) -> Double) -> Value {
      Value(batch: x.batch, shape: shape, element)
    }
    func parameter(_ name: String) -> [Float] { weights["\(node.name).\(name)"]!.values }
    switch node.layer {
    case .convolution(let spec):
      let weight = parameter("weight")
      let bias = spec.hasBias ? parameter("bias") : [Float](repeating: 0, count: spec.outputChannels)
      let perGroup = spec.inputChannels / spec.groups
      let kernel = spec.kernelSize
      return make { n, o, h, w in
        let group = o / (spec.outputChannels / spec.groups)
        var sum = Double(bias[o])
        for i in 0..<perGroup {
          for y in 0..<kernel.height {
            for z in 0..<kernel.width {
              let row = h * spec.stride.height - spec.padding.height + y * spec.dilation.height
              let column = w * spec.stride.width - spec.padding.width + z * spec.dilation.width
              guard let value = x.sample(n, group * perGroup + i, row, column) else { continue }
              sum += value * Double(weight[((o * perGroup + i) * kernel.height + y) * kernel.width + z])
            }
          }
        }
        return sum
      }
    case .batchNorm(let spec):
      let (weight, bias) = (parameter("weight"), parameter("bias"))
      let (mean, variance) = (parameter("running_mean"), parameter("running_var"))
      return make { n, c, h, w in
        (x[n, c, h, w] - Double(mean[c])) / (Double(variance[c]) + Double(spec.epsilon)).squareRoot()
          * Double(weight[c]) + Double(bias[c])
      }
    case .activation(let activation):
      return make { n, c, h, w in activation.reference(x[n, c, h, w]) }
    case .maxPool(let spec):
      return make { n, c, h, w in window(spec, x, n, c, h, w).max()! }
    case .averagePool(let spec):
      return make { n, c, h, w in
        window(spec, x, n, c, h, w).reduce(0, +) / Double(spec.kernelSize.height * spec.kernelSize.width)
      }
    case .globalAveragePool:
      return make { n, c, _, _ in
        var sum = 0.0
        for h in 0..<x.shape.height { for w in 0..<x.shape.width { sum += x[n, c, h, w] } }
        return sum / Double(x.shape.height * x.shape.width)
      }
    case .upsample2x: return make { n, c, h, w in x[n, c, h / 2, w / 2] }
    case .add: return make { n, c, h, w in x[n, c, h, w] + inputs[1][n, c, h, w] }
    case .multiply:
      let isPerChannel = inputs[1].shape != x.shape
      return make { n, c, h, w in
        x[n, c, h, w] * (isPerChannel ? inputs[1][n, c, 0, 0] : inputs[1][n, c, h, w])
      }
    case .concat:
      return make { n, c, h, w in
        var channel = c
        for input in inputs {
          if channel < input.shape.channels { return input[n, channel, h, w] }
          channel -= input.shape.channels
        }
        fatalError("more channels than the inputs have")
      }
    case .linear(let spec):
      let weight = parameter("weight")
      let bias = spec.hasBias ? parameter("bias") : [Float](repeating: 0, count: spec.outputFeatures)
      return make { n, o, _, _ in
        (0..<spec.inputFeatures).reduce(Double(bias[o])) {
          $0 + Double(weight[o * spec.inputFeatures + $1]) * x.values[n * spec.inputFeatures + $1]
        }
      }
    case .dropout, .stochasticDepth: return x
    case .softmax:
      return make { n, c, h, w in
        exp(x[n, c, h, w]) / (0..<shape.channels).reduce(0) { $0 + exp(x[n, $1, h, w]) }
      }
    }
  }

  private func window(_ spec: PoolingSpec, _ x: Value, _ n: Int, _ c: Int, _ h: Int, _ w: Int) -> [Double] {
    (0..<spec.kernelSize.height).flatMap { y in
      (0..<spec.kernelSize.width).compactMap { z in
        x.sample(
          n, c, h * spec.stride.height - spec.padding.height + y, w * spec.stride.width - spec.padding.width + z)
      }
    }
  }
}

extension Activation {
  func reference(_ x: Double) -> Double {
    switch self {
    case .relu: max(0, x)
    case .silu: x / (1 + exp(-x))
    case .hardSwish: x * min(6, max(0, x + 3)) / 6
    case .hardSigmoid: min(6, max(0, x + 3)) / 6
    case .sigmoid: 1 / (1 + exp(-x))
    }
  }
}
