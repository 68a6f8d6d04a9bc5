/// A network after fusion: what is left to run, with the parameters folded into it, before layouts are chosen.
struct FusedGraph {
  /// Index of a value in `values`.
  typealias ValueID = Int

  struct Value {
    var name: String
    var shape: FeatureShape
  }

  /// The parameters of a convolution or linear layer, row-major as in PyTorch.
  struct Weights {
    var values: [Float]
    var bias: [Float]?
  }

  enum Kind {
    case convolution(ConvolutionSpec, Weights)
    case linear(LinearSpec, Weights)
    /// value · scale + shift per channel: a batch norm that found nothing to fold into.
    case affine(scale: [Float], shift: [Float])
    case activation(Activation)
    case maxPool(PoolingSpec)
    case averagePool(PoolingSpec)
    case upsample2x
    case add
    case multiply
    case concat
    case softmax
  }

  /// What is applied to an operation's result before it is stored, in order.
  enum Epilogue: Equatable {
    case activation(Activation)
    case add(ValueID)
  }

  struct Operation {
    /// The nodes that it stands for, joined with `+`.
    var name: String
    var kind: Kind
    var inputs: [ValueID]
    var epilogue: [Epilogue]
    var output: ValueID

    /// Everything that it reads.
    var reads: [ValueID] {
      inputs
        + epilogue.compactMap {
          if case .add(let other) = $0 { other } else { nil }
        }
    }
  }

  static let input: ValueID = 0

  /// The first one is the network's input.
  var values: [Value]
  /// In an order in which each one's inputs come before it.
  var operations: [Operation]
  var outputs: [ValueID]

  /// True where nobody needs `value` after the operation at `index`, so that it may be overwritten.
  func isLastUse(of value: ValueID, at index: Int) -> Bool {
    value != Self.input && !outputs.contains(value)
      && !operations[(index + 1)...].contains { $0.reads.contains(value) }
  }

  /// True where a value goes nowhere but out of the network or into a softmax, so that rounding it gains nothing.
  func isResult(_ value: ValueID) -> Bool {
    operations.allSatisfy { operation in
      guard operation.reads.contains(value) else { return true }
      if case .softmax = operation.kind { return true }
      return false
    }
  }

  /// True where the channels of everything that convolutions exchange fill blocks of 16.
  ///
  /// Then oneDNN's kernels for such blocks are the fastest it has on AVX-512: Winograd needs them, and direct ones gain
  /// a tenth for 1×1 and a third for first layers over the channels-last ones that it would choose. With other channel
  /// numbers the padding would eat that up.
  var hasChannelsInBlocks: Bool {
    operations.allSatisfy { operation in
      guard case .convolution = operation.kind else { return true }
      let source = operation.inputs[0] == Self.input || values[operation.inputs[0]].shape.channels % 16 == 0
      return source && (outputs.contains(operation.output) || values[operation.output].shape.channels % 16 == 0)
    }
  }
}
