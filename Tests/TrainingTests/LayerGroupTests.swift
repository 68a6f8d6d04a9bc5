import Inference
import Testing

@testable import Training

struct LayerGroupTests {
  @Test func stemAndHeadOfOurNetworkAreFound() {
    let groups = ModelSpec.fer48().layerGroups
    let stem = groups.filter { $0.value == .stem }.keys.sorted()
    let head = groups.filter { $0.value == .head }.keys.sorted()
    #expect(stem == ["bn1", "conv1"])
    #expect(head == ["dropout", "fc"])
  }

  @Test func squeezeAndExcitationIsNoHead() {
    var network = NetworkBuilder()
    network.convolution("a", from: 1, to: 4, kernelSize: 3)
    let body = network.convolution("b", from: 4, to: 4, kernelSize: 3)
    network.add("squeeze", .globalAveragePool)
    let gate = network.convolution("excite", from: 4, to: 4, kernelSize: 1)
    network.add("scale", .multiply, to: body, gate)
    network.add("pool", .globalAveragePool)
    network.add("classifier", .linear(LinearSpec(inputFeatures: 4, outputFeatures: 2)))
    let groups = network.model("se", inputChannels: 1, inputHeight: 8, inputWidth: 8).layerGroups
    #expect(groups["a"] == .stem)
    #expect(groups["b"] == .body && groups["excite"] == .body)
    #expect(groups["classifier"] == .head)
  }

  @Test func eachGroupMovesAtItsOwnRate() throws {
    let spec = ModelSpec.fer48(widths: [4, 8])
    func change(_ rates: LayerRates, _ makeOptimiser: (ParameterStore, LayerRates) -> any Optimiser) -> [Float] {
      let store = ParameterStore(spec: spec, seed: 1)
      let names = ["conv1.weight", "layer1.0.conv1.weight", "fc.weight"]
      let before = names.map { store.buffer($0)[0] }
      store.gradients.update(repeating: 1)
      makeOptimiser(store, rates).step(learningRate: 0.01)
      return zip(names, before).map { store.buffer($0)[0] - $1 }
    }
    let optimisers: [(ParameterStore, LayerRates) -> any Optimiser] = [
      { SGD($0, settings: .init(weightDecay: 0), rateFactor: $1.factors(for: spec)) },
      { AdamW($0, settings: .init(weightDecay: 0), rateFactor: $1.factors(for: spec)) },
    ]
    for makeOptimiser in optimisers {
      let even = change(LayerRates(), makeOptimiser)
      let uneven = change(LayerRates(stem: 0.1, body: 0.5, head: 2), makeOptimiser)
      for (index, factor) in ([0.1, 0.5, 2] as [Float]).enumerated() {
        #expect(even[index] != 0)
        #expect(abs(uneven[index] - factor * even[index]) < 1e-6)
      }
    }
  }
}
