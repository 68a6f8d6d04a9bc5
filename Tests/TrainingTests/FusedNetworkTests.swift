import Inference
import TestSupport
import Testing

@testable import Training

struct FusedNetworkTests {
  private static let spec = ModelSpec.fused(
    [.fer48, .mobileNetV3Small], classes: 5, imageSize: 32, width: 24, dropout: 0)

  @Test func holdsEachBackboneUnderItsNameWithoutItsHead() throws {
    let names = Set(Self.spec.parameters.map(\.name))
    #expect(names.contains("backbones.fer48.layer4.1.conv2.weight"))
    #expect(names.contains("backbones.mobilenet_v3_small.features.0.0.weight"))
    #expect(!names.contains { $0.hasPrefix("backbones.fer48.fc") || $0.contains("small.classifier") })
    #expect(try Self.spec.inferShapes()["classifier"] == FeatureShape(channels: 5, height: 1, width: 1))
    let groups = Self.spec.layerGroups
    #expect(
      groups["backbones.fer48.conv1"] == .stem && groups["backbones.mobilenet_v3_small.features.0.0"] == .stem)
    #expect(groups["backbones.fer48.layer1.0.conv1"] == .body)
    #expect(
      groups["attention.hidden"] == .head && groups["project.fer48"] == .head && groups["classifier"] == .head)
  }

  /// The attention really sees the input: two pictures get other weights.
  @Test func weighsBackbonesByWhatItSees() throws {
    var spec = Self.spec
    spec.outputs = ["attention.fer48.gate"]
    spec.nodes.removeAll { $0.name.hasPrefix("fused") || $0.name == "classifier" || $0.name.hasSuffix("weighted") }
    let store = ParameterStore(spec: spec, seed: 2)
    let graph = try TrainableGraph(spec: spec, parameters: store, batchSize: 2, precision: .f32, threads: 1)
    var random = RandomGenerator(seed: 4)
    for index in graph.input.indices { graph.input[index] = random.uniform(-2, 2) }
    try graph.forward(.eval)
    let gates = Array(graph.output(0))
    #expect(gates.allSatisfy { $0 > 0 && $0 < 1 })
    #expect(zip(gates[..<24], gates[24...]).contains { abs($0 - $1) > 1e-3 })
  }

  @Test(arguments: ["project.fer48", "attention.hidden", "attention.mobilenet_v3_small", "classifier"])
  func gradientsOfTheFusionPredictHowTheLossChanges(_ layer: String) throws {
    let store = ParameterStore(spec: Self.spec, seed: 6)
    let graph = try TrainableGraph(
      spec: Self.spec, parameters: store, batchSize: 4, precision: .f32, threads: 1)
    var random = RandomGenerator(seed: 9)
    for index in graph.input.indices { graph.input[index] = random.uniform(-2, 2) }
    let weights = graph.output(0).indices.map { _ in random.uniform(-1, 1) }
    func loss() throws -> Double {
      try graph.forward(.train)
      return zip(graph.output(0), weights).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }
    _ = try loss()
    store.zeroGradients()
    _ = graph.outputGradient(0).update(fromContentsOf: weights)
    try graph.backward()
    let values = store.buffer("\(layer).weight")
    let gradient = Array(store.gradient("\(layer).weight"))
    let direction = values.map { _ in random.uniform(-1, 1) }
    let slope = try centralDifference(of: values, along: direction, step: 4e-4, loss: loss)
    let expected = zip(gradient, direction).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    let spread = zip(gradient, direction).reduce(0) { $0 + Double($1.0 * $1.0) * Double($1.1 * $1.1) }.squareRoot()
    #expect(spread > 0)
    #expect(abs(slope - expected) <= 0.03 * spread + 1e-3, "\(layer)")
  }
}
