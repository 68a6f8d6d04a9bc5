import ArgumentParser
import FaceCrop
import Inference
import Training

/// A network by name, or a model file.
enum NetworkChoice: ExpressibleByArgument {
  case backbone(Backbone)
  case detector
  case file(String)

  static let help = ArgumentHelp("\(Backbone.list), for one channel; detector, or a model file (.safetensors).")

  init?(argument: String) {
    if argument == "detector" {
      self = .detector
    } else if let backbone = Backbone(rawValue: argument) {
      self = .backbone(backbone)
    } else if argument.hasSuffix(".safetensors") {
      self = .file(argument)
    } else {
      return nil
    }
  }

  /// Weights are random where they do not come from a file: they do not change what is computed.
  func load() throws -> (spec: ModelSpec, weights: [String: Tensor]) {
    let spec: ModelSpec
    switch self {
    case .backbone(let backbone): spec = backbone.makeSpec()
    case .detector: spec = FaceDetectorSpec.model()
    case .file(let path):
      let model = try ModelFile.read(from: path)
      return (model.spec, model.tensors)
    }
    return (spec, ParameterStore(spec: spec, seed: 1).exportTensors())
  }
}
