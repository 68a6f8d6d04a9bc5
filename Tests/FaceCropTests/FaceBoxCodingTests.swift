import FaceCrop
import Pixels
import Testing

struct FaceBoxCodingTests {
  static let landmarks = FaceLandmarks(
    rightEye: Point(x: 40, y: 50), leftEye: Point(x: 70, y: 52), nose: Point(x: 54, y: 71),
    rightMouthCorner: Point(x: 43, y: 90), leftMouthCorner: Point(x: 66, y: 91))

  @Test(arguments: FaceDetectorSpec.strides)
  func decodingUndoesEncoding(_ stride: Int) {
    let coding = FaceBoxCoding(stride: stride)
    let box = Rect(x: -12, y: 20, width: 95, height: 121)
    let (rows, columns, row, column) = (3, 5, 2, 1)
    var output = [Float](repeating: .nan, count: FaceBoxCoding.channels * rows * columns)
    let position = row * columns + column
    output[position] = FaceBoxCoding.logit(score: 0.8)
    for (index, value) in coding.encode(box: box, landmarks: Self.landmarks, row: row, column: column).enumerated()
    {
      output[(index + 1) * rows * columns + position] = value
    }
    let face = output.withUnsafeBufferPointer {
      coding.decode($0, rows: rows, columns: columns, row: row, column: column)
    }
    #expect(abs(face.score - 0.8) < 1e-5)
    for (a, b) in [
      (face.box.x, box.x), (face.box.y, box.y), (face.box.width, box.width), (face.box.height, box.height),
    ] { #expect(abs(a - b) < 1e-3) }
    for (a, b) in zip(face.landmarks.points, Self.landmarks.points) {
      #expect(abs(a.x - b.x) < 1e-3 && abs(a.y - b.y) < 1e-3)
    }
  }

  @Test func cellsStandForTheirCentres() {
    #expect(FaceBoxCoding(stride: 16).cellCenter(row: 2, column: 0) == Point(x: 8, y: 40))
  }

  @Test func wildOutputsStayFinite() {
    let output: [Float] = [1e30, 0, 0, 1e30, -1e30] + [Float](repeating: 0, count: 10)
    let face = output.withUnsafeBufferPointer {
      FaceBoxCoding(stride: 8).decode($0, rows: 1, columns: 1, row: 0, column: 0)
    }
    #expect(face.box.width.isFinite && face.box.height > 0 && face.score == 1)
  }
}
