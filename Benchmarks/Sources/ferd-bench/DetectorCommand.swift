import ArgumentParser
import Capture
import FaceCrop
import Inference
import Pixels
import Training

/// Times the face detector: shrinking the picture, the network, decoding and suppression of boxes.
struct DetectorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "detector", abstract: "Time the face detector on one picture.")

  @Argument(help: "A picture or video, whose first frame is used; without one the picture is noise.")
  var picture: String?

  @Option(help: "Detector (.safetensors); default: the bundled one's network with random weights.")
  var model: String?

  @Option(help: "The picture is brought to this width first.")
  var width = 320

  @Option(help: "The picture is brought to this height first.")
  var height = 180

  @Option(parsing: .upToNextOption, help: "f32, bf16; default: what the processor is fast at.")
  var precisions: [Precision] = Precision.worthwhile

  @Option var threads = 1

  @Option(help: "How long each figure is measured.")
  var seconds = 2.0

  func run() throws {
    let image = try picture.map(firstFrame(of:)) ?? noise()
    let loaded = try model.map { path in try ModelFile.read(from: path) }
    let spec = loaded?.spec ?? FaceDetectorSpec.model()
    let weights = loaded?.tensors ?? weightsWithoutFaces(spec)
    for precision in precisions {
      var options = FaceDetector.Options()
      options.precision = precision
      options.threads = threads
      if loaded == nil { options.scoreThreshold = 0.99 }
      let detector = try FaceDetector(spec: spec, weights: weights, options: options)
      var faces: [DetectedFace] = []
      let measurement = try Measurement(seconds: seconds) {
        try image.withPlane { plane throws(InferenceError) in try detector.detect(in: plane, into: &faces) }
      }
      try Figure(
        what: "detector", network: spec.name, precision: precision.rawValue, batch: 1, threads: threads,
        medianMs: measurement.median * 1e3, minMs: measurement.minimum * 1e3,
        detail: "\(width)x\(height), \(faces.count) faces"
      ).printLine()
    }
  }

  private func firstFrame(of input: String) throws -> LumaImage {
    let source = try openSource(input)
    let frame = source.makeFrame()
    guard try source.read(into: frame), let plane = frame.luma else {
      throw ValidationError("\(input): no frame")
    }
    var values = [Float](repeating: 0, count: width * height)
    values.withUnsafeMutableBufferPointer {
      Resizer().resize(
        plane, toWidth: width, height: height, normalisation: Normalisation(mean: 0, standardDeviation: 1 / 255),
        into: $0, destinationWidth: width)
    }
    return LumaImage(width: width, height: height, pixels: values.map { UInt8(max(0, min(255, $0.rounded()))) })
  }

  /// Random weights, but results of 0: random ones would make hundreds of faces, whose suppression takes most of the time.
  private func weightsWithoutFaces(_ spec: ModelSpec) -> [String: Tensor] {
    var weights = ParameterStore(spec: spec, seed: 1).exportTensors()
    for (name, tensor) in weights where spec.outputs.contains(where: { name.hasPrefix("\($0).") }) {
      weights[name] = Tensor(zeros: tensor.shape)
    }
    return weights
  }

  private func noise() -> LumaImage {
    var random = RandomGenerator(seed: 3)
    return LumaImage(
      width: width, height: height,
      pixels: (0..<width * height).map { _ in UInt8.random(in: 0...255, using: &random) }
    )
  }
}
