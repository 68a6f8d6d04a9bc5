import Inference
import TestSupport
import Testing

@testable import Training

/// One training pass of torchvision's networks against PyTorch's, without dropout and stochastic depth.
struct BackboneGradientTests {
  static let names = Fixture.all(in: "backbones").map(\.name)

  @Test(arguments: names, [1, 3])
  func gradientsAreTorchvisions(name: String, channels: Int) throws {
    let fixture = Fixture.all(in: "backbones").first { $0.name == name }!
    let expected = fixture.group("step/\(channels)/")
    let spec = try Backbone(name: name).makeSpec(
      inputChannels: channels, imageSize: 33, dropout: 0, stochasticDepth: 0)
    let store = ParameterStore(spec: spec, seed: 0)
    try store.load(HashedValues.parameters(of: spec))
    let graph = try TrainableGraph(spec: spec, parameters: store, batchSize: 4, precision: .f32, threads: 2)
    _ = graph.input.update(
      fromContentsOf: HashedValues.uniform(fixture.metadata["input/\(channels)"]!, count: graph.input.count))
    try graph.forward(.train)
    #expect(relativeError(graph.output(0), expected["logits"]!.values) < 1e-4)

    var targets = [Float](repeating: 0, count: 4 * 7)
    for (row, label) in [1, 4, 0, 3].enumerated() { targets[row * 7 + label] = 1 }
    let loss = targets.withUnsafeBufferPointer {
      SoftmaxCrossEntropy()(logits: graph.output(0), targets: $0, dLogits: graph.outputGradient(0), classes: 7)
    }
    #expect(abs(loss - Double(expected["loss"]!.values[0])) < 1e-4)
    try graph.backward()

    let summaries = rows(expected["gradients"]!)
    let trainable = order(of: fixture, store).filter { store.slot($0)!.isTrainable }
    #expect(trainable.count == summaries.count)
    let largest = summaries.reduce(0) { max($0, $1[0]) }
    for (parameter, summary) in zip(trainable, summaries) {
      let gradient = UnsafeBufferPointer(store.gradient(parameter))
      let difference = distance(HashedValues.summary(parameter, gradient), summary)
      // Some gradients are zero but for rounding: shifts that the next batch norm takes away again.
      #expect(difference <= 1e-3 * summary[0] + 1e-6 * largest, "\(parameter): \(difference) of \(summary[0])")
    }
    for (parameter, whole) in fixture.group("step/\(channels)/gradient/") {
      let gradient = store.gradient(parameter)
      let squares = zip(gradient, whole.values).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
      let norm = whole.values.reduce(0) { $0 + $1 * $1 }.squareRoot()
      #expect(squares.squareRoot() <= 1e-3 * norm, "\(parameter) as a whole")
    }
    let statistics = order(of: fixture, store).filter { !store.slot($0)!.isTrainable }
    for (name, summary) in zip(statistics, rows(expected["statistics"]!)) {
      let difference = distance(HashedValues.summary(name, UnsafeBufferPointer(store.buffer(name))), summary)
      #expect(difference <= 1e-4 * summary[0], "\(name): \(difference) of \(summary[0])")
    }
  }

  /// The parameters' names in PyTorch's order.
  private func order(of fixture: Fixture, _ store: ParameterStore) -> [String] {
    let text = fixture.metadata["names"]!
    // `[["conv1.weight",[64,3,7,7]],…]`: the names are the strings.
    return text.split(separator: "\"").map(String.init).filter { store.slot($0) != nil }
  }

  private func rows(_ tensor: Tensor) -> [[Double]] {
    (0..<tensor.shape[0]).map { row in tensor.values[row * 9..<(row + 1) * 9].map(Double.init) }
  }

  /// Estimated norm of the difference, from the projections.
  private func distance(_ left: [Double], _ right: [Double]) -> Double {
    let squares = zip(left, right).dropFirst().map { ($0 - $1) * ($0 - $1) }
    return (squares.reduce(0, +) / Double(squares.count)).squareRoot()
  }
}
