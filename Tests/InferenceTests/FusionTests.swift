import TestSupport
import Testing

@testable import Inference

/// Each pattern that the compiler fuses, against the plain executor, and what is left of it.
struct FusionTests {
  struct Pattern: CustomTestStringConvertible {
    var name: String
    /// Operations that remain.
    var operations: [String]
    var outputs: [String]?
    var build: @Sendable (inout NetworkBuilder) -> Void
    var testDescription: String { name }

    var spec: ModelSpec {
      var network = NetworkBuilder()
      build(&network)
      return network.model(name, inputChannels: 5, inputHeight: 9, inputWidth: 7, outputs: outputs)
    }
  }

  static let patterns: [Pattern] = [
    .init(name: "batch norm and activation after a convolution", operations: ["conv+bn+act", "conv+bn+act"]) {
      $0.convolution("conv", from: 5, to: 8, kernelSize: 3)
      $0.add("bn", .batchNorm(BatchNormSpec(channels: 8)))
      $0.add("act", .activation(.silu))
    },
    .init(name: "batch norm after a convolution with bias", operations: ["conv+bn"]) {
      $0.add(
        "conv",
        .convolution(
          ConvolutionSpec(inputChannels: 5, outputChannels: 10, kernelSize: 3, stride: 2, groups: 5, hasBias: true))
      )
      $0.add("bn", .batchNorm(BatchNormSpec(channels: 10, epsilon: 1e-3)))
    },
    .init(name: "batch norm after a linear layer", operations: ["fc+bn+act"]) {
      $0.add("fc", .linear(LinearSpec(inputFeatures: 5 * 9 * 7, outputFeatures: 11)))
      $0.add("bn", .batchNorm(BatchNormSpec(channels: 11)))
      $0.add("act", .activation(.relu))
    },
    .init(name: "batch norm of the input", operations: ["bn+act", "conv"]) {
      $0.add("bn", .batchNorm(BatchNormSpec(channels: 5)))
      $0.add("act", .activation(.relu))
      $0.convolution("conv", from: 5, to: 8, kernelSize: 3)
    },
    .init(name: "batch norm of a value that another reads", operations: ["conv", "bn", "add"]) {
      let conv = $0.convolution("conv", from: 5, to: 8, kernelSize: 3)
      $0.add("bn", .batchNorm(BatchNormSpec(channels: 8)))
      $0.add("add", .add, to: "bn", conv)
    },
    .init(name: "two batch norms", operations: ["conv+bn1+bn2"]) {
      $0.convolution("conv", from: 5, to: 8, kernelSize: 3)
      $0.add("bn1", .batchNorm(BatchNormSpec(channels: 8)))
      $0.add("bn2", .batchNorm(BatchNormSpec(channels: 8)))
    },
    .init(name: "batch norm after an activation", operations: ["conv+act", "bn"]) {
      $0.convolution("conv", from: 5, to: 8, kernelSize: 3)
      $0.add("act", .activation(.relu))
      $0.add("bn", .batchNorm(BatchNormSpec(channels: 8)))
    },
    .init(name: "two activations", operations: ["conv+first", "second", "second"]) {
      $0.convolution("conv", from: 5, to: 8, kernelSize: 3)
      $0.add("first", .activation(.relu))
      $0.add("second", .activation(.hardSigmoid))
    },
    .init(name: "residual block", operations: ["stem", "conv1+relu1", "conv2+bn2+add+relu2"]) {
      let stem = $0.convolution("stem", from: 5, to: 16, kernelSize: 1)
      $0.convolution("conv1", from: 16, to: 16, kernelSize: 3)
      $0.add("relu1", .activation(.relu))
      $0.convolution("conv2", from: 16, to: 16, kernelSize: 3)
      let branch = $0.add("bn2", .batchNorm(BatchNormSpec(channels: 16)))
      $0.add("add", .add, to: branch, stem)
      $0.add("relu2", .activation(.relu))
    },
    .init(
      name: "residual block whose shortcut is read again",
      operations: ["stem", "conv1+add+relu", "conv2+last"]
    ) {
      let stem = $0.convolution("stem", from: 5, to: 16, kernelSize: 3)
      $0.convolution("conv1", from: 16, to: 16, kernelSize: 3)
      $0.add("add", .add, to: stem, "conv1")
      let relu = $0.add("relu", .activation(.relu))
      $0.convolution("conv2", from: 16, to: 16, kernelSize: 3, input: relu)
      $0.add("last", .add, to: "conv2", stem)
    },
    .init(name: "residual of the convolution's own input", operations: ["stem", "conv+add"]) {
      let stem = $0.convolution("stem", from: 5, to: 16, kernelSize: 1)
      $0.convolution("conv", from: 16, to: 16, kernelSize: 1)
      $0.add("add", .add, to: "conv", stem)
    },
    .init(name: "residual of the network's input", operations: ["conv+add"]) {
      $0.convolution("conv", from: 5, to: 5, kernelSize: 3)
      $0.add("add", .add, to: ModelSpec.inputName, "conv")
    },
    .init(name: "shortcut that is a result", operations: ["stem", "conv+add"], outputs: ["stem", "add"]) {
      let stem = $0.convolution("stem", from: 5, to: 16, kernelSize: 3)
      $0.convolution("conv", from: 16, to: 16, kernelSize: 3)
      $0.add("add", .add, to: "conv", stem)
    },
    .init(name: "branch that is a result", operations: ["stem", "conv", "act", "add"], outputs: ["conv", "add"]) {
      let stem = $0.convolution("stem", from: 5, to: 16, kernelSize: 3)
      $0.convolution("conv", from: 16, to: 16, kernelSize: 3)
      $0.add("act", .activation(.relu), to: stem)
      $0.add("add", .add, to: "conv", "act")
    },
    .init(name: "sum of a projection and a branch", operations: ["conv", "projection+bn+add+relu"]) {
      $0.convolution("conv", from: 5, to: 16, kernelSize: 3, stride: 2)
      $0.convolution("projection", from: 5, to: 16, kernelSize: 1, stride: 2, input: ModelSpec.inputName)
      $0.add("bn", .batchNorm(BatchNormSpec(channels: 16)))
      $0.add("add", .add, to: "conv", "bn")
      $0.add("relu", .activation(.relu))
    },
    .init(name: "a value added to itself", operations: ["conv", "add+relu"]) {
      $0.convolution("conv", from: 5, to: 16, kernelSize: 3)
      $0.add("add", .add, to: "conv", "conv")
      $0.add("relu", .activation(.relu))
    },
    .init(name: "sum of two poolings", operations: ["max", "average", "add+act"]) {
      $0.add("max", .maxPool(PoolingSpec(kernelSize: 3, stride: 2, padding: 1)))
      $0.add("average", .averagePool(PoolingSpec(kernelSize: 3, stride: 2, padding: 1)), to: ModelSpec.inputName)
      $0.add("add", .add, to: "max", "average")
      $0.add("act", .activation(.sigmoid))
    },
    .init(
      name: "squeeze and excitation",
      operations: ["expand+act", "squeeze", "reduce+relu", "restore+gate", "scale", "project+add"]
    ) {
      $0.convolution("expand", from: 5, to: 24, kernelSize: 1)
      let features = $0.add("act", .activation(.hardSwish))
      $0.add("squeeze", .globalAveragePool)
      $0.convolution("reduce", from: 24, to: 4, kernelSize: 1)
      $0.add("relu", .activation(.relu))
      $0.convolution("restore", from: 4, to: 24, kernelSize: 1)
      let gate = $0.add("gate", .activation(.hardSigmoid))
      $0.add("scale", .multiply, to: features, gate)
      $0.convolution("project", from: 24, to: 5, kernelSize: 1)
      $0.add("add", .add, to: "project", ModelSpec.inputName)
    },
    .init(name: "dropout", operations: ["conv+act", "fc"]) {
      $0.convolution("conv", from: 5, to: 8, kernelSize: 3)
      $0.add("dropout1", .dropout(probability: 0.2))
      $0.add("act", .activation(.relu))
      $0.add("dropout2", .dropout(probability: 0.2))
      $0.add("fc", .linear(LinearSpec(inputFeatures: 8 * 9 * 7, outputFeatures: 3)))
    },
    .init(name: "dropout of the input as a result", operations: [], outputs: ["dropout", ModelSpec.inputName]) {
      $0.add("dropout", .dropout(probability: 0.2))
    },
    .init(name: "the same result twice", operations: ["conv"], outputs: ["conv", "conv"]) {
      $0.convolution("conv", from: 5, to: 8, kernelSize: 3)
    },
    .init(name: "a branch that nobody reads", operations: ["conv"], outputs: ["conv"]) {
      $0.convolution("conv", from: 5, to: 8, kernelSize: 3)
      $0.convolution("unread", from: 8, to: 8, kernelSize: 3)
    },
    .init(
      name: "feature pyramid", operations: ["low+act", "high+relu", "up", "lateral+add+relu2", "concat", "head"],
      outputs: ["head", "relu"]
    ) {
      $0.add(
        "low",
        .convolution(
          ConvolutionSpec(
            inputChannels: 5, outputChannels: 16, kernelSize: Extent(height: 2, width: 2), stride: Extent(1),
            padding: Extent(0), dilation: Extent(1), groups: 1, hasBias: true)))
      let low = $0.add("act", .activation(.relu))
      $0.convolution("high", from: 16, to: 16, kernelSize: 3, stride: 2)
      $0.add("relu", .activation(.relu))
      $0.add("up", .upsample2x)
      $0.convolution("lateral", from: 16, to: 16, kernelSize: 1, input: low)
      $0.add("add", .add, to: "lateral", "up")
      $0.add("relu2", .activation(.relu))
      $0.add("concat", .concat, to: "relu2", low, "up")
      $0.convolution("head", from: 48, to: 3, kernelSize: 1)
    },
    .init(name: "softmax of logits", operations: ["conv", "pool", "fc", "softmax"]) {
      $0.convolution("conv", from: 5, to: 8, kernelSize: 3)
      $0.add("pool", .globalAveragePool)
      $0.add("fc", .linear(LinearSpec(inputFeatures: 8, outputFeatures: 7)))
      $0.add("softmax", .softmax)
    },
  ]

