import Capture
import FaceCrop
import Foundation
import Glibc
import Inference
import Pixels
import TestSupport
import Testing

@testable import Training

/// The detector that ships, on data it has not learned from.
@Suite(.enabled(if: TestData.directory != nil, "needs the test data: set FERD_DATA"))
struct DetectorBundledTests {
  private static let model = TestData.repository.appending(path: "models/detector.safetensors").path

  private func detector(_ precision: Precision = .f32) throws -> FaceDetector {
    var options = FaceDetector.Options()
    options.precision = precision
    return try FaceDetector(model: ModelFile.read(from: Self.model), options: options)
  }

  @Test func itsRecordTellsAThresholdAndHowItCameToBe() throws {
    let file = try ModelFile.read(from: Self.model)
    #expect(file.spec.trainableParameterCount <= 200_000)
    let threshold = try #require(FaceDetector.scoreThreshold(of: file))
    #expect(0.3..<0.9 ~= threshold)
    #expect(file.record.training?["phases"] != nil)
  }

  @Test(arguments: [Precision.f32, .bf16]) func findsTheFacesOfTheValidationPart(_ precision: Precision) throws {
    let data = try DetectorData(folder: TestData.directory!.path)
    let some = Dictionary(grouping: data.validation, by: \.folder).values.flatMap {
      $0[0].folder == "scenes" ? $0 : Array($0.prefix(80))
    }
    let file = try ModelFile.read(from: Self.model)
    let threshold = try #require(FaceDetector.scoreThreshold(of: file))
    let score = try DetectorEvaluation(pictures: some, folder: data.folder, detector: detector(precision)).score
    let folders = score.figures(threshold: threshold).folders
    #expect(try #require(folders["portraits"]?.recall) >= 0.98)
    #expect(try #require(folders["people"]?.recall) >= 0.93)
    #expect(try #require(folders["scenes"]?.recall) >= 0.7)
    #expect(try #require(folders["scenes"]?.falseAlarmsPerPicture) <= 0.05)
    #expect(try #require(score.figures(threshold: threshold).medianLandmarkError) <= 0.06)
  }

  @Test(arguments: ["head-pose-face-detection-female.mp4", "head-pose-face-detection-male.mp4"])
  func seesExactlyOneFaceInEachFrameOfAHeadPoseClip(_ clip: String) throws {
    let source = try openSource(TestData.directory!.appending(path: "videos/\(clip)").path)
    let frame = source.makeFrame()
    let detector = try detector()
    var faces: [DetectedFace] = []
    var counts: [Int] = []
    while try source.read(into: frame) {
      guard let plane = frame.luma else { continue }
      try detector.detect(in: plane, into: &faces)
      counts.append(faces.count)
    }
    #expect(counts.count > 10)
    #expect(counts.allSatisfy { $0 == 1 }, "\(counts)")
  }

  /// What it reaches, so that a weaker one is noticed: height in pixels of a picture of 320×180 (144 is the close webcam face
  /// of 80 %), roll in degrees, share that must be found. Rolled faces of 24 pixels and any of 16 are mostly missed.
  private static let reach: [(height: Float, degrees: Float, share: Float)] = [
    (24, 0, 0.5), (48, -30, 0.75), (48, 0, 0.95), (48, 30, 0.7), (96, -30, 0.95), (96, 0, 0.95), (96, 30, 0.95),
    (144, -30, 0.95), (144, 0, 0.95), (144, 30, 0.95), (180, -30, 0.95), (180, 0, 0.95), (180, 30, 0.95),
  ]

  @Test(arguments: 0..<reach.count) func findsPastedFaces(_ index: Int) throws {
    let (height, degrees, share) = Self.reach[index]
    let data = try DetectorData(folder: TestData.directory!.path)
    func pictures(_ isWanted: (FaceAnnotation) -> Bool, _ count: Int) throws -> [LabelledPicture] {
      try data.validation.filter(isWanted).prefix(count).map {
        LabelledPicture(try readPicture(data.folder + "/" + $0.file), faces: $0.faces)
      }
    }
    let people = try pictures({ $0.folder == "portraits" && $0.faces.count == 1 && !$0.faces[0].isIgnored }, 40)
    let backgrounds = try pictures({ $0.folder == "scenes" && $0.faces.isEmpty }, 10)
    let detector = try detector()
    var found = 0
    var answers: [DetectedFace] = []
    for (number, picture) in people.enumerated() {
      let canvas = DetectorCanvas(width: 320, height: 180)
      let background = backgrounds[number % backgrounds.count]
      let cover = max(320 / background.width, 180 / background.height)
      canvas.paint(
        background.pyramid, toCanvas: Pixels.AffineTransform(a: cover, b: 0, tx: 0, c: 0, d: cover, ty: 0),
        clip: canvas.bounds, mask: LayerMask(window: background.bounds, exponent: nil), tone: .identity)
      let box = picture.faces[0].box
      let scale = height / box.height
      let cosine = cosf(degrees * .pi / 180) * scale
      let sine = sinf(degrees * .pi / 180) * scale
      let centre = box.center
      let map = Pixels.AffineTransform(
        a: cosine, b: -sine, tx: 160 - cosine * centre.x + sine * centre.y, c: sine, d: cosine,
        ty: 90 - sine * centre.x - cosine * centre.y)
      canvas.paint(
        picture.pyramid, toCanvas: map, clip: canvas.bounds,
        mask: LayerMask(window: picture.bounds, exponent: 4, feather: 0.1), tone: .identity)
      try canvas.image.withPlane { try detector.detect(in: $0, into: &answers) }
      let wanted = CanvasComposer.mappedBox(box, map).clipped(width: 320, height: 180)
      if answers.contains(where: { $0.box.clipped(width: 320, height: 180).overlap(with: wanted) >= 0.5 }) {
        found += 1
      }
    }
    #expect(Float(found) >= share * Float(people.count), "\(height), \(degrees): \(found) of \(people.count)")
  }
}
