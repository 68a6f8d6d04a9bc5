/// What somebody has to say about a file that holds parameters alone, such as a state dict of torchvision's networks.
public struct ModelDeclaration: Equatable, Sendable {
  /// The network that the parameters are for.
  public var backbone: Backbone?
  /// Names of the classes in the order of the network's results. nil = `emotions`, if there are seven.
  public var labels: [String]?
  /// Side of the input in pixels; nil = the backbone's own.
  public var imageSize: Int?

  public init(backbone: Backbone? = nil, labels: [String]? = nil, imageSize: Int? = nil) {
    self.backbone = backbone
    self.labels = labels
    self.imageSize = imageSize
  }

  /// The seven emotions in the order of FER2013's own numbers, 0 to 6.
  public static let emotions = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]

  /// ImageNet's statistics of red, green and blue, with which torchvision's networks are trained.
  public static let imageNetMeans: [Float] = [0.485, 0.456, 0.406]
  public static let imageNetStandardDeviations: [Float] = [0.229, 0.224, 0.225]
}

extension ModelFile {
  /// Reads a model file, or a file that holds parameters alone: safetensors of anybody, or PyTorch's `.pth`.
  ///
  /// A file without a record is taken for one whose training followed torchvision: three channels are normalised with
  /// ImageNet's mean and standard deviation each, a single one with the means of these. The number of channels and of
  /// classes follows from the parameters.
  /// - Parameter declaration: What the file does not say. A model file says everything; a declaration must not contradict
  ///   it.
  /// - Throws: `unreadableFile` where something is missing in the declaration or contradicts the file, and what `read`
  ///   throws.
  public static func read(
    from path: String, as declaration: ModelDeclaration
  ) throws(InferenceError) -> ModelFile {
    let bytes = try FileAccess.read(path)
    let parameters: StateDict
    if PyTorchFile.isPyTorch(bytes) {
      parameters = try StateDict(bytes: bytes, path: path)
    } else {
      let content = try Safetensors(bytes: bytes, path: path)
      guard !isModel(content) else {
        let model = try read(content, bytes: bytes, path: path)
        if let problem = declaration.contradiction(to: model) { throw .unreadableFile(path: path, problem) }
        return model
      }
      parameters = StateDict(content, path: path)
    }
    var model = try ModelFile(parameters, as: declaration)
    model.checksum = bytes.withUnsafeBytes(FileBytes.sha256)
    return model
  }

  /// - Throws: As `read`.
  init(_ parameters: StateDict, as declaration: ModelDeclaration) throws(InferenceError) {
    func fail(_ problem: String) -> InferenceError { .unreadableFile(path: parameters.path, problem) }
    guard let backbone = declaration.backbone else {
      throw fail("it holds parameters and does not say for what: its backbone must be named, \(Backbone.list)")
    }
    if let name = parameters.integers.keys.min() {
      throw .parameter(name: name, "expected floating-point values, found \(parameters.integers[name]!)")
    }
    let sample = backbone.makeSpec()
    let stem = "\(sample.nodes[0].name).weight"
    let head = "\(sample.outputs[0]).weight"
    guard let first = parameters.tensors[stem], first.shape.count == 4 else {
      throw fail("no convolution weights \"\(stem)\" in it: it is not for \(backbone.rawValue)")
    }
    guard let last = parameters.tensors[head], last.shape.count == 2 else {
      throw fail("no linear weights \"\(head)\" in it: it is not for \(backbone.rawValue)")
    }
    let spec = try ModelSpec.backbone(
      named: backbone.rawValue, inputChannels: first.shape[1], classes: last.shape[0],
      imageSize: declaration.imageSize)
    let labels: [String]
    if let declared = declaration.labels {
      guard declared.count == last.shape[0] else {
        throw fail("\(declared.count) labels for a network of \(last.shape[0]) classes")
      }
      labels = declared
    } else {
      guard last.shape[0] == ModelDeclaration.emotions.count else {
        throw fail("it has \(last.shape[0]) classes, whose labels must be named")
      }
      labels = ModelDeclaration.emotions
    }
    func mean(_ values: [Float]) -> Float { values.reduce(0, +) / Float(values.count) }
    var record = ModelRecord(
      labels: labels, inputMean: mean(ModelDeclaration.imageNetMeans),
      inputStandardDeviation: mean(ModelDeclaration.imageNetStandardDeviations))
    if spec.inputChannels == 3 {
      record.channelMeans = ModelDeclaration.imageNetMeans
      record.channelStandardDeviations = ModelDeclaration.imageNetStandardDeviations
    }
    try self.init(spec: spec, tensors: parameters.tensors, record: record)
  }
}

extension ModelDeclaration {
  /// nil where a model's own word and the declaration agree.
  fileprivate func contradiction(to model: ModelFile) -> String? {
    if let backbone, backbone.rawValue != model.spec.name {
      return "it holds the network \(model.spec.name), not \(backbone.rawValue)"
    }
    if let labels, labels != model.record.labels {
      return "its labels are \(model.record.labels.joined(separator: ", ")), not \(labels.joined(separator: ", "))"
    }
    if let imageSize, imageSize != model.spec.inputHeight || imageSize != model.spec.inputWidth {
      return "its input is \(model.spec.inputWidth)x\(model.spec.inputHeight), not \(imageSize)x\(imageSize)"
    }
    return nil
  }
}
