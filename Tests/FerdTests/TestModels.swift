import FaceCrop
import Foundation
import Inference

/// Small networks whose results can be told in advance, so that tests need no trained ones.
///
/// - The detector takes every bright square of 32 pixels (on its grid of 32 pixels) for a face of that size.
/// - The classifier tells "happy" for a bright left half, "sad" for a bright right half, "neutral" for neither.
struct TestModels {
  static let labels = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
  /// Side of a face, and of the detector's grid, in pixels.
  static let faceSize = 32

  let detector: String
  let model: String
  /// The model as an ensemble folder with bias factors: angry 2, all others 1.
  let ensemble: String

  init(folder: URL) throws {
    detector = folder.appending(path: "detector.safetensors").path
    model = folder.appending(path: "classifier.safetensors").path
    ensemble = folder.appending(path: "ensemble").path
    try Self.makeDetector().write(to: detector)
    try Self.makeClassifier().write(to: model)
    try FileManager.default.createDirectory(atPath: ensemble, withIntermediateDirectories: true)
    try Self.makeClassifier().write(to: ensemble + "/member.safetensors")
    try EnsembleDescription(
      name: "test", folder: ensemble, members: [("member.safetensors", 1)], labels: Self.labels, bias: ["angry": 2]
    ).write(toFolder: ensemble)
  }

  /// Options of `ferd annotate` that choose these.
  var options: [String] { ["--model", model, "--detector", detector] }

  /// Two levels: one for faces of 32 pixels, one for those of 64, which they have where a still picture is enlarged to
  /// twice its size. The first one sees no face in a part of a larger one.
  private static func makeDetector() throws -> ModelFile {
    func mean(_ size: Int) -> ModelSpec.Node {
      ModelSpec.Node(
        name: "mean\(size)", inputs: [ModelSpec.inputName],
        layer: .averagePool(PoolingSpec(kernelSize: size, stride: size)))
    }
    func head(_ name: String, from input: String, channels: Int) -> ModelSpec.Node {
      ModelSpec.Node(
        name: name, inputs: [input],
        layer: .convolution(
          ConvolutionSpec(
            inputChannels: channels, outputChannels: FaceBoxCoding.channels, kernelSize: 1, hasBias: true)))
    }
    let spec = ModelSpec(
      name: "bright-squares", inputChannels: 1, inputHeight: 64, inputWidth: 64,
      nodes: [
        mean(faceSize), mean(2 * faceSize),
        ModelSpec.Node(name: "around", inputs: ["mean\(2 * faceSize)"], layer: .upsample2x),
        ModelSpec.Node(name: "both", inputs: ["mean\(faceSize)", "around"], layer: .concat),
        head("head", from: "both", channels: 2), head("large", from: "mean\(2 * faceSize)", channels: 1),
      ], outputs: ["head", "large"])
    // Input is (v / 255 - 0.5) / 0.25, from -2 to 2.
    return try ModelFile(
      spec: spec,
      tensors: [
        "head.weight": weight([20, -20]), "head.bias": bias(-24, stride: faceSize),
        "large.weight": weight([20]), "large.bias": bias(-24, stride: 2 * faceSize),
      ], record: ModelRecord(inputMean: 0.5, inputStandardDeviation: 0.25))
  }

  /// Only the score depends on the picture.
  private static func weight(_ ofScore: [Float]) -> Tensor {
    Tensor(
      shape: [FaceBoxCoding.channels, ofScore.count, 1, 1],
      values: ofScore + [Float](repeating: 0, count: (FaceBoxCoding.channels - 1) * ofScore.count))
  }

  /// The box is the cell itself.
  private static func bias(_ ofScore: Float, stride: Int) -> Tensor {
    let half = Float(stride) / 2
    let values = FaceBoxCoding(stride: stride).encode(
      box: .init(x: 0, y: 0, width: 2 * half, height: 2 * half),
      landmarks: FaceLandmarks(
        rightEye: .init(x: 0.62 * half, y: 0.76 * half), leftEye: .init(x: 1.34 * half, y: 0.8 * half),
        nose: .init(x: 0.94 * half, y: 1.18 * half), rightMouthCorner: .init(x: 0.66 * half, y: 1.5 * half),
        leftMouthCorner: .init(x: 1.26 * half, y: 1.52 * half)), row: 0, column: 0)
    return Tensor(shape: [FaceBoxCoding.channels], values: [ofScore] + values)
  }

  private static func makeClassifier() throws -> ModelFile {
    let spec = ModelSpec(
      name: "halves", inputChannels: 1, inputHeight: 48, inputWidth: 48,
      nodes: [
        ModelSpec.Node(
          name: "mean", inputs: [ModelSpec.inputName],
          layer: .averagePool(PoolingSpec(kernelSize: 24, stride: 24))),
        ModelSpec.Node(
          name: "linear", inputs: ["mean"], layer: .linear(LinearSpec(inputFeatures: 4, outputFeatures: 7))),
      ], outputs: ["linear"])
    // Features: brightness 0 to 1 of upper left, upper right, lower left, lower right.
    var weight = [Float](repeating: 0, count: 28)
    for (feature, sign) in [1, -1, 1, -1].enumerated() {
      weight[4 * 3 + feature] = 10 * Float(sign)
      weight[4 * 4 + feature] = -10 * Float(sign)
    }
    var bias = [Float](repeating: 0, count: 7)
    bias[6] = 2.5
    return try ModelFile(
      spec: spec,
      tensors: [
        "linear.weight": Tensor(shape: [7, 4], values: weight), "linear.bias": Tensor(shape: [7], values: bias),
      ], record: ModelRecord(labels: labels))
  }
}
