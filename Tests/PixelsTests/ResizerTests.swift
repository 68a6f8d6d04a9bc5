@testable import Pixels
import Testing

struct ResizerTests {
  static let sizes: [(source: (Int, Int), target: (Int, Int))] = [
    ((64, 36), (32, 18)), ((1, 1), (1, 1)), ((1, 1), (5, 3)), ((17, 31), (9, 16)), ((31, 17), (48, 33)),
    ((100, 3), (7, 1)), ((65, 33), (64, 32)), ((3, 100), (3, 11)), ((500, 9), (13, 9)), ((24, 24), (24, 24)),
  ]

  @Test(arguments: sizes, PixelKernels.all)
  func agreesWithTheDirectSum(
    _ size: (source: (Int, Int), target: (Int, Int)), kernels: PixelKernels
  ) {
    let picture = TestPicture(width: size.source.0, height: size.source.1, range: .limited, seed: 7)
    let normalisation = Normalisation(mean: 0.5, standardDeviation: 0.25)
    let (width, height) = size.target
    var result = [Float](repeating: .nan, count: width * height)
    result.withUnsafeMutableBufferPointer { buffer in
      picture.withPlane {
        Resizer(kernels: kernels).resize(
          $0, toWidth: width, height: height, normalisation: normalisation, into: buffer, destinationWidth: width)
      }
    }
    var worst = 0.0
    for y in 0..<height {
      for x in 0..<width {
        let expected = (picture.triangleFiltered(x: x, y: y, width: width, height: height) / 255 - 0.5) / 0.25
        let error = abs(Double(result[y * width + x]) - expected)
        worst = error.isNaN ? .infinity : max(worst, error)
      }
    }
    #expect(worst < 1e-4)
  }

  @Test func writesOnlyItsPartOfALargerBuffer() {
    let picture = TestPicture(width: 20, height: 10, range: .full, seed: 1)
    var result = [Float](repeating: -1000, count: 16 * 12)
    result.withUnsafeMutableBufferPointer { buffer in
      picture.withPlane {
        Resizer().resize(
          $0, toWidth: 9, height: 7, normalisation: .none, into: buffer, destinationWidth: 16, x: 3, y: 2)
      }
    }
    for y in 0..<12 {
      for x in 0..<16 {
        let isInside = (3..<12).contains(x) && (2..<9).contains(y)
        #expect((result[y * 16 + x] >= 0) == isInside, "at (\(x), \(y))")
      }
    }
  }

  @Test func oneResizerServesChangingSizes() {
    let resizer = Resizer()
    func resized(_ width: Int, by resizer: Resizer) -> [Float] {
      let picture = TestPicture(width: width, height: 30, range: .full, seed: 3)
      var result = [Float](repeating: 0, count: 12 * 8)
      result.withUnsafeMutableBufferPointer { buffer in
        picture.withPlane {
          resizer.resize($0, toWidth: 12, height: 8, normalisation: .none, into: buffer, destinationWidth: 12)
        }
      }
      return result
    }
    for width in [40, 11, 300, 40] { #expect(resized(width, by: resizer) == resized(width, by: Resizer())) }
  }

  @Test func limitedAndFullRangeOfOnePictureAgree() {
    let ramp = (0..<220).map { UInt8($0) }
    let limited = TestPicture(width: 220, height: 1, range: .limited, samples: ramp.map { $0 + 16 })
    let full = TestPicture(
      width: 220, height: 1, range: .full, samples: ramp.map { UInt8((Float($0) * 255 / 219).rounded()) })
    func half(_ picture: TestPicture) -> [Float] {
      var result = [Float](repeating: 0, count: 110)
      result.withUnsafeMutableBufferPointer { buffer in
        picture.withPlane {
          Resizer().resize($0, toWidth: 110, height: 1, normalisation: .none, into: buffer, destinationWidth: 110)
        }
      }
      return result
    }
    for (a, b) in zip(half(limited), half(full)) { #expect(abs(a - b) < 0.6) }
  }
}
