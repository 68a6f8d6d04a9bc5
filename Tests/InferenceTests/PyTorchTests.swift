import Inference
import TestSupport
import Testing

/// Plans against values computed by PyTorch.
struct PyTorchTests {
  static let layers = Fixture.all(in: "layers").filter {
    // A plan computes what eval mode does.
    !($0.name.hasPrefix("batch_norm") && $0.metadata["mode"] == "train")
  }

  @Test func theFixturesAreThere() {
    #expect(Self.layers.count > 50)
    #expect(Fixture.all(in: "networks").count >= 2)
  }

  @Test(arguments: layers.map(\.name))
  func aLayerGivesPyTorchsValues(name: String) throws {
    let fixture = Self.layers.first { $0.name == name }!
    var spec = try fixture.model()
    let input = fixture.tensors["value/input"]!
    // All values at once, so that nothing is fused, and the last one alone, so that everything is.
    let all = spec.nodes.map(\.name)
    for outputs in [all, [all.last!]] {
      spec.outputs = outputs
      for precision in Precision.testable {
        let plan = try InferencePlan(
          spec: spec, weights: fixture.group("parameter/"), batchSize: input.shape[0], precision: precision,
          threads: 1
        )
        let values = try results(of: plan, for: input.values, outputs: outputs.count)
        for (node, value) in zip(outputs, values) {
          let error = relativeError(value, fixture.tensors["value/\(node)"]!.values)
          #expect(error < precision.tolerance, "\(name) \(node) \(precision)")
        }
      }
    }
  }

  @Test(arguments: Fixture.all(in: "networks").map(\.name), Precision.testable)
  func aNetworkInEvalModeGivesPyTorchsResult(name: String, precision: Precision) throws {
    let fixture = Fixture.all(in: "networks").first { $0.name == name }!
    let spec = try fixture.model()
    let input = fixture.tensors["value/input"]!
    for threads in [1, 2] {
      let plan = try InferencePlan(
        spec: spec, weights: fixture.group("parameter/"), batchSize: input.shape[0], precision: precision,
        threads: threads)
      let value = try results(of: plan, for: input.values)[0]
      #expect(
        relativeError(value, fixture.tensors["eval/\(spec.outputs[0])"]!.values) < precision.tolerance,
        "\(precision)")
    }
  }
}
