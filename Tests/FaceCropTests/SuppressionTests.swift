import Pixels
import Testing

@testable import FaceCrop

struct SuppressionTests {
  private func reduce(_ candidates: [DetectedFace], mergeOverlap: Float = 2, limit: Int = 100) -> [DetectedFace] {
    var candidates = candidates
    var faces: [DetectedFace] = []
    Suppression(overlap: 0.4, mergeOverlap: mergeOverlap).reduce(&candidates, limit: limit, into: &faces)
    #expect(candidates.isEmpty)
    return faces
  }

  @Test func theSurestOfOverlappingFacesRemains() {
    let faces = reduce([
      makeFace(x: 10, y: 10, size: 40, score: 0.6), makeFace(x: 12, y: 9, size: 42, score: 0.95),
      makeFace(x: 200, y: 10, size: 40, score: 0.7), makeFace(x: 8, y: 12, size: 38, score: 0.8),
    ])
    #expect(faces.map(\.score) == [0.95, 0.7])
    #expect(faces[0].box.overlap(with: Rect(x: 12, y: 9, width: 42, height: 42)) > 0.999)
  }

  @Test func neighboursThatTouchBothRemain() {
    #expect(reduce([makeFace(x: 0, y: 0, size: 40), makeFace(x: 25, y: 0, size: 40)]).count == 2)
  }

  @Test func mergingAveragesByScore() {
    let faces = reduce(
      [makeFace(x: 10, y: 10, size: 40, score: 0.9), makeFace(x: 14, y: 10, size: 40, score: 0.3)],
      mergeOverlap: 0.6)
    #expect(faces.count == 1 && abs(faces[0].box.x - 11) < 1e-4 && faces[0].score == 0.9)
    #expect(abs(faces[0].landmarks.nose.x - (11 + 0.47 * 40)) < 1e-4)
  }

  @Test func noMoreThanTheLimitAndNothingOfNothing() {
    #expect(reduce((0..<10).map { makeFace(x: Float($0) * 100, y: 0, size: 40) }, limit: 3).count == 3)
    #expect(reduce([]).isEmpty)
  }
}
