import FaceCrop
import Testing

struct FaceTrackerTests {
  private static let frame: Int64 = 40_000_000

  /// Runs frames of detections through a tracker; the numbers told in each frame.
  private func numbers(
    _ frames: [[DetectedFace]], options: FaceTracker.Options = .init(), step: Int64 = Self.frame
  ) -> [[Int]] {
    var tracker = FaceTracker(options: options)
    var told: [TrackedFace] = []
    return frames.enumerated().map { index, detections in
      tracker.update(detections, timeNanoseconds: Int64(index) * step, into: &told)
      return told.map(\.track)
    }
  }

  @Test func numbersCountFromOneAndFollowMovingFaces() {
    let frames = (0..<20).map { t in
      [
        makeFace(x: 10 + 6 * Float(t), y: 20, size: 40), makeFace(x: 300 - 6 * Float(t), y: 100, size: 50),
      ]
    }
    #expect(numbers(frames) == Array(repeating: [1, 2], count: 20))
  }

  @Test(arguments: [(1, 1), (2, 1), (3, 2)])
  func aTrackOutlivesTwoMissedFramesAndNoMore(_ missed: Int, number: Int) {
    let face = [makeFace(x: 10, y: 20, size: 40)]
    let told = numbers([face, face] + Array(repeating: [], count: missed) + [face])
    #expect(told == [[1], [1]] + Array(repeating: [], count: missed) + [[number]])
  }

  @Test func timeCanKeepATrackLongerThanFrames() {
    var options = FaceTracker.Options()
    options.maximumMissedNanoseconds = 10 * Self.frame
    let face = [makeFace(x: 10, y: 20, size: 40)]
    #expect(numbers([face] + Array(repeating: [], count: 8) + [face], options: options).last == [1])
    #expect(numbers([face] + Array(repeating: [], count: 12) + [face], options: options).last == [2])
  }

  @Test func missedFacesAreToldOnRequestWhereTheyAreExpected() {
    var options = FaceTracker.Options()
    options.reportsMissedFaces = true
    var tracker = FaceTracker(options: options)
    var told: [TrackedFace] = []
    for t in 0..<10 {
      tracker.update(
        [makeFace(x: 10 * Float(t), y: 20, size: 40)], timeNanoseconds: Int64(t) * Self.frame, into: &told)
    }
    tracker.update([], timeNanoseconds: 10 * Self.frame, into: &told)
    #expect(told.count == 1 && told[0].missedFrames == 1 && abs(told[0].face.box.x - 100) < 1)
  }

  @Test func doubtfulDetectionsContinueTracksButStartNone() {
    let sure = [makeFace(x: 10, y: 20, size: 40)]
    let doubtful = [makeFace(x: 12, y: 20, size: 40, score: 0.35)]
    #expect(numbers([doubtful, doubtful, sure, doubtful, doubtful]) == [[], [], [1], [1], [1]])
  }

  @Test func detectionsBelowTheLowThresholdCountForNothing() {
    let sure = [makeFace(x: 10, y: 20, size: 40)]
    let nothing = [makeFace(x: 10, y: 20, size: 40, score: 0.2)]
    #expect(numbers([sure, nothing, nothing, nothing, sure]) == [[1], [], [], [], [2]])
  }

  @Test func aMiddlingFlickerIsNeverTold() {
    let flicker = [makeFace(x: 10, y: 20, size: 40, score: 0.6)]
    #expect(numbers([[], flicker, [], flicker, []]) == [[], [], [], [], []])
  }

  @Test func aMiddlingFaceIsToldFromItsSecondFrame() {
    let face = [makeFace(x: 10, y: 20, size: 40, score: 0.6)]
    #expect(numbers([[], face, face, face]) == [[], [], [1], [1]])
  }

  @Test func doubtfulDetectionsConfirmNothing() {
    let first = [makeFace(x: 10, y: 20, size: 40, score: 0.6)]
    let doubtful = [makeFace(x: 10, y: 20, size: 40, score: 0.4)]
    #expect(numbers([[], first, doubtful, doubtful, doubtful]) == [[], [], [], [], []])
    #expect(numbers([[], first, doubtful, first]) == [[], [], [], [1]])
  }

