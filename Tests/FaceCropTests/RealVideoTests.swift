import Capture
import FaceCrop
import Foundation
import Inference
import Pixels
import TestSupport
import Testing

/// The bundled detector and the tracker on real clips.
struct RealVideoTests {
  private static let model = TestData.repository.appending(path: "models/detector.safetensors")
  private static let canRun =
    TestData.directory != nil && FileManager.default.fileExists(atPath: model.path)

  @Test(
    .enabled(if: canRun, "needs models/detector.safetensors and videos/"),
    arguments: ["head-pose-face-detection-female.mp4", "head-pose-face-detection-male.mp4"])
  func everyFrameOfAHeadPoseClipHasOneFaceThatKeepsItsNumber(_ clip: String) throws {
    var options = FaceDetector.Options()
    options.scoreThreshold = FaceTracker.Options().keepScore
    let detector = try FaceDetector(model: ModelFile.read(from: Self.model.path), options: options)
    let source = try openSource(try #require(TestData.directory).appending(path: "videos/\(clip)").path)
    let frame = source.makeFrame()
    var tracker = FaceTracker()
    var faces: [DetectedFace] = []
    var told: [TrackedFace] = []
    var frames = 0
    while try source.read(into: frame) {
      let luma = try #require(frame.luma)
      try detector.detect(in: luma, into: &faces)
      tracker.update(faces, timeNanoseconds: frame.presentationTimeNanoseconds, into: &told)
      #expect(told.map(\.track) == [1], "frame \(frames)")
      if let face = told.first?.face { expectSensible(face, in: luma, frame: frames) }
      frames += 1
    }
    #expect(frames > 20)
  }

  /// The eyes above the nose, the nose above the mouth, all within the box, which has its centre in the picture.
  private func expectSensible(_ face: DetectedFace, in picture: LumaPlane, frame: Int) {
    let parts = face.landmarks
    #expect(parts.rightEye.y < parts.nose.y && parts.leftEye.y < parts.nose.y, "frame \(frame)")
    #expect(parts.nose.y < parts.rightMouthCorner.y && parts.nose.y < parts.leftMouthCorner.y, "frame \(frame)")
    let margin = 0.15 * face.box.width
    #expect(
      parts.points.allSatisfy {
        $0.x > face.box.x - margin && $0.x < face.box.maxX + margin && $0.y > face.box.y && $0.y < face.box.maxY
      }, "frame \(frame)")
    let center = face.box.center
    #expect(0..<Float(picture.width) ~= center.x && 0..<Float(picture.height) ~= center.y, "frame \(frame)")
  }
}
