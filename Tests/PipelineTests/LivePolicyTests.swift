import FaceCrop
import Pixels
import Testing

@testable import Pipeline

struct FrameSkipperTests {
  @Test(arguments: [0.9, 0.75, 0.5, 0.4, 1.0 / 3, 0.11, 0.01])
  func framesAreLeftOutEvenly(share: Double) {
    var skipper = FrameSkipper()
    skipper.update(possibleShare: share, wasLate: true)
    var kept: [Int] = []
    for number in 0..<10_000 where skipper.keepsNext() { kept.append(number) }
    #expect(abs(Double(kept.count) - 10_000 * share) <= 1)
    let distances = zip(kept, kept.dropFirst()).map { $1 - $0 }
    #expect(distances.max()! - distances.min()! <= 1)
  }

  @Test func everyFrameIsKeptUntilOneWasLate() {
    var skipper = FrameSkipper()
    /// How many of the next hundred frames are kept.
    func kept(share: Double, wasLate: Bool) -> Int {
      skipper.update(possibleShare: share, wasLate: wasLate)
      return (0..<100).count { _ in skipper.keepsNext() }
    }
    #expect(kept(share: 0.3, wasLate: false) == 100)
    #expect(kept(share: 0.3, wasLate: true) == 30)
    #expect(kept(share: 1, wasLate: false) == 100)
    // A moment's delay where there is time enough is no reason.
    #expect(kept(share: 1, wasLate: true) == 100)
  }
}

struct LoadMeterTests {
  /// A meter that has seen frames of these costs, in milliseconds.
  private func meter(
    processors: Int = 2, period: Double = 1000 / 30, full: Double, region: Double = 0.3, face: Double,
    faces: Int = 1,
    kept: Double? = nil
  ) -> LoadMeter {
    var meter = LoadMeter(processors: processors, classifiers: processors)
    for _ in 0..<200 {
      meter.noteSourceFrame(seconds: period / 1000)
      meter.noteKeptFrame(seconds: (kept ?? period) / 1000)
      meter.noteScan(.full, seconds: full / 1000)
      meter.noteScan(.regions, seconds: region / 1000)
      meter.noteClassification(faces: faces, seconds: face * Double(faces) / 1000)
    }
    return meter
  }

  @Test func whereThereIsTimeNothingIsLeftOut() {
    let plan = meter(full: 2.1, face: 2.4).plan()
    #expect(plan.scanInterval == 2 && plan.reclassifyInterval == 3)
    #expect(plan.keptShare == 1 && plan.classificationLimit >= 10)
  }

  @Test func beforeAnythingIsKnownNothingIsLeftOut() {
    let plan = LoadMeter(processors: 1, classifiers: 1).plan()
    #expect(plan.keptShare == 1 && plan.classificationLimit >= 100 && plan.scanInterval <= 2)
  }

  @Test func firstTheWholePictureIsLookedAtMoreRarely() {
    let plan = meter(full: 60, region: 5, face: 2).plan()
    #expect(3...15 ~= plan.scanInterval)
    let average = (60 + Double(plan.scanInterval - 1) * 5) / Double(plan.scanInterval)
    #expect(average <= 0.8 * 1000 / 30)
    #expect(plan.keptShare == 1)
  }

  @Test func atLeastTwiceASecondTheWholePictureIsLookedAt() {
    #expect(meter(full: 2000, region: 5, face: 2).plan().scanInterval == 15)
    // Of three frames a second that are left.
    #expect(meter(full: 2000, region: 5, face: 2, kept: 333).plan().scanInterval == 1)
  }

  @Test func thenFewerFacesAreClassifiedInAFrame() {
    let plan = meter(full: 2, face: 12, faces: 10).plan()
    #expect(3...4 ~= plan.classificationLimit)
    #expect(meter(full: 2, face: 500, faces: 1).plan().classificationLimit == 1)
  }

  @Test func atLastFramesAreLeftOutAndAsManyAsMust() {
    let plan = meter(full: 40, region: 40, face: 40).plan()
    // 80 ms on two processors within 33.
    #expect(0.7...0.8 ~= plan.keptShare)
    let single = meter(processors: 1, full: 40, region: 40, face: 40).plan()
    #expect(0.35...0.42 ~= single.keptShare)
  }

