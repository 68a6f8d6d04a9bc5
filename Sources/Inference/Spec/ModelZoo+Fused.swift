extension ModelSpec {
  /// Names of the parts of a fused network: `backbones.<name>.<torchvision's name>`, `project.<name>`, `attention.…` and
  /// `classifier`.
  static let fusedPrefix = "backbones."

  /// Several backbones side by side that classify together, trained as one network.
  ///
  /// Each backbone's pooled features are projected to `width` values. An attention that sees all of them gives each value
  /// of each projection a weight (a sigmoid gate, as in squeeze-and-excitation, Hu et al., arXiv 1709.01507); the weighted
  /// projections are added and classified:
  ///
  ///     h = relu(W_h [p_1 … p_K] + b_h),  logits = W (Σ_k sigmoid(W_k h + b_k) ⊙ p_k) + b
  ///
  /// - Parameters:
  ///   - backbones: at least two, all different.
  ///   - width: length of the projections.
  ///   - dropout: probability before the classifier.
  public static func fused(
    _ backbones: [Backbone], inputChannels: Int = 1, classes: Int = 7, imageSize: Int = 224, width: Int = 256,
    dropout: Float = 0.3
  ) -> ModelSpec {
    precondition(backbones.count > 1 && Set(backbones).count == backbones.count, "\(backbones) fused")
    var network = NetworkBuilder()
    var projections: [String] = []
    for backbone in backbones {
      let spec = backbone.makeSpec(inputChannels: inputChannels, classes: classes, imageSize: imageSize)
      let features = network.addFeatures(of: spec, prefix: "\(fusedPrefix)\(backbone.rawValue).")
      network.add(
        "project.\(backbone.rawValue)",
        .linear(LinearSpec(inputFeatures: features.channels, outputFeatures: width)), to: features.name)
      projections.append(network.add("project.\(backbone.rawValue).relu", .activation(.relu)))
    }
    network.add("attention.concat", .concat, toAll: projections)
    network.add(
      "attention.hidden",
      .linear(LinearSpec(inputFeatures: width * projections.count, outputFeatures: max(16, width / 4))))
    let hidden = network.add("attention.relu", .activation(.relu))
    var weighted: [String] = []
    for (backbone, projection) in zip(backbones, projections) {
      let name = "attention.\(backbone.rawValue)"
      network.add(
        name, .linear(LinearSpec(inputFeatures: max(16, width / 4), outputFeatures: width)), to: hidden)
      let gate = network.add("\(name).gate", .activation(.sigmoid))
      weighted.append(network.add("\(name).weighted", .multiply, to: projection, gate))
    }
    var sum = weighted[0]
    for (index, next) in weighted.dropFirst().enumerated() {
      sum = network.add("fused.\(index)", .add, to: sum, next)
    }
    network.add("fused.dropout", .dropout(probability: dropout))
    network.add("classifier", .linear(LinearSpec(inputFeatures: width, outputFeatures: classes)))
    return network.model(
      backbones.map(\.rawValue).joined(separator: "+"), inputChannels: inputChannels, inputHeight: imageSize,
      inputWidth: imageSize)
  }
}

extension NetworkBuilder {
  /// Adds a classifier up to its last global pooling, all names with a prefix.
  ///
  /// - Returns: the pooled features' node and their number.
  fileprivate mutating func addFeatures(of spec: ModelSpec, prefix: String) -> (name: String, channels: Int) {
    guard
      let end = spec.nodes.lastIndex(where: { if case .globalAveragePool = $0.layer { true } else { false } })
    else { preconditionFailure("\(spec.name) has no global pooling") }
    for node in spec.nodes[...end] {
      add(
        prefix + node.name, node.layer,
        toAll: node.inputs.map { $0 == ModelSpec.inputName ? $0 : prefix + $0 })
    }
    // A network of the zoo is valid.
    let shapes = try! spec.inferShapes()
    return (last, shapes[spec.nodes[end].name]!.channels)
  }
}
