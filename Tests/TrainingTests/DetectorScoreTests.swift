import FaceCrop
import Pixels
import Testing

@testable import Training

struct DetectorScoreTests {
  private func face(_ box: Rect, isIgnored: Bool = false) -> AnnotatedFace {
    AnnotatedFace(box: box, landmarks: DetectorLossTests.face(box).landmarks, isIgnored: isIgnored)
  }

  private func answer(_ box: Rect, _ score: Float) -> DetectedFace {
    DetectedFace(box: box, landmarks: DetectorLossTests.face(box).landmarks, score: score)
  }

  private func score(
    _ faces: [AnnotatedFace], _ answers: [DetectedFace], folder: String = "scenes"
  ) -> DetectorScore {
    var score = DetectorScore()
    score.add(
      FaceAnnotation(file: folder + "/a.jpg", width: 100, height: 100, isValidation: true, faces: faces),
      answers: answers)
    return score
  }

  @Test func anAnswerTakesOneFaceOnly() {
    let box = Rect(x: 10, y: 10, width: 30, height: 40)
    let figures = score([face(box)], [answer(box, 0.9), answer(box, 0.8)]).figures(threshold: 0.5).folders["scenes"]
    #expect(figures?.found == 1)
    #expect(figures?.falseAlarms == 1)
    #expect(figures?.medianLandmarkError == 0)
  }

  @Test func thresholdsApplyToFacesAndFalseAlarms() {
    let box = Rect(x: 10, y: 10, width: 30, height: 40)
    let result = score([face(box)], [answer(box, 0.6), answer(Rect(x: 60, y: 60, width: 20, height: 20), 0.7)])
    #expect(result.figures(threshold: 0.65).folders["scenes"]?.found == 0)
    #expect(result.figures(threshold: 0.65).folders["scenes"]?.falseAlarms == 1)
    #expect(result.figures(threshold: 0.75).folders["scenes"]?.falseAlarms == 0)
    #expect(result.threshold(falseAlarmsAtMost: 0, folder: "scenes") > 0.7)
    #expect(result.threshold(falseAlarmsAtMost: 1, folder: "scenes") < 0.02)
  }

  @Test func facesBeyondThePictureAreComparedInsideIt() {
    // Half of the face is outside; the answer knows only what can be seen.
    let result = score(
      [face(Rect(x: -30, y: 10, width: 60, height: 60))], [answer(Rect(x: 0, y: 10, width: 30, height: 60), 0.9)])
    #expect(result.figures(threshold: 0.5).folders["scenes"]?.found == 1)
  }

  @Test func smallAndDoubtfulFacesCountNeitherWay() {
    let small = Rect(x: 10, y: 10, width: 15, height: 20)
    let doubtful = Rect(x: 50, y: 50, width: 30, height: 30)
    for answers in [[], [answer(small, 0.9), answer(doubtful, 0.9)]] {
      let figures = score([face(small), face(doubtful, isIgnored: true)], answers).figures(threshold: 0.5)
        .folders["scenes"]
      #expect(figures?.faces == 0)
      #expect(figures?.falseAlarms == 0)
    }
  }

  @Test func aBoxThatIsTooLooseDoesNotFind() {
    let figures = score(
      [face(Rect(x: 40, y: 40, width: 20, height: 20))], [answer(Rect(x: 30, y: 30, width: 40, height: 40), 0.9)]
    ).figures(threshold: 0.5).folders["scenes"]
    #expect(figures?.found == 0)
    #expect(figures?.falseAlarms == 1)
  }

  @Test func landmarkErrorIsAShareOfTheBoxSize() {
    let box = Rect(x: 10, y: 10, width: 40, height: 40)
    var shifted = answer(box, 0.9)
    shifted.landmarks = answer(Rect(x: 14, y: 10, width: 40, height: 40), 0.9).landmarks
    let figures = score([face(box)], [shifted]).figures(threshold: 0.5)
    #expect(abs((figures.medianLandmarkError ?? 0) - 0.1) < 1e-5)
  }
}
