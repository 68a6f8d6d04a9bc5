import Foundation
import Inference
import TestSupport
import Testing

@testable import Training

/// Whole networks and optimisers against PyTorch.
struct NetworkStepTests {
  static let networks = Fixture.all(in: "networks")
  static let optimisers = Fixture.all(in: "optimisers")

  @Test(arguments: networks.indices)
  func gradientsOfWholeNetworksAgreeWithPyTorch(index: Int) throws {
    let fixture = Self.networks[index]
    let spec = try fixture.model()
    let store = ParameterStore(spec: spec, seed: 0)
    try store.load(fixture.group("parameter/"))
    let input = try #require(fixture.tensors["value/input"])
    let graph = try TrainableGraph(
      spec: spec, parameters: store, batchSize: input.shape[0], precision: .f32, threads: 2)
    _ = graph.input.update(fromContentsOf: input.values)
    let output = spec.outputs[0]
    try graph.forward(.eval)
    #expect(relativeError(graph.output(0), fixture.tensors["eval/\(output)"]!.values) < 1e-4)
    try graph.forward(.train)
    #expect(relativeError(graph.output(0), fixture.tensors["value/\(output)"]!.values) < 1e-4)
    _ = graph.outputGradient(0).update(fromContentsOf: fixture.tensors["gradient/\(output)"]!.values)
    try graph.backward()
    for (name, expected) in fixture.group("parameter_gradient/") {
      let difference = zip(store.gradient(name), expected.values).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
      let norm = expected.values.reduce(0) { $0 + $1 * $1 }
      #expect(difference.squareRoot() <= 1e-3 * norm.squareRoot() + 1e-6, "\(fixture.name): \(name)")
    }
    for (name, after) in fixture.group("state_after/") {
      #expect(relativeError(store.buffer(name), after.values) < 1e-4, "\(name)")
    }
    let rate = try #require(Float(fixture.metadata["learning_rate"] ?? ""))
    SGD(store, settings: .init(momentum: 0, weightDecay: 0)).step(learningRate: rate)
    for (name, after) in fixture.group("parameter_after/") {
      #expect(relativeError(store.buffer(name), after.values) < 1e-4, "\(name)")
    }
  }

  @Test(arguments: optimisers.indices)
  func optimisersTakePyTorchsSteps(index: Int) throws {
    let fixture = Self.optimisers[index]
    func number(_ key: String) -> Float { Float(fixture.metadata[key] ?? "") ?? 0 }
    // Weights, since only those decay here; in PyTorch's trace everything does.
    let names = fixture.group("parameter/").keys.sorted()
    let spec = ModelSpec(
      name: "trace", inputChannels: 1, inputHeight: 1, inputWidth: 1,
      nodes: names.map { name in
        let count = fixture.tensors["parameter/\(name)"]!.values.count
        return .init(
          name: name, inputs: ["input"],
          layer: .linear(.init(inputFeatures: 1, outputFeatures: count, hasBias: false)))
      }, outputs: [names[0]])
    let store = ParameterStore(spec: spec, seed: 0)
    for name in names {
      _ = store.buffer("\(name).weight").update(fromContentsOf: fixture.tensors["parameter/\(name)"]!.values)
    }
    let optimiser: any Optimiser
    if fixture.metadata["optimiser"] == "adamw" {
      optimiser = AdamW(
        store,
        settings: .init(
          beta1: number("beta1"), beta2: number("beta2"), epsilon: number("epsilon"),
          weightDecay: number("weight_decay")))
    } else {
      let usesNesterov = ["true", "True", "1"].contains(fixture.metadata["nesterov"] ?? "")
      // Ours is always Nesterov's; without momentum the two are the same.
      guard usesNesterov || number("momentum") == 0 else { return }
      optimiser = SGD(store, settings: .init(momentum: number("momentum"), weightDecay: number("weight_decay")))
    }
    let rates = try JSONDecoder().decode([Float].self, from: Data((fixture.metadata["learning_rates"] ?? "").utf8))
    for (step, rate) in rates.enumerated() {
      for name in names {
        let gradient = fixture.tensors["gradient/\(step)/\(name)"]!.values
        _ = store.gradient("\(name).weight").update(fromContentsOf: gradient)
      }
      optimiser.step(learningRate: rate)
      for name in names {
        let expected = fixture.tensors["parameter_after/\(step)/\(name)"]!.values
        #expect(relativeError(store.buffer("\(name).weight"), expected) < 1e-5, "step \(step): \(name)")
      }
    }
  }
}
