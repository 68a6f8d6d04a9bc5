import Inference
import TestSupport
import Testing

@testable import Training

/// Gradients against differences of the loss, for the network of every layer fixture: what PyTorch's tensors show at one
/// point, this shows along random directions.
struct FiniteDifferenceTests {
  static let layers = Fixture.all(in: "layers").filter { $0.metadata["mode"] == "train" }

  @Test(arguments: layers.indices)
  func gradientsPredictHowTheLossChanges(index: Int) throws {
    let spec = try Self.layers[index].model()
    // Pooling is linear between places where another element becomes the largest: a small step crosses few of them and
    // costs no accuracy.
    let isMaximum = spec.nodes.contains { if case .maxPool = $0.layer { true } else { false } }
    let step: Float = isMaximum ? 2e-4 : 1e-2
    var random = RandomGenerator(seed: 7)
    let store = ParameterStore(spec: spec, seed: 3)
    try store.load(Self.layers[index].group("parameter/"))
    let input = Self.layers[index].tensors["value/input"]!
    let graph = try TrainableGraph(
      spec: spec, parameters: store, batchSize: input.shape[0], precision: .f32, threads: 1,
      wantsInputGradient: true)
    let weights = graph.output(0).indices.map { _ in random.uniform(-1, 1) }
    _ = graph.input.update(fromContentsOf: input.values)

    func loss() throws -> Double {
      try graph.forward(.train)
      return zip(graph.output(0), weights).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }

    _ = try loss()
    _ = graph.outputGradient(0).update(fromContentsOf: weights)
    try graph.backward()
    let dInput = Array(try #require(graph.inputGradient))
    let dParameters = Array(store.gradients)

    let inputDirection = dInput.map { _ in random.uniform(-1, 1) }
    let inputSlope = try centralDifference(of: graph.input, along: inputDirection, step: step, loss: loss)
    check(inputSlope, zip(dInput, inputDirection).map { ($0, $1) }, spec.name)

    guard store.slots.contains(where: \.isTrainable) else { return }
    let direction = dParameters.map { _ in random.uniform(-1, 1) }
    let slope = try centralDifference(of: store.values, along: direction, step: step, loss: loss)
    check(slope, zip(dParameters, direction).map { ($0, $1) }, spec.name)
  }

  /// The directional derivative may differ by 2 % of what its terms could add up to at random: f32 sums and kinks within
  /// the step.
  private func check(_ difference: Double, _ terms: [(Float, Float)], _ name: String) {
    let expected = terms.reduce(0) { $0 + Double($1.0) * Double($1.1) }
    let spread = terms.reduce(0) { $0 + Double($1.0) * Double($1.0) * Double($1.1) * Double($1.1) }.squareRoot()
    #expect(abs(difference - expected) <= 0.02 * spread + 1e-4, "\(name): \(difference) for \(expected)")
  }
}
