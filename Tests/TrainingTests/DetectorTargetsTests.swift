import FaceCrop
import Pixels
import Testing

@testable import Training

struct DetectorTargetsTests {
  private let levels = FaceDetectorSpec.strides.map {
    DetectorTargets.LevelShape(stride: $0, rows: 256 / $0, columns: 256 / $0)
  }

  private func targets(_ faces: CanvasFace...) -> DetectorTargets {
    DetectorTargets(faces: [faces], levels: levels)
  }

  @Test(arguments: [9, 12, 16, 30, 39, 60, 100, 200, 330] as [Float])
  func everySizeIsAskedOfSomeLevel(_ size: Float) {
    for (x, y) in [(128, 128), (0, 0), (255, 3), (100.3, 255.9)] as [(Float, Float)] {
      let result = targets(
        DetectorLossTests.face(Rect(x: x - size / 2, y: y - size / 2, width: size, height: size)))
      #expect(!result.positives.isEmpty)
      for positive in result.positives {
        let stride = Float(levels[positive.level].stride)
        #expect(positive.level == 0 || size >= 2 * stride)
        #expect(positive.level == 3 || size <= 5 * stride)
        // Near the centre, as far as the canvas reaches.
        #expect(abs((Float(positive.column) + 0.5) * stride - x) <= 1.5 * stride)
        #expect(abs((Float(positive.row) + 0.5) * stride - y) <= 1.5 * stride)
      }
    }
  }

  @Test func cellsFarFromFacesAreBackground() {
    let result = targets(DetectorLossTests.face(Rect(x: 20, y: 20, width: 20, height: 24)))
    #expect(result.cells[0][31 * 32 + 31] == .background)
    #expect(result.cells[0][2 * 32 + 15] == .background)
    #expect(result.cells[0].filter { $0 == .positive }.count == result.positives.count)
  }

  @Test func theNearerOfTwoFacesOwnsACell() {
    let left = Rect(x: 40, y: 40, width: 24, height: 24)
    let right = Rect(x: 56, y: 40, width: 24, height: 24)
    let result = targets(DetectorLossTests.face(left), DetectorLossTests.face(right))
    for positive in result.positives {
      let x = (Float(positive.column) + 0.5) * Float(levels[positive.level].stride)
      #expect(positive.box == (x <= 60 ? left : right))
    }
    #expect(Set(result.positives.map(\.box.x)) == [40, 56])
  }

  @Test func doubtfulFacesAreNeitherPositiveNorBackground() {
    let result = targets(DetectorLossTests.face(Rect(x: 100, y: 100, width: 40, height: 40), isIgnored: true))
    #expect(result.positives.isEmpty)
    #expect(result.cells[0][15 * 32 + 15] == .ignored)
    #expect(result.cells[0][0] == .background)
  }

  @Test func aSureFaceInsideADoubtfulAreaIsStillAskedFor() {
    let result = targets(
      DetectorLossTests.face(Rect(x: 80, y: 80, width: 80, height: 80), isIgnored: true),
      DetectorLossTests.face(Rect(x: 110, y: 110, width: 20, height: 20)))
    #expect(!result.positives.isEmpty)
  }

  @Test(arguments: [0, 0.5, 1] as [Float]) func facesOfManyCellsCountForLessAsAskedFor(_ balance: Float) {
    let levels = [8, 16, 32].map { DetectorTargets.LevelShape(stride: $0, rows: 256 / $0, columns: 256 / $0) }
    let small = DetectorLossTests.face(Rect(x: 198, y: 197, width: 12, height: 14))
    let large = DetectorLossTests.face(Rect(x: 20, y: 20, width: 64, height: 76))
    let targets = DetectorTargets(faces: [[small, large]], levels: levels, balance: balance)
    let ofSmall = targets.positives.filter { $0.box.width == 12 }
    let ofLarge = targets.positives.filter { $0.box.width == 64 }
    #expect(ofSmall.count >= 1 && ofLarge.count >= 2 * ofSmall.count)
    let sum = targets.positives.reduce(0) { $0 + $1.weight }
    #expect(abs(sum - Float(targets.positives.count)) < 1e-3)
    let ratio = ofLarge.reduce(0) { $0 + $1.weight } / ofSmall.reduce(0) { $0 + $1.weight }
    let cells = Float(ofLarge.count) / Float(ofSmall.count)
    let expected = balance == 0 ? cells : balance == 1 ? 1 : cells.squareRoot()
    #expect(abs(ratio - expected) < 1e-3 * expected)
  }
}
