import Capture
import FaceCrop
import Foundation
import Inference
import Pixels
import TestSupport
import Testing

@testable import Pipeline

/// The crops of live pictures must look to the networks like those they learned from.
///
/// Validation pictures of FER2013 are pasted, as they are, into photographs without faces, found there by the bundled
/// detector, cut out by the cropper and classified by the bundled ensemble: that may cost little against classifying the
/// pictures themselves. A face that is not found counts as an error.
@Suite(.enabled(if: TestData.directory != nil, "needs the test data: set FERD_DATA"))
struct LiveCropTests {
  private static let side = 48
  /// The part of the larger pictures that is used, in pixels; the face comes into its middle.
  private static let size = 160

  private struct Sample {
    var picture: LumaImage
    var label: Int
  }

  @Test func croppingFacesOutOfLargerPicturesCostsAtMostThreePoints() throws {
    let data = TestData.directory!
    let models = TestData.repository.appending(path: "models")
    let classifier = try EnsembleClassifier(
      ensemble: EmotionEnsemble(path: models.appending(path: "default").path))
    let detector = try FaceDetector(
      model: ModelFile.read(from: models.appending(path: "detector.safetensors").path))
    let reader = PictureReader()
    let backgrounds = try [
      "00009", "00019", "00069", "00079", "00089", "00129", "00159", "00189", "00199", "00219",
    ].map { try reader.read(data.appending(path: "faces/scenes/\($0).jpg").path) }

    var (count, direct, pasted, missed) = (0, 0, 0, 0)
    var probabilities: [Float] = []
    var faces: [DetectedFace] = []
    func isRight(_ face: FaceAnnotation, in image: LumaImage, label: Int) throws -> Bool {
      probabilities.removeAll(keepingCapacity: true)
      try image.withPlane { try classifier.classify([face], in: $0, into: &probabilities) }
      return probabilities.indices.max { probabilities[$0] < probabilities[$1] } == label
    }
    for file in try Self.files(data.appending(path: "fer2013/landmarks.csv")) {
      let emotion = file.split(separator: "/")[1]
      let label = try #require(classifier.labels.firstIndex(of: String(emotion)))
      let picture = try reader.read(data.appending(path: "fer2013/\(file)").path)
      count += 1
      let whole = FaceAnnotation(
        track: 1, box: Rect(x: 0, y: 0, width: Float(Self.side), height: Float(Self.side)), detectionScore: 1,
        landmarks: nil)
      if try isRight(whole, in: picture, label: label) { direct += 1 }

      let scene = Self.paste(picture, into: backgrounds[count % backgrounds.count])
      try scene.withPlane { try detector.detectThoroughly(in: $0, into: &faces) }
      let middle = Float(Self.size) / 2
      let wanted = Rect(x: middle - 24, y: middle - 24, width: 48, height: 48)
      guard let found = faces.max(by: { $0.box.overlap(with: wanted) < $1.box.overlap(with: wanted) }),
        found.box.overlap(with: wanted) > 0.2
      else {
        missed += 1
        continue
      }
      let face = FaceAnnotation(
        track: 1, box: found.box, detectionScore: found.score, landmarks: found.landmarks)
      if try isRight(face, in: scene, label: label) { pasted += 1 }
    }
    let loss = Float(direct - pasted) / Float(count)
    #expect(count == 3312)
    #expect(
      loss <= 0.03,
      "direct \(direct), pasted \(pasted), not found \(missed), of \(count): \(loss * 100) points lost")
    // So that the figure is there when it is asked for.
    print("LiveCropTests: direct \(direct), pasted \(pasted), not found \(missed), of \(count)")
  }

  /// The validation part's pictures with sure landmarks, relative to the data set's folder.
  private static func files(_ list: URL) throws -> [Substring] {
    try String(contentsOf: list, encoding: .utf8).split(whereSeparator: \.isNewline)
      .filter { $0.hasPrefix("validation/") }.map { $0.prefix { $0 != "," } }
  }

  private static func paste(_ picture: LumaImage, into background: LumaImage) -> LumaImage {
    var scene = LumaImage(width: size, height: size, filledWith: 0)
    let (left, top) = ((background.width - size) / 2, (background.height - size) / 2)
    for y in 0..<size {
      for x in 0..<size {
        scene.pixels[y * size + x] = background.pixels[(top + y) * background.width + left + x]
      }
    }
    let start = (size - side) / 2
    for y in 0..<side {
      for x in 0..<side { scene.pixels[(start + y) * size + start + x] = picture.pixels[y * side + x] }
    }
    return scene
  }
}
