import Pixels
import Testing

@testable import FaceCrop

struct LookVoteTests {
  private func vote(_ looks: [[DetectedFace]], threshold: Float = 0.5, limit: Int = 10) -> [DetectedFace] {
    var vote = LookVote(overlap: 0.4)
    // What was there before must not count.
    vote.add([makeFace(x: 0, y: 0, size: 30)])
    vote.removeAll()
    for look in looks { vote.add(look) }
    var faces: [DetectedFace] = []
    vote.write(threshold: threshold, limit: limit, into: &faces)
    return faces
  }

  @Test func aFaceOfAllLooksHasTheirMeanScoreAndLiesBetween() {
    let faces = vote([
      [makeFace(x: 10, y: 10, size: 40, score: 0.9)], [makeFace(x: 14, y: 10, size: 40, score: 0.3)],
    ])
    #expect(faces.count == 1 && abs(faces[0].score - 0.6) < 1e-6)
    #expect(abs(faces[0].box.x - 11) < 1e-4 && abs(faces[0].landmarks.nose.x - (11 + 0.47 * 40)) < 1e-4)
  }

  @Test func aFaceThatOneLookMissesLosesItsShare() {
    let face = makeFace(x: 10, y: 10, size: 40, score: 0.9)
    #expect(vote([[face], []]).isEmpty && vote([[], [face]]).isEmpty)
    #expect(vote([[face], []], threshold: 0.45).map(\.score) == [0.45])
  }

  @Test func neighboursOfOneLookRemainTwoFaces() {
    let pair = [makeFace(x: 0, y: 0, size: 40, score: 0.9), makeFace(x: 12, y: 0, size: 40, score: 0.8)]
    let faces = vote([pair, pair.reversed()])
    #expect(faces.count == 2 && faces[0].score > faces[1].score)
  }

  @Test func theSurestComeFirstAndNoMoreThanTheLimit() {
    let row = (0..<10).map { makeFace(x: Float($0) * 100, y: 0, size: 40, score: 0.5 + Float($0) / 25) }
    #expect(vote([row, row], limit: 3).map(\.box.x) == [900, 800, 700])
    #expect(vote([]).isEmpty && vote([[], []]).isEmpty)
  }
}
