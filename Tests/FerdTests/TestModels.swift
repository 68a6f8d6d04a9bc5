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

  private static func makeDetector() throws -> ModelFile {
    let channels = FaceBoxCoding.channels
    let spec = ModelSpec(
      name: "bright-squares", inputChannels: 1, inputHeight: 64, inputWidth: 64,
      nodes: [
        ModelSpec.Node(
          name: "mean", inputs: [ModelSpec.inputName],
          layer: .averagePool(PoolingSpec(kernelSize: faceSize, stride: faceSize))),
        ModelSpec.Node(
          name: "head", inputs: ["mean"],
          layer: .convolution(
            ConvolutionSpec(inputChannels: 1, outputChannels: channels, kernelSize: 1, hasBias: true))),
      ], outputs: ["head"])
    let coding = FaceBoxCoding(stride: faceSize)
    // Around the only cell of a picture of one face.
    let half = Float(faceSize) / 2
    let values = coding.encode(
      box: .init(x: 0, y: 0, width: 2 * half, height: 2 * half),
      landmarks: FaceLandmarks(
        rightEye: .init(x: 0.62 * half, y: 0.76 * half), leftEye: .init(x: 1.34 * half, y: 0.8 * half),
        nose: .init(x: 0.94 * half, y: 1.18 * half), rightMouthCorner: .init(x: 0.66 * half, y: 1.5 * half),
        leftMouthCorner: .init(x: 1.26 * half, y: 1.52 * half)), row: 0, column: 0)
    // Input is (v / 255 - 0.5) / 0.25: the logit is 0 at a mean of 191.
    var weight = [Float](repeating: 0, count: channels)
    weight[0] = 20
    return try ModelFile(
      spec: spec,
      tensors: [
        "head.weight": Tensor(shape: [channels, 1, 1, 1], values: weight),
        "head.bias": Tensor(shape: [channels], values: [-20] + values),
      ], record: ModelRecord(inputMean: 0.5, inputStandardDeviation: 0.25))
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