  @Test(arguments: patterns)
  func aFusedNetworkGivesWhatTheNodesGive(pattern: Pattern) throws {
    let spec = pattern.spec
    let weights = spec.randomWeights()
    var generator = SeededGenerator(seed: 7)
    let pictures = generator.values(4 * 5 * 9 * 7)
    let all = try ReferenceExecutor(spec: spec, weights: weights).run(pictures, batchSize: 4)
    // Four pictures are shared out to the two threads, three are not.
    for batchSize in [1, 3, 4] {
      for precision in Precision.testable {
        let plan = try InferencePlan(
          spec: spec, weights: weights, batchSize: batchSize, precision: precision, threads: 2)
        let remaining = plan.operations.map(\.name).filter { $0 != "reorder" }
        #expect(remaining == pattern.operations)
        // Twice: what is computed in place must not spoil the next run.
        for _ in 0..<2 {
          let input = Array(pictures.prefix(batchSize * 5 * 9 * 7))
          for (value, expected) in zip(try results(of: plan, for: input, outputs: all.count), all) {
            let part = Array(expected.prefix(expected.count / 4 * batchSize))
            #expect(relativeError(value, part) < precision.tolerance, "\(precision) batch \(batchSize)")
          }
        }
      }
    }
  }

  @Test func valuesThatLiveTogetherNeverOverlap() {
    var generator = SeededGenerator(seed: 8)
    for _ in 0..<50 {
      let intervals = (0..<20).map { _ in
        let first = Int.random(in: 0..<20, using: &generator)
        return ArenaPlanner.Interval(
          byteCount: Int.random(in: 0...1000, using: &generator), first: first,
          last: first + Int.random(in: 0...4, using: &generator))
      }
      let (offsets, total) = ArenaPlanner.plan(intervals)
      for (i, a) in intervals.enumerated() {
        #expect(offsets[i] % 64 == 0 && offsets[i] + a.byteCount <= total)
        for (j, b) in intervals.enumerated() where j < i && a.first <= b.last && b.first <= a.last {
          #expect(offsets[i] >= offsets[j] + b.byteCount || offsets[j] >= offsets[i] + a.byteCount)
        }
      }
    }
  }
}
