import Capture
import Foundation
import Inference
import Pixels
import TestSupport
import Testing

@testable import FaceCrop

struct DetectorRegionTests {
  @Test(arguments: [
    (Rect(x: 300, y: 150, width: 40, height: 50), 256, 111, 128, 128),
    (Rect(x: 100, y: 50, width: 200, height: 240), 0, 0, 528, 360),
    (Rect(x: -30, y: -20, width: 60, height: 60), 0, 0, 144, 144),
    (Rect(x: 620, y: 340, width: 60, height: 60), 496, 216, 144, 144),
    (Rect(x: 5000, y: 5000, width: 10, height: 10), 512, 232, 128, 128),
    (Rect(x: .nan, y: 0, width: .infinity, height: .nan), 0, 0, 128, 128),
    (Rect(x: 0, y: 0, width: 1e30, height: 1), 0, 0, 640, 360),
  ])
  func liesInThePicture(face: Rect, x: Int, y: Int, width: Int, height: Int) {
    let region = DetectorRegion(around: face, pictureWidth: 640, pictureHeight: 360, scale: 1)
    #expect((region.x, region.y, region.width, region.height) == (x, y, width, height))
  }

  @Test func aPictureSmallerThanTheNetworksInputIsTakenWhole() {
    let region = DetectorRegion(
      around: Rect(x: 30, y: 30, width: 20, height: 20), pictureWidth: 100, pictureHeight: 60,
      scale: 1)
    #expect((region.x, region.y, region.width, region.height) == (0, 0, 100, 60))
  }

  @Test func aSmallFaceKeepsItsSizeAndALargeOneIsShrunk() {
    func side(_ size: Float) -> Int {
      DetectorRegion(
        around: Rect(x: 300, y: 200, width: size, height: size), pictureWidth: 1280, pictureHeight: 720, scale: 2.5
      ).width
    }
    #expect(side(20) == 320 && side(140) == 320 && side(200) == 448)
  }

  @Test func resizersAreKeptForTheSizesInUse() {
    var cache = ResizerCache(limit: 2)
    let first = cache.resizer(width: 128, height: 128)
    _ = cache.resizer(width: 160, height: 160)
    #expect(cache.resizer(width: 128, height: 128) === first)
    _ = cache.resizer(width: 192, height: 192)
    #expect(cache.resizer(width: 128, height: 128) === first)
  }
}

/// The bundled detector around known faces against the same at the whole picture, on real clips.
struct RegionDetectionTests {
  private static let model = TestData.repository.appending(path: "models/detector.safetensors")
  private static let hasModel = FileManager.default.fileExists(atPath: model.path)
  private static let threshold: Float = 0.6

  private func detector() throws -> FaceDetector {
    var options = FaceDetector.Options()
    options.scoreThreshold = 0.6 * Self.threshold
    return try FaceDetector(model: ModelFile.read(from: Self.model.path), options: options)
  }

  private struct Agreement {
    var faces = 0
    var found = 0
    var overlap: Float = 0
    /// Mean distance of landmarks in sizes of the box.
    var landmarks: Float = 0
  }

  /// Looks for each face that the whole picture shows where it was in the frame before.
  private func agreement(_ path: String) throws -> Agreement {
    let detector = try detector()
    let source = try openSource(path)
    let frame = source.makeFrame()
    var agreement = Agreement()
    var (before, whole, near): ([DetectedFace], [DetectedFace], [DetectedFace]) = ([], [], [])
    while try source.read(into: frame) {
      let luma = try #require(frame.luma)
      try detector.detect(in: luma, into: &whole)
      whole.removeAll { $0.score < Self.threshold }
      if detector.isWorthwhile(regions: before.count, in: luma) {
        _ = try detector.detect(in: luma, around: before, into: &near)
        for face in whole where before.contains(where: { $0.box.overlap(with: face.box) > 0.5 }) {
          agreement.faces += 1
          guard let match = near.max(by: { $0.box.overlap(with: face.box) < $1.box.overlap(with: face.box) }),
            match.box.overlap(with: face.box) > 0.5
          else { continue }
          agreement.found += 1
          agreement.overlap += match.box.overlap(with: face.box)
          let size = face.box.area.squareRoot()
          for (a, b) in zip(face.landmarks.points, match.landmarks.points) {
            agreement.landmarks += hypot(a.x - b.x, a.y - b.y) / size / 5
          }
        }
        // Nobody is told twice.
        for (index, face) in near.enumerated() {
          #expect(near[..<index].allSatisfy { $0.box.overlap(with: face.box) < 0.5 })
        }
      }
      before = whole
    }
    agreement.overlap /= Float(max(1, agreement.found))
    agreement.landmarks /= Float(max(1, agreement.found))
    return agreement
  }

  @Test(
    .enabled(if: hasModel && TestData.directory != nil, "needs models/detector.safetensors and videos/"),
    arguments: ["head-pose-face-detection-female.mp4", "head-pose-face-detection-male.mp4", "stage-clip.mp4"])
  func agreesWithTheWholePicture(clip: String) throws {
    let result = try agreement(try #require(TestData.directory).appending(path: "videos/\(clip)").path)
    #expect(result.faces > 15)
    #expect(Double(result.found) >= 0.97 * Double(result.faces), "\(result)")
    #expect(result.overlap > 0.8 && result.landmarks < 0.06, "\(result)")
  }

  @Test(.enabled(if: hasModel, "needs models/detector.safetensors"))
  func agreesWithTheWholePictureOnTheBundledClip() throws {
    let result = try agreement(TestData.repository.appending(path: "docs/mean-faces.mp4").path)
    #expect(result.faces > 250 && result.found == result.faces, "\(result)")
    #expect(result.overlap > 0.8 && result.landmarks < 0.06, "\(result)")
  }

  @Test(.enabled(if: hasModel, "needs models/detector.safetensors"))
  func saysWhenAFaceIsNotWhereItIsExpected() throws {
    let detector = try detector()
    let source = try openSource(TestData.repository.appending(path: "docs/mean-faces.mp4").path)
    let frame = source.makeFrame()
    #expect(try source.read(into: frame))
    let luma = try #require(frame.luma)
    var (faces, near): ([DetectedFace], [DetectedFace]) = ([], [])
    try detector.detect(in: luma, into: &faces)
    let face = try #require(faces.first)
    #expect(try detector.detect(in: luma, around: [face], required: 1, into: &near))
    #expect(near.count == 1)
    let away = face.moved(x: 2 * face.box.width, y: 0)
    #expect(try !detector.detect(in: luma, around: [face, away], required: 2, into: &near))
    #expect(try detector.detect(in: luma, around: [face, away], required: 1, into: &near))
    #expect(near.count == 1)
    #expect(try detector.detect(in: luma, around: [], into: &near) && near.isEmpty)
  }
}