  @Test func theFirstFrameNeedsNoConfirmation() {
    let face = [makeFace(x: 10, y: 20, size: 40, score: 0.6)]
    #expect(numbers([face, [], face]) == [[1], [], [1]])
  }

  @Test func aSureDetectionWinsOverADoubtfulNeighbour() {
    var tracker = FaceTracker()
    var told: [TrackedFace] = []
    tracker.update([makeFace(x: 100, y: 100, size: 40)], timeNanoseconds: 0, into: &told)
    tracker.update(
      [makeFace(x: 100, y: 100, size: 40, score: 0.4), makeFace(x: 108, y: 100, size: 40)],
      timeNanoseconds: Self.frame, into: &told)
    #expect(told.map(\.track) == [1] && told[0].face.score == 0.9)
  }

  @Test func facesThatPassEachOtherKeepTheirNumbers() {
    let frames = (0..<30).map { t in
      [
        makeFace(x: 10 + 8 * Float(t), y: 20, size: 40), makeFace(x: 240 - 8 * Float(t), y: 55, size: 40),
      ]
    }
    var tracker = FaceTracker()
    var told: [TrackedFace] = []
    for (index, detections) in frames.enumerated() {
      tracker.update(detections, timeNanoseconds: Int64(index) * Self.frame, into: &told)
      #expect(told.map(\.face.box.y) == [20, 55], "frame \(index)")
    }
  }

  @Test func aFaceThatJumpsByLessThanItsSizeKeepsItsNumber() {
    #expect(numbers([[makeFace(x: 10, y: 20, size: 40)], [makeFace(x: 36, y: 20, size: 40)]]) == [[1], [1]])
  }

  @Test func aFaceElsewhereOrOfAnotherSizeIsAnother() {
    #expect(numbers([[makeFace(x: 10, y: 20, size: 40)], [makeFace(x: 90, y: 20, size: 40)]]) == [[1], [2]])
    #expect(numbers([[makeFace(x: 10, y: 20, size: 100)], [makeFace(x: 45, y: 55, size: 30)]]) == [[1], [2]])
  }

  @Test func smoothingLagsBehindAndSettles() {
    var options = FaceTracker.Options()
    options.smoothing = 0.5
    options.predictsMotion = false
    var tracker = FaceTracker(options: options)
    var told: [TrackedFace] = []
    tracker.update([makeFace(x: 0, y: 0, size: 40)], timeNanoseconds: 0, into: &told)
    tracker.update([makeFace(x: 8, y: 0, size: 40)], timeNanoseconds: 1, into: &told)
    #expect(told[0].face.box.x == 4)
    for t in 2..<20 { tracker.update([makeFace(x: 8, y: 0, size: 40)], timeNanoseconds: Int64(t), into: &told) }
    #expect(abs(told[0].face.box.x - 8) < 0.01)
  }

  @Test func expectedFacesMoveOnBetweenDetections() {
    var tracker = FaceTracker()
    var told: [TrackedFace] = []
    for t in 0..<10 {
      tracker.update(
        [makeFace(x: 10 * Float(t), y: 20, size: 40)], timeNanoseconds: Int64(t) * Self.frame, into: &told)
    }
    tracker.expected(atNanoseconds: 9 * Self.frame + Self.frame / 2, into: &told)
    #expect(told.map(\.track) == [1] && abs(told[0].face.box.x - 95) < 1)
  }

  @Test func aClockThatStandsStillOrGoesBackDoesNoHarm() {
    var tracker = FaceTracker()
    var told: [TrackedFace] = []
    for time: Int64 in [100, 100, 50, 200, .max] {
      tracker.update([makeFace(x: 10, y: 20, size: 40)], timeNanoseconds: time, into: &told)
      #expect(told.map(\.track) == [1] && told[0].face.box.x == 10)
    }
  }

  @Test func numbersAreNotUsedAgainAfterAReset() {
    var tracker = FaceTracker()
    var told: [TrackedFace] = []
    tracker.update([makeFace(x: 10, y: 20, size: 40)], timeNanoseconds: 0, into: &told)
    tracker.reset()
    tracker.update([makeFace(x: 10, y: 20, size: 40)], timeNanoseconds: 1, into: &told)
    #expect(told.map(\.track) == [2])
  }
}
