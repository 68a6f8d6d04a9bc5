import Inference
import Testing

struct ShapeInferenceTests {
  @Test func aNodeThatRefersForwardIsNamed() {
    let spec = ModelSpec(
      name: "broken", inputChannels: 1, inputHeight: 8, inputWidth: 8,
      nodes: [.init(name: "first", inputs: ["second"], layer: .activation(.relu))], outputs: ["first"])
    #expect(throws: InferenceError.invalidModel(node: "first", "its input \"second\" is no earlier node")) {
      try spec.inferShapes()
    }
  }
}
