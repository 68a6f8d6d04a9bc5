/// Networks for colour that are given grey: the same plane three times is one plane with the sum of the weights.
extension Tensor {
  /// A first convolution's weights `[o, channels, h, w]` for one plane instead of several equal ones: their sum.
  func summedOverInputChannels() -> Tensor {
    let (outputs, channels) = (shape[0], shape[1])
    let area = shape[2] * shape[3]
    var result = Tensor(zeros: [outputs, 1, shape[2], shape[3]])
    for output in 0..<outputs {
      for channel in 0..<channels {
        let start = (output * channels + channel) * area
        for place in 0..<area { result.values[output * area + place] += values[start + place] }
      }
    }
    return result
  }

  /// A first convolution's weights `[o, 1, h, w]` for `count` equal planes instead of one: a part of them for each.
  func dividedOverInputChannels(_ count: Int) -> Tensor {
    let area = shape[2] * shape[3]
    let share = 1 / Float(count)
    var result: [Float] = []
    result.reserveCapacity(values.count * count)
    for output in 0..<shape[0] {
      let kernel = values[output * area..<(output + 1) * area].map { $0 * share }
      for _ in 0..<count { result += kernel }
    }
    return Tensor(shape: [shape[0], count, shape[2], shape[3]], values: result)
  }
}

extension ModelSpec {
  /// Positions in `nodes` of the convolutions that read the input; nil where something else reads it too, or where they
  /// divide its channels into groups.
  var inputConvolutions: [Int]? {
    guard !outputs.contains(Self.inputName) else { return nil }
    var result: [Int] = []
    for (index, node) in nodes.enumerated() where node.inputs.contains(Self.inputName) {
      guard case .convolution(let spec) = node.layer, spec.groups == 1 else { return nil }
      result.append(index)
    }
    return result
  }

  /// The same network for one plane, where it now gets the same plane several times.
  ///
  /// - Parameter weights: All parameters. Without those of the input's convolutions nothing is changed.
  /// - Returns: nil where it cannot be folded, or has one channel already.
  func foldedToOneChannel(_ weights: [String: Tensor]) -> (spec: ModelSpec, weights: [String: Tensor])? {
    guard inputChannels > 1, let convolutions = inputConvolutions else { return nil }
    var spec = self
    var folded = weights
    spec.inputChannels = 1
    for index in convolutions {
      guard case .convolution(var layer) = nodes[index].layer else { return nil }
      layer.inputChannels = 1
      spec.nodes[index].layer = .convolution(layer)
      let name = "\(nodes[index].name).weight"
      guard let tensor = weights[name], tensor.shape.count == 4 else { return nil }
      folded[name] = tensor.summedOverInputChannels()
    }
    return (spec, folded)
  }
}
