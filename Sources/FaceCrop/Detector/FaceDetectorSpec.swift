public import Inference

/// The detector's network: fully convolutional, anchor-free, four levels, on one channel of luma.
///
/// A convolution to stride 4, depthwise separable residual blocks from there on (at equal time per multiply-add on
/// oneDNN they buy more depth than full ones), and a light top-down path that gives the fine levels the context of the
/// coarse ones. At 320x192 it takes 62 million multiply-adds, two thirds of them up to stride 8, where the small faces
/// are.
///
/// Each level is one output `[batch, 15, rows, columns]`; `FaceBoxCoding` tells what its channels mean.
public enum FaceDetectorSpec {
  /// Pixels of the network's input between neighbouring cells of each level; the order of the outputs.
  public static let strides = [8, 16, 32, 64]
  /// Both sides of the network's input are multiples of this.
  public static let inputMultiple = 64
  /// Input luma is given to the network as `(v / 255 - mean) / standardDeviation`.
  public static let inputMean: Float = 0.5
  public static let inputStandardDeviation: Float = 0.25
  /// What the input holds outside the picture: the mean, which is also what convolutions pad with.
  public static let inputPadding: Float = 0

  /// Name of a level's output node.
  public static func outputName(stride: Int) -> String { "head\(stride).output" }

  /// The network with the given input size, which must be positive multiples of 64 to run.
  public static func model(inputHeight: Int = 192, inputWidth: Int = 320) -> ModelSpec {
    var net = DetectorNetworkBuilder()
    let fine = 64
    let coarse = 96

    var x = net.convolution("stem.0", ModelSpec.inputName, from: 1, to: 16, kernelSize: 3, stride: 2)
    x = net.convolution("stem.1", x, from: 16, to: 32, kernelSize: 3, stride: 2)

    var stages: [String] = []
    var channels = 32
    for (stride, width, blocks) in [(8, fine, 3), (16, coarse, 3), (32, coarse, 2), (64, coarse, 2)] {
      x = net.separable("stage\(stride).down", x, from: channels, to: width, stride: 2)
      channels = width
      for block in 0..<blocks {
        x = net.residual("stage\(stride).block\(block)", x, channels: channels)
      }
      stages.append(x)
    }

    // From the coarsest level to the finest: lateral + enlarged coarser level, then a block to merge them.
    var above: String?
    var outputs: [String] = []
    for (level, stride) in strides.enumerated().reversed() {
      var merged = stages[level]
      if stride != 8 {
        merged = net.convolution("lateral\(stride)", merged, from: coarse, to: fine, kernelSize: 1)
      }
      if let above {
        let enlarged = net.node("merge\(stride).upsample", [above], .upsample2x)
        merged = net.node("merge\(stride).add", [merged, enlarged], .add)
      }
      merged = net.residual("merge\(stride).block", merged, channels: fine)
      above = merged
      let head = net.residual("head\(stride).block", merged, channels: fine)
      outputs.insert(
        net.node(
          outputName(stride: stride), [head],
          .convolution(
            ConvolutionSpec(
              inputChannels: fine, outputChannels: FaceBoxCoding.channels, kernelSize: 1, hasBias: true))),
        at: 0)
    }
    return ModelSpec(
      name: "ferd-detector", inputChannels: 1, inputHeight: inputHeight, inputWidth: inputWidth, nodes: net.nodes,
      outputs: outputs)
  }
}

/// Collects nodes; each function returns the name of its result.
private struct DetectorNetworkBuilder {
  var nodes: [ModelSpec.Node] = []

  mutating func node(_ name: String, _ inputs: [String], _ layer: LayerSpec) -> String {
    nodes.append(ModelSpec.Node(name: name, inputs: inputs, layer: layer))
    return name
  }

  /// Convolution, batch normalisation and, unless told otherwise, ReLU.
  mutating func convolution(
    _ name: String, _ input: String, from: Int, to: Int, kernelSize: Int, stride: Int = 1, groups: Int = 1,
    isActivated: Bool = true
  ) -> String {
    let spec = ConvolutionSpec(
      inputChannels: from, outputChannels: to, kernelSize: kernelSize, stride: stride, padding: kernelSize / 2,
      groups: groups)
    let convolved = node("\(name).convolution", [input], .convolution(spec))
    let normalised = node("\(name).norm", [convolved], .batchNorm(BatchNormSpec(channels: to)))
    return isActivated ? node("\(name).relu", [normalised], .activation(.relu)) : normalised
  }

  /// 3x3 depthwise, then 1x1.
  mutating func separable(
    _ name: String, _ input: String, from: Int, to: Int, stride: Int = 1, isActivated: Bool = true
  ) -> String {
    let spatial = convolution(
      "\(name).depthwise", input, from: from, to: from, kernelSize: 3, stride: stride, groups: from)
    return convolution("\(name).pointwise", spatial, from: from, to: to, kernelSize: 1, isActivated: isActivated)
  }

  mutating func residual(_ name: String, _ input: String, channels: Int) -> String {
    let branch = separable(name, input, from: channels, to: channels, isActivated: false)
    let sum = node("\(name).add", [branch, input], .add)
    return node("\(name).relu", [sum], .activation(.relu))
  }
}
