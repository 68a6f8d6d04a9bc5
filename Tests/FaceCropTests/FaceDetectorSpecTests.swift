import FaceCrop
import Inference
import Testing

struct FaceDetectorSpecTests {
  @Test func staysWithinTwoHundredThousandParameters() {
    let count = FaceDetectorSpec.model().trainableParameterCount
    #expect(count <= 200_000 && count > 100_000)
  }

  @Test(arguments: [(64, 64), (192, 320), (384, 640)])
  func hasOneOutputForEachLevel(_ size: (height: Int, width: Int)) throws {
    let model = FaceDetectorSpec.model(inputHeight: size.height, inputWidth: size.width)
    let shapes = try model.inferShapes()
    #expect(model.outputs == FaceDetectorSpec.strides.map(FaceDetectorSpec.outputName(stride:)))
    for stride in FaceDetectorSpec.strides {
      let expected = FeatureShape(
        channels: FaceBoxCoding.channels, height: size.height / stride, width: size.width / stride)
      #expect(shapes[FaceDetectorSpec.outputName(stride: stride)] == expected)
    }
  }

  @Test func takesAtMostSixtyFiveMillionMultiplyAddsAtItsSize() throws {
    let model = FaceDetectorSpec.model()
    let shapes = try model.inferShapes()
    let operations = model.nodes.reduce(0) { sum, node in
      guard case .convolution(let spec) = node.layer, let shape = shapes[node.name] else { return sum }
      return sum + shape.elementCount * spec.inputChannels / spec.groups * spec.kernelSize.height
        * spec.kernelSize.width
    }
    #expect(operations < 65_000_000)
  }
}