  @Test func oneSlowFrameChangesNothing() {
    var meter = meter(full: 2, face: 2)
    let before = meter.plan()
    meter.noteScan(.full, seconds: 3)
    meter.noteClassification(faces: 1, seconds: 3)
    #expect(meter.plan().keptShare == 1 && meter.plan().scanInterval == before.scanInterval)
  }

  @Test func recoversWhenTheLoadIsGone() {
    var meter = meter(full: 200, region: 100, face: 100)
    #expect(meter.plan().keptShare < 0.4)
    for _ in 0..<200 {
      meter.noteScan(.full, seconds: 0.002)
      meter.noteScan(.regions, seconds: 0.001)
      meter.noteClassification(faces: 1, seconds: 0.002)
    }
    #expect(meter.plan().keptShare == 1)
  }
}

struct GapLedgerTests {
  private func gaps(_ ledger: inout GapLedger, _ range: Range<Int>) -> [String] {
    var gaps: [StreamGap] = []
    ledger.gaps(in: range, into: &gaps)
    return gaps.map { "\($0.firstSequence)-\($0.lastSequence) \($0.reason)" }
  }

  @Test func splitsMissingNumbersByReason() {
    var ledger = GapLedger()
    ledger.note(3...4, .dropped)
    ledger.note(7...7, .reconnect)
    ledger.note(8...9, .reconnect)
    ledger.note(20...30, .dropped)
    #expect(
      gaps(&ledger, 2..<11) == ["2-2 overload", "3-4 dropped", "5-6 overload", "7-9 reconnect", "10-10 overload"])
    #expect(gaps(&ledger, 12..<25) == ["12-19 overload", "20-24 dropped"])
    #expect(gaps(&ledger, 25..<31) == ["25-30 dropped"])
    #expect(gaps(&ledger, 31..<32) == ["31-31 overload"])
    #expect(gaps(&ledger, 33..<33) == [])
  }

  @Test func holdsNoMoreThanItsMemoryAllows() {
    var ledger = GapLedger()
    for number in 0..<100_000 { ledger.note(2 * number...2 * number, .dropped) }
    let all = gaps(&ledger, 0..<200_000)
    #expect(all.count < 3000 && all.first == "0-0 dropped")
    #expect(gaps(&ledger, 200_000..<200_001) == ["200000-200000 overload"])
  }
}

struct ReclassificationTests {
  private func face(_ track: Int) -> FaceAnnotation {
    FaceAnnotation(
      track: track, box: Rect(x: Float(track % 10) * 20, y: 10, width: 20, height: 20), detectionScore: 1,
      landmarks: nil)
  }

  @Test(arguments: [(5, 1), (5, 2), (7, 3), (12, 4)])
  func trackedFacesAreClassifiedInTurn(faces: Int, limit: Int) {
    var schedule = ClassificationSchedule(interval: 1)
    var last = [Int](repeating: 0, count: faces)
    var longest = 0
    LumaImage(width: 240, height: 60, filledWith: 90).withPlane { luma in
      for number in 0..<200 {
        var annotations = (0..<faces).map { face($0 + 1) }
        schedule.plan(&annotations, in: luma, sequence: number, limit: limit)
        let chosen = annotations.indices.filter { annotations[$0].isClassified }
        // New ones are classified in any case: nothing could be told of them.
        #expect(chosen.count == (number == 0 ? faces : limit))
        for index in chosen {
          longest = max(longest, number - last[index])
          last[index] = number
        }
      }
    }
    #expect(longest == (faces + limit - 1) / limit)
  }

  @Test func aNewFaceDoesNotWaitForItsTurn() {
    var schedule = ClassificationSchedule(interval: 1)
    LumaImage(width: 240, height: 60, filledWith: 90).withPlane { luma in
      var annotations = [face(1), face(2)]
      schedule.plan(&annotations, in: luma, sequence: 0, limit: 1)
      annotations.append(face(3))
      schedule.plan(&annotations, in: luma, sequence: 1, limit: 1)
      #expect(annotations.map(\.isClassified) == [false, false, true])
      schedule.forgetAll()
      schedule.plan(&annotations, in: luma, sequence: 2, limit: 1)
      #expect(annotations.map(\.isClassified) == [true, true, true])
    }
  }
}
