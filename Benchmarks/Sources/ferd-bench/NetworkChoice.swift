import ArgumentParser
import FaceCrop
import Inference
import Training

/// A network by name, perhaps with the side of its pictures (`resnet18@48`), or a model file.
enum NetworkChoice: ExpressibleByArgument {
  case backbone(Backbone, imageSize: Int?)
  case detector
  case file(String)

  static let help = ArgumentHelp(
    "\(Backbone.list), for one channel, with @SIDE for pictures of other sizes; detector, or a model file (.safetensors)."
  )

  init?(argument: String) {
    if argument == "detector" {
      self = .detector
    } else if let match = argument.wholeMatch(of: /([^@]+)(?:@([1-9][0-9]{0,3}))?/),
      let backbone = Backbone(rawValue: String(match.1))
    {
      self = .backbone(backbone, imageSize: match.2.flatMap { Int($0) })
    } else if argument.hasSuffix(".safetensors") {
      self = .file(argument)
    } else {
      return nil
    }
  }

  /// Weights are random where they do not come from a file: they do not change what is computed.
  func load() throws -> (spec: ModelSpec, weights: [String: Tensor]) {
    var spec: ModelSpec
    switch self {
    case .backbone(let backbone, let imageSize):
      spec = backbone.makeSpec(imageSize: imageSize)
      if let imageSize { spec.name += "@\(imageSize)" }
    case .detector: spec = FaceDetectorSpec.model()
    case .file(let path):
      let model = try ModelFile.read(from: path)
      return (model.spec, model.tensors)
    }
    return (spec, ParameterStore(spec: spec, seed: 1).exportTensors())
  }
}
