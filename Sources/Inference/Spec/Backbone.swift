/// The networks that classify faces, by the names that recipes, models and the command line use.
public enum Backbone: String, CaseIterable, Codable, Sendable {
  /// Our own for 48-pixel faces.
  case fer48
  case resnet18
  case efficientNetB0 = "efficientnet_b0"
  case mobileNetV3Small = "mobilenet_v3_small"

  /// - Throws: `InferenceError.invalidModel` with the names that there are.
  public init(name: String) throws(InferenceError) {
    guard let backbone = Backbone(rawValue: name) else {
      throw .invalidModel(node: name, "it is no backbone; there are \(Self.list)")
    }
    self = backbone
  }

  /// All names, for messages: `fer48, resnet18, efficientnet_b0 and mobilenet_v3_small`.
  public static var list: String {
    let names = allCases.map(\.rawValue)
    return "\(names.dropLast().joined(separator: ", ")) and \(names.last!)"
  }

  /// Side in pixels of the pictures that it was made for. All of them take others too.
  public var imageSize: Int {
    switch self {
    case .fer48: 48
    case .resnet18, .efficientNetB0, .mobileNetV3Small: 224
    }
  }

  /// Probability of dropout before the last layer where nobody says otherwise: torchvision's, for its networks.
  public var dropout: Float {
    switch self {
    case .fer48: 0.3
    case .resnet18: 0
    case .efficientNetB0, .mobileNetV3Small: 0.2
    }
  }

  /// Probability with which torchvision drops the deepest residual branch when training.
  public var stochasticDepth: Float {
    switch self {
    case .efficientNetB0: 0.2
    case .fer48, .resnet18, .mobileNetV3Small: 0
    }
  }

  /// The network.
  ///
  /// - Parameters:
  ///   - inputChannels: 1 (luma) or 3.
  ///   - classes: Length of the result, logits `[n, classes, 1, 1]`.
  ///   - imageSize: Declared side of the input in pixels; nil = `imageSize`.
  ///   - dropout: Before the last layer; nil = `dropout`.
  ///   - stochasticDepth: nil = `stochasticDepth`; ignored by networks without it.
  public func makeSpec(
    inputChannels: Int = 1, classes: Int = 7, imageSize: Int? = nil, dropout: Float? = nil,
    stochasticDepth: Float? = nil
  ) -> ModelSpec {
    let dropout = dropout ?? self.dropout
    var spec: ModelSpec =
      switch self {
      case .fer48: .fer48(inputChannels: inputChannels, classes: classes, dropout: dropout)
      case .resnet18: .resnet18(inputChannels: inputChannels, classes: classes, dropout: dropout)
      case .efficientNetB0:
        .efficientNetB0(
          inputChannels: inputChannels, classes: classes, dropout: dropout,
          stochasticDepth: stochasticDepth ?? self.stochasticDepth)
      case .mobileNetV3Small: .mobileNetV3Small(inputChannels: inputChannels, classes: classes, dropout: dropout)
      }
    spec.inputHeight = imageSize ?? self.imageSize
    spec.inputWidth = imageSize ?? self.imageSize
    return spec
  }
}

extension ModelSpec {
  /// One of the networks of `Backbone`; parameters as those of `Backbone.makeSpec`.
  ///
  /// - Throws: `InferenceError.invalidModel` for a name that is none of them, and for sizes that make no network.
  public static func backbone(
    named name: String, inputChannels: Int = 1, classes: Int = 7, imageSize: Int? = nil, dropout: Float? = nil
  ) throws(InferenceError) -> ModelSpec {
    let backbone = try Backbone(name: name)
    guard inputChannels == 1 || inputChannels == 3 else {
      throw .invalidModel(node: inputName, "expected 1 or 3 input channels, not \(inputChannels)")
    }
    guard 1...100_000 ~= classes else { throw .invalidModel(node: name, "\(classes) classes") }
    let spec = backbone.makeSpec(
      inputChannels: inputChannels, classes: classes, imageSize: imageSize, dropout: dropout)
    _ = try spec.inferShapes()
    return spec
  }
}
