import Pixels
import Testing

@testable import Pipeline

struct ClassificationScheduleTests {
  private func face(_ track: Int, x: Float = 10) -> FaceAnnotation {
    FaceAnnotation(
      track: track, box: Rect(x: x, y: 8, width: 40, height: 40), detectionScore: 1, landmarks: nil)
  }

  /// Stripes, so that something is to be seen; `mouth` darkens a part of the face.
  private func picture(brightness: Int = 0, mouth: Bool = false) -> LumaImage {
    var image = LumaImage(width: 64, height: 64)
    for y in 0..<64 {
      for x in 0..<64 {
        let isMouth = mouth && 20...40 ~= x && 34...44 ~= y
        image.pixels[y * 64 + x] = UInt8((isMouth ? 10 : 100 + 5 * (x / 8 + y / 8)) + brightness)
      }
    }
    return image
  }

  private func plan(
    _ schedule: inout ClassificationSchedule, _ faces: [FaceAnnotation], _ image: LumaImage, _ sequence: Int
  ) -> [Bool] {
    var faces = faces
    image.withPlane { schedule.plan(&faces, in: $0, sequence: sequence) }
    return faces.map { $0.isClassified }
  }

  @Test func looksAgainAfterTheIntervalWhereNothingChanges() {
    var schedule = ClassificationSchedule(interval: 3)
    let due = (0..<8).map { plan(&schedule, [face(1)], picture(), $0)[0] }
    #expect(due == [true, false, false, true, false, false, true, false])
  }

  @Test func looksInEveryFrameWithAnIntervalOfOne() {
    var schedule = ClassificationSchedule(interval: 1)
    #expect((0..<4).allSatisfy { plan(&schedule, [face(1)], picture(), $0) == [true] })
  }

  @Test func looksAtOnceAtANewFaceAndAtOneThatChanges() {
    var schedule = ClassificationSchedule(interval: 100)
    #expect(plan(&schedule, [face(1)], picture(), 0) == [true])
    #expect(plan(&schedule, [face(1), face(2, x: 20)], picture(), 1) == [false, true])
    #expect(plan(&schedule, [face(1), face(2, x: 20)], picture(mouth: true), 2) == [true, true])
    #expect(plan(&schedule, [face(1), face(2, x: 20)], picture(mouth: true), 3) == [false, false])
  }

  @Test func looksLessOftenAtAFaceThatChangesAllTheTimeUnlessItIsAnother() {
    var schedule = ClassificationSchedule(interval: 100, minimumInterval: 3)
    // Mean differences of the thumbnails: 0, about 9, 18, 27, …
    func other(_ step: Int) -> LumaImage {
      var image = picture()
      for y in 0..<64 { for x in 0..<30 { image.pixels[y * 64 + x] -= UInt8(18 * step) } }
      return image
    }
    #expect(plan(&schedule, [face(1)], picture(), 0) == [true])
    #expect(plan(&schedule, [face(1)], other(1), 1) == [false])
    #expect(plan(&schedule, [face(1)], other(1), 2) == [false])
    #expect(plan(&schedule, [face(1)], other(1), 3) == [true])
    #expect(plan(&schedule, [face(1)], other(5), 4) == [true])
  }

  @Test func takesNoNoticeOfLightAndTrembling() {
    var schedule = ClassificationSchedule(interval: 100)
    #expect(plan(&schedule, [face(1)], picture(), 0) == [true])
    #expect(plan(&schedule, [face(1)], picture(brightness: 30), 1) == [false])
    #expect(plan(&schedule, [face(1, x: 10.4)], picture(), 2) == [false])
  }

  @Test func looksAtOnceAtATrackThatComesBackLate() {
    var schedule = ClassificationSchedule(interval: 1000)
    #expect(plan(&schedule, [face(1)], picture(), 0) == [true])
    #expect(plan(&schedule, [face(1)], picture(), ClassificationSchedule.forgottenAfter) == [false])
    let late = 2 * ClassificationSchedule.forgottenAfter + 1
    #expect(plan(&schedule, [face(1)], picture(), late) == [true])
  }

  @Test func aFaceKeepsWhatItGotWhenItWasClassified() {
    var memory = ClassificationMemory()
    func complete(_ faces: [FaceAnnotation], fresh: [Float], number: Int) -> FrameAnnotation {
      var frame = FrameAnnotation()
      frame.faces = faces
      // As where every second frame of the source is skipped.
      frame.sequence = 2 * number
      memory.complete(&frame, fresh: fresh, labelCount: 2, number: number)
      return frame
    }
    #expect(complete([face(1), face(2)], fresh: [1, 0, 0, 1], number: 0).raw == [1, 0, 0, 1])
    var (known, new) = (face(1), face(2))
    known.isClassified = false
    new.isClassified = true
    let second = complete([known, new], fresh: [0.5, 0.5], number: 1)
    #expect(second.raw == [1, 0, 0.5, 0.5])
    #expect(second.faces.map(\.classifiedSequence) == [0, 2])
    new.isClassified = false
    let third = complete([new], fresh: [], number: 2)
    #expect(third.raw == [0.5, 0.5] && third.faces[0].classifiedSequence == 2)
  }
}
