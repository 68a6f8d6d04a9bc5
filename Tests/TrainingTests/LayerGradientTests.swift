import Inference
import TestSupport
import Testing

@testable import Training

/// Every layer against PyTorch's results and gradients.
struct LayerGradientTests {
  static let layers = Fixture.all(in: "layers")

  @Test func fixturesOfAllLayersAreThere() throws {
    #expect(Self.layers.count > 40)
  }

  @Test(arguments: layers.indices)
  func forwardAndBackwardAgreeWithPyTorchInF32(index: Int) throws {
    try compare(Self.layers[index], precision: .f32, tolerance: 1e-4)
  }

  @Test(.enabled(if: Precision.fastest == .bf16, "the processor has no bf16"), arguments: layers.indices)
  func forwardAndBackwardAgreeWithPyTorchInBF16(index: Int) throws {
    try compare(Self.layers[index], precision: .bf16, tolerance: 2e-2)
  }

  private func compare(_ fixture: Fixture, precision: Precision, tolerance: Float) throws {
    let spec = try fixture.model()
    let store = ParameterStore(spec: spec, seed: 0)
    try store.load(fixture.group("parameter/"))
    let input = try #require(fixture.tensors["value/input"])
    let graph = try TrainableGraph(
      spec: spec, parameters: store, batchSize: input.shape[0], inputHeight: input.shape[2],
      inputWidth: input.shape[3], precision: precision, threads: 2, wantsInputGradient: true)
    _ = graph.input.update(fromContentsOf: input.values)
    let isTraining = fixture.metadata["mode"] == "train"
    try graph.forward(isTraining ? .train : .eval)
    let output = spec.outputs[0]
    let result = relativeError(graph.output(0), fixture.tensors["value/\(output)"]!.values)
    #expect(result < tolerance, "\(fixture.name): output")
    guard isTraining else { return }
    for (name, after) in fixture.group("state_after/") {
      let error = relativeError(store.buffer(name), after.values)
      #expect(error < tolerance, "\(fixture.name): \(name)")
    }
    _ = graph.outputGradient(0).update(fromContentsOf: fixture.tensors["gradient/\(output)"]!.values)
    try graph.backward()
    if let expected = fixture.tensors["gradient/input"] {
      let error = relativeError(try #require(graph.inputGradient), expected.values)
      #expect(error < tolerance, "\(fixture.name): gradient of the input")
    }
    for (name, expected) in fixture.group("parameter_gradient/") {
      let error = relativeError(store.gradient(name), expected.values)
      #expect(error < tolerance, "\(fixture.name): gradient of \(name)")
    }
    // A second pass must add, not replace.
    try graph.backward()
    for (name, expected) in fixture.group("parameter_gradient/") {
      let error = relativeError(store.gradient(name), expected.values.map { 2 * $0 })
      #expect(error < tolerance, "\(fixture.name): sum of gradients of \(name)")
    }
  }
}
