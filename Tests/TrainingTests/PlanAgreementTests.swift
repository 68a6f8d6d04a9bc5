import FaceCrop
import Inference
import TestSupport
import Testing

@testable import Training

/// The compiled plan computes what the trainable graph computes in eval mode: one declaration, two executors.
struct PlanAgreementTests {
  static let specs: [ModelSpec] =
    [
      .fer48(), FaceDetectorSpec.model(inputHeight: 64, inputWidth: 128),
      .fused([.fer48, .mobileNetV3Small], imageSize: 48),
    ]
    + Fixture.all(in: "networks").map { try! $0.model() }

  @Test(arguments: specs.indices, Precision.allCases)
  func planEqualsGraphInEvalMode(index: Int, precision: Precision) throws {
    guard precision == .f32 || Precision.fastest == .bf16 else { return }
    let spec = Self.specs[index]
    let store = ParameterStore(spec: spec, seed: 11)
    var random = RandomGenerator(seed: 5)
    // Running statistics away from 0 and 1, so that folding them wrongly shows.
    for slot in store.slots where !slot.isTrainable {
      let values = store.buffer(slot.name)
      for i in values.indices {
        values[i] = slot.name.hasSuffix("var") ? random.uniform(0.5, 2) : random.uniform(-0.5, 0.5)
      }
    }
    for batch in [1, 3] {
      let graph = try TrainableGraph(
        spec: spec, parameters: store, batchSize: batch, precision: precision, threads: 1)
      for i in graph.input.indices { graph.input[i] = random.uniform(-1, 1) }
      try graph.forward(.eval)
      let plan = try InferencePlan(
        spec: spec, weights: store.exportTensors(), batchSize: batch, precision: precision, threads: 1)
      plan.withInput { _ = $0.update(fromContentsOf: graph.input) }
      try plan.run()
      for output in spec.outputs.indices {
        let expected = Array(graph.output(output))
        let error = plan.withOutput(output) { relativeError($0, expected) }
        #expect(error < (precision == .f32 ? 1e-4 : 3e-2), "\(spec.name), batch \(batch), output \(output)")
      }
    }
  }
}
