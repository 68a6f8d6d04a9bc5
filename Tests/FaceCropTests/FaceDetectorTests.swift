import Inference
import Pixels
import Testing

@testable import FaceCrop

struct FaceDetectorTests {
  /// A detector for white squares: the logit of a cell is 20 · mean brightness − 15 (brightness from −1 to 1), its box
  /// and landmarks always those of a face of size u in the middle of the cell.
  private static let spec = ModelSpec(
    name: "bright", inputChannels: 1, inputHeight: 64, inputWidth: 64,
    nodes: [8, 16].flatMap { stride in
      [
        ModelSpec.Node(
          name: "mean\(stride)", inputs: [ModelSpec.inputName],
          layer: .averagePool(PoolingSpec(kernelSize: stride, stride: stride))),
        ModelSpec.Node(
          name: "level\(stride)", inputs: ["mean\(stride)"],
          layer: .convolution(
            ConvolutionSpec(inputChannels: 1, outputChannels: FaceBoxCoding.channels, kernelSize: 1, hasBias: true))
        ),
      ]
    }, outputs: ["level8", "level16"])

  private static func makeDetector(
    _ options: FaceDetector.Options = .init(), damage: (inout [String: Tensor]) -> Void = { _ in }
  ) throws -> FaceDetector {
    var weights: [String: Tensor] = [:]
    for stride in [8, 16] {
      var weight = [Float](repeating: 0, count: FaceBoxCoding.channels)
      weight[0] = 20
      weights["level\(stride).weight"] = Tensor(shape: [FaceBoxCoding.channels, 1, 1, 1], values: weight)
      let coding = FaceBoxCoding(stride: stride)
      let cell = coding.cellCenter(row: 0, column: 0)
      let face = makeFace(x: cell.x - coding.unit / 2, y: cell.y - coding.unit / 2, size: coding.unit)
      let values = coding.encode(box: face.box, landmarks: face.landmarks, row: 0, column: 0)
      weights["level\(stride).bias"] = Tensor(shape: [FaceBoxCoding.channels], values: [-15] + values)
    }
    damage(&weights)
    return try FaceDetector(
      spec: spec, weights: weights, normalisation: Normalisation(mean: 0.5, standardDeviation: 0.5),
      options: options)
  }

  private func picture(_ width: Int, _ height: Int, squares: [(x: Int, y: Int, size: Int)]) -> LumaImage {
    var image = LumaImage(width: width, height: height)
    for square in squares {
      for y in square.y..<square.y + square.size {
        for x in square.x..<square.x + square.size { image.pixels[y * width + x] = 255 }
      }
    }
    return image
  }

  private func detect(_ detector: FaceDetector, _ image: LumaImage) throws -> [DetectedFace] {
    var faces = [makeFace(x: 0, y: 0, size: 1)]
    try image.withPlane { plane in try detector.detect(in: plane, into: &faces) }
    return faces
  }

  @Test func findsWhatEachLevelSeesWhereItIs() throws {
    let faces = try detect(
      Self.makeDetector(), picture(200, 120, squares: [(x: 40, y: 16, size: 8), (x: 144, y: 80, size: 16)]))
    let coarse = makeFace(x: 152 - 32, y: 88 - 32, size: 64)
    let fine = makeFace(x: 44 - 16, y: 20 - 16, size: 32)
    for (expected, name) in [(fine, "stride 8"), (coarse, "stride 16")] {
      let face = try #require(faces.first { $0.box.overlap(with: expected.box) > 0.99 }, "\(name)")
      #expect(abs(face.landmarks.nose.x - expected.landmarks.nose.x) < 0.1 && face.score > 0.99)
    }
  }

