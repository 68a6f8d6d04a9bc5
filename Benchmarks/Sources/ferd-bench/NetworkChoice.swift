import ArgumentParser
import FaceCrop
import Inference
import Training

/// A network by name, or a model file.
enum NetworkChoice: ExpressibleByArgument {
  case fer48
  case detector
  case file(String)

  static let help: ArgumentHelp = "fer48, detector, or a model file (.safetensors)."

  init?(argument: String) {
    switch argument {
    case "fer48": self = .fer48
    case "detector": self = .detector
    default:
      guard argument.hasSuffix(".safetensors") else { return nil }
      self = .file(argument)
    }
  }

  /// Weights are random where they do not come from a file: they do not change what is computed.
  func load() throws -> (spec: ModelSpec, weights: [String: Tensor]) {
    let spec: ModelSpec
    switch self {
    case .fer48: spec = .fer48()
    case .detector: spec = FaceDetectorSpec.model()
    case .file(let path):
      let model = try ModelFile.read(from: path)
      return (model.spec, model.tensors)
    }
    return (spec, ParameterStore(spec: spec, seed: 1).exportTensors())
  }
}
