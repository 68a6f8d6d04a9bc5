import FaceCrop
import Foundation
import Inference
import Pixels
import TestSupport
import Testing

struct CropGeometryTests {
  /// The face of `makeFace`, turned by `degrees` around the middle of its box.
  private func turned(_ face: DetectedFace, degrees: Float) -> DetectedFace {
    let (s, c) = (sin(degrees * .pi / 180), cos(degrees * .pi / 180))
    let middle = face.box.center
    let points = face.landmarks.points.map { point in
      Point(
        x: middle.x + c * (point.x - middle.x) - s * (point.y - middle.y),
        y: middle.y + s * (point.x - middle.x) + c * (point.y - middle.y))
    }
    var result = face
    result.landmarks = FaceLandmarks(
      rightEye: points[0], leftEye: points[1], nose: points[2], rightMouthCorner: points[3],
      leftMouthCorner: points[4])
    return result
  }

  @Test func theBoxAloneIsFramedAsMeasured() {
    let face = makeFace(x: 100, y: 50, size: 80)
    let map = CropGeometry.fer2013Box.cropToPicture(face)
    let side: Float = 0.98 * 80
    #expect(abs(map.a - side) < 1e-3 && abs(map.d - side) < 1e-3 && map.b == 0 && map.c == 0)
    let center = map(Point(x: 0.486, y: 0.497))
    #expect(abs(center.x - 140) < 1e-3 && abs(center.y - 90) < 1e-3)
  }

  @Test(arguments: [Float(-40), 0, 25])
  func similarityBringsTheLandmarksToTheTemplate(_ degrees: Float) throws {
    var geometry = CropGeometry.fer2013Similarity
    geometry.template = makeFace(x: 0, y: 0, size: 1).landmarks.points
    let face = turned(makeFace(x: -20, y: 30, size: 60), degrees: degrees)
    let toCrop = try #require(geometry.cropToPicture(face).inverse)
    for (point, place) in zip(face.landmarks.points, geometry.template) {
      let found = toCrop(point)
      #expect(abs(found.x - place.x) < 1e-3 && abs(found.y - place.y) < 1e-3)
    }
  }

  @Test(arguments: [(Float(10), Float(0)), (-14, 0), (30, 15), (-45, -30)])
  func onlyRollBeyondTheToleratedIsTurnedBack(_ roll: Float, turn: Float) {
    var geometry = CropGeometry.fer2013
    geometry.template = makeFace(x: 0, y: 0, size: 1).landmarks.points
    let map = geometry.cropToPicture(turned(makeFace(x: 50, y: 50, size: 60), degrees: roll))
    #expect(abs(atan2(map.c, map.a) * 180 / .pi - turn) < 0.1)
  }

  @Test func landmarksThatFallTogetherStillGiveACrop() {
    var face = makeFace(x: 10, y: 10, size: 50)
    let point = Point(x: 20, y: 20)
    face.landmarks = FaceLandmarks(
      rightEye: point, leftEye: point, nose: point, rightMouthCorner: point, leftMouthCorner: point)
    for geometry in [CropGeometry.fer2013, .fer2013Similarity] {
      let map = geometry.cropToPicture(face)
      #expect(map.a > 0 && map.tx.isFinite && map.ty.isFinite)
    }
  }

  @Test func survivesJSON() throws {
    let data = try JSONEncoder().encode(CropGeometry.fer2013)
    #expect(try JSONDecoder().decode(CropGeometry.self, from: data) == .fer2013)
  }

  @Test func travelsInAModelFile() throws {
    func model(_ geometry: JSONValue?) throws -> ModelFile {
      try ModelFile(
        spec: ModelSpec(
          name: "nothing", inputChannels: 1, inputHeight: 1, inputWidth: 1,
          nodes: [.init(name: "relu", inputs: [ModelSpec.inputName], layer: .activation(.relu))], outputs: ["relu"]),
        tensors: [:], record: ModelRecord(cropGeometry: geometry))
    }
    #expect(try CropGeometry(of: model(CropGeometry.fer2013.json)) == .fer2013)
    #expect(try CropGeometry(of: model(nil)) == nil)
    #expect(throws: InferenceError.self) { try CropGeometry(of: model(["alignment": "sideways"])) }
  }

  @Test(arguments: [#""sideScale":0"#, #""sideScale":-1"#, #""widthShare":1.5"#, #""template":[]"#])
  func impossibleValuesInAFileAreRefused(_ damage: String) throws {
    let json = String(decoding: try JSONEncoder().encode(CropGeometry.fer2013), as: UTF8.self)
    let key = damage.prefix { $0 != ":" }
    let old = try #require(json.range(of: "\(key):(\\[[^\\]]*\\]|[^,}]*)", options: .regularExpression))
    let damaged = json.replacingCharacters(in: old, with: damage)
    #expect(throws: DecodingError.self) {
      try JSONDecoder().decode(CropGeometry.self, from: Data(damaged.utf8))
    }
  }

  /// The whole picture is what a crop of FER2013's face should be; how far from it, in pixels of 48, root mean square
  /// over the picture.
  @Test(.enabled(if: TestData.directory != nil, "needs fer2013/landmarks.csv"))
  func theDefaultFramesFER2013BetterThanBoxOrLandmarksAlone() throws {
    let file = try #require(TestData.directory).appending(path: "fer2013/landmarks.csv")
    let faces = try FER2013Faces.read(file, part: "validation", every: 4)
    #expect(faces.count > 500)
    func medianError(_ geometry: CropGeometry) -> Float {
      let errors = faces.map { face in
        let map = FaceCropper.transform(face, geometry: geometry, size: 48)
        // Over a square centred at 0 the mean of x² is 48²/12; the shift is that of the middle.
        let middle = map(Point(x: 24, y: 24))
        let (dx, dy) = (middle.x - 24, middle.y - 24)
        let (ea, eb, ec, ed) = (map.a - 1, map.b, map.c, map.d - 1)
        return (dx * dx + dy * dy + (ea * ea + eb * eb + ec * ec + ed * ed) * 192).squareRoot()
      }
      return errors.sorted()[errors.count / 2]
    }
    let (standard, box, landmarks) = (
      medianError(.fer2013), medianError(.fer2013Box), medianError(.fer2013Similarity)
    )
    #expect(standard < 3.8 && standard < box - 0.3 && standard < landmarks - 0.3, "\(standard) \(box) \(landmarks)")
  }
}
