import Inference
import Testing

struct ModelZooTests {
  @Test func fer48HasTheShapeAndNamesItPromises() throws {
    let spec = ModelSpec.fer48()
    let shapes = try spec.inferShapes()
    #expect(shapes["fc"] == FeatureShape(channels: 7, height: 1, width: 1))
    #expect(shapes["layer1.1.relu2"] == FeatureShape(channels: 32, height: 48, width: 48))
    #expect(shapes["layer4.1.relu2"] == FeatureShape(channels: 256, height: 6, width: 6))
    #expect(spec.trainableParameterCount < 3_000_000)
    let names = Set(spec.parameters.map(\.name))
    #expect(
      names.isSuperset(of: ["conv1.weight", "bn1.running_var", "layer2.0.downsample.0.weight", "fc.bias"]))
    #expect(!names.contains("layer1.0.downsample.0.weight"))
  }
}