  @Test func aThoroughLookTellsTheMeanOfFourSizes() throws {
    // Brightest at one point, so that each size has its cell there, with another score.
    var seen = LumaImage(width: 640, height: 400)
    for y in 0..<400 {
      for x in 0..<640 {
        let distance = Float((x - 310) * (x - 310) + (y - 190) * (y - 190))
        seen.pixels[y * 640 + x] = UInt8(max(0, 245 - distance / 30))
      }
    }
    func best(_ size: Int, thoroughly: Bool) throws -> DetectedFace {
      var options = FaceDetector.Options()
      options.detectSize = size
      options.scoreThreshold = 0.05
      let detector = try Self.makeDetector(options)
      guard thoroughly else { return try #require(detect(detector, seen).first) }
      var faces = [makeFace(x: 0, y: 0, size: 1)]
      try seen.withPlane { try detector.detectThoroughly(in: $0, into: &faces) }
      return try #require(faces.first)
    }
    let looks = try [168, 192, 224, 256].map { try best($0, thoroughly: false) }
    let all = try best(192, thoroughly: true)
    try #require(Set(looks.map(\.score)).count == 4)
    #expect(abs(all.score - looks.map(\.score).reduce(0, +) / 4) < 1e-5)
    #expect(looks.allSatisfy { all.box.overlap(with: $0.box) > 0.4 })
  }

  @Test func largePicturesAreShrunkAndTheFacesMappedBack() throws {
    var options = FaceDetector.Options()
    options.detectSize = 160
    let faces = try detect(Self.makeDetector(options), picture(640, 400, squares: [(x: 320, y: 192, size: 32)]))
    let expected = Rect(x: 336 - 64, y: 208 - 64, width: 128, height: 128)
    #expect(faces.count == 1)
    #expect(faces.allSatisfy { $0.box.overlap(with: expected) > 0.99 })
  }

  @Test func boxesReachBeyondThePicture() throws {
    let faces = try detect(Self.makeDetector(), picture(100, 90, squares: [(x: 0, y: 0, size: 8)]))
    let expected = Rect(x: -12, y: -12, width: 32, height: 32)
    #expect(faces.count == 1)
    #expect(faces.allSatisfy { $0.box.overlap(with: expected) > 0.999 })
  }

  @Test func nothingOfOnePictureIsLeftInTheNext() throws {
    let detector = try Self.makeDetector()
    let large = picture(128, 128, squares: [(x: 112, y: 112, size: 16)])
    // Padded to the same input, of which it covers a part.
    let small = picture(100, 100, squares: [])
    for _ in 0..<2 {
      #expect(try detect(detector, large).count > 0)
      #expect(try detect(detector, small).isEmpty)
    }
  }

  @Test func manySizesGoThroughAFewPlans() throws {
    var options = FaceDetector.Options()
    options.planLimit = 2
    let detector = try Self.makeDetector(options)
    for width in [64, 300, 130, 1, 64, 300] {
      let squares = width >= 64 ? [(x: 24, y: 24, size: 8)] : []
      #expect(try detect(detector, picture(width, 64, squares: squares)).count == squares.count)
    }
  }

  @Test func aDamagedNetworkGivesNoInfiniteBoxes() throws {
    let detector = try Self.makeDetector { $0["level8.bias"]!.values[1] = .infinity }
    #expect(try detect(detector, picture(64, 64, squares: [(x: 24, y: 24, size: 8)])).isEmpty)
  }

  @Test func missingParametersAreNamed() {
    #expect(throws: InferenceError.self) { try Self.makeDetector { $0["level8.bias"] = nil } }
  }

  @Test func anotherNetworkIsRefused() {
    var spec = Self.spec
    spec.outputs = ["mean8"]
    #expect(throws: InferenceError.self) { try FaceDetector(spec: spec, weights: [:]) }
  }

  @Test func theRealNetworkRunsWithoutSlowFallbacks() throws {
    let model = FaceDetectorSpec.model(inputHeight: 64, inputWidth: 64)
    var weights: [String: Tensor] = [:]
    for parameter in model.parameters {
      let value: Float = parameter.name.hasSuffix("running_var") ? 1 : 0.01
      weights[parameter.name] = Tensor(
        shape: parameter.shape, values: [Float](repeating: value, count: parameter.elementCount))
    }
    let plan = try InferencePlan(spec: model, weights: weights, batchSize: 1, precision: .f32, threads: 1)
    for operation in plan.operations {
      #expect(
        !operation.implementation.hasPrefix("ref") && !operation.implementation.hasPrefix("gemm"),
        "\(operation.name): \(operation.implementation)")
    }
  }

  @Test(arguments: [
    (320, 180, 320, 180, 320, 192), (640, 360, 320, 180, 320, 192), (128, 128, 128, 128, 128, 128),
    (180, 320, 180, 320, 192, 320), (4096, 1, 320, 1, 320, 64), (1, 1, 1, 1, 64, 64),
  ])
  func inputSizesKeepTheShape(
    _ pictureWidth: Int, _ pictureHeight: Int, _ width: Int, _ height: Int, _ paddedWidth: Int, _ paddedHeight: Int
  ) {
    let size = DetectorInputSize(
      pictureWidth: pictureWidth, pictureHeight: pictureHeight, detectSize: 320, maximumEnlargement: 1, multiple: 64
    )
    #expect(
      [size.width, size.height, size.paddedWidth, size.paddedHeight] == [width, height, paddedWidth, paddedHeight])
  }

  @Test(arguments: [
    (640, 360, 448, 252, 448, 256), (360, 640, 252, 448, 256, 448), (1920, 1080, 448, 252, 448, 256),
    (1000, 1000, 448, 448, 448, 448),
    // Not enough to be saved, too much to be lost, and not to be shrunk at all.
    (640, 480, 480, 360, 512, 384), (500, 300, 480, 288, 512, 320), (480, 270, 480, 270, 512, 320),
  ])
  func shrinksALittleMoreWhereThatSavesMuchPadding(
    _ pictureWidth: Int, _ pictureHeight: Int, _ width: Int, _ height: Int, _ paddedWidth: Int, _ paddedHeight: Int
  ) {
    let size = DetectorInputSize(
      pictureWidth: pictureWidth, pictureHeight: pictureHeight, detectSize: 480, maximumEnlargement: 1, multiple: 64
    )
    #expect(
      [size.width, size.height, size.paddedWidth, size.paddedHeight] == [width, height, paddedWidth, paddedHeight])
  }
}
