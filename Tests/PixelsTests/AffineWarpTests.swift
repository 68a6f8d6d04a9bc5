@testable import Pixels
import Testing

struct AffineWarpTests {
  /// Identity, shift, rotation, shrinking with averaging, enlarging, mirror, far outside.
  static let maps = [
    AffineTransform.identity,
    AffineTransform(a: 1, b: 0, tx: -3.25, c: 0, d: 1, ty: 4.5),
    AffineTransform(a: 0.8, b: -0.6, tx: 7, c: 0.6, d: 0.8, ty: -5),
    AffineTransform(a: 3.1, b: 0.4, tx: -20, c: -0.4, d: 3.1, ty: -12),
    AffineTransform(a: 0.31, b: 0, tx: 2, c: 0, d: 0.29, ty: 3),
    AffineTransform(a: -1, b: 0, tx: 30, c: 0, d: 1, ty: 0),
    AffineTransform(a: 1, b: 0, tx: 1e9, c: 0, d: 1, ty: -1e9),
  ]

  @Test(arguments: maps, PixelKernels.all)
  func agreesWithTheReferenceAtAwkwardSizes(_ map: AffineTransform, kernels: PixelKernels) {
    for (width, height) in [(1, 1), (3, 50), (5, 4), (31, 17), (64, 48)] {
      let picture = TestPicture(width: width, height: height, range: .limited, seed: 5)
      for size in [1, 7, 19] {
        var result = [Float](repeating: .nan, count: size * size)
        result.withUnsafeMutableBufferPointer { buffer in
          picture.withPlane {
            $0.warp(map, width: size, height: size, normalisation: .none, into: buffer, kernels: kernels)
          }
        }
        let samples = LumaPlane.samplesPerSide(map)
        var worst = 0.0
        for y in 0..<size {
          for x in 0..<size {
            let expected = picture.warped(map, x: x, y: y, samples: samples)
            let error = abs(Double(result[y * size + x]) - expected)
            worst = error.isNaN ? .infinity : max(worst, error)
          }
        }
        #expect(worst < 0.05, "\(width)x\(height) to \(size)x\(size)")
      }
    }
  }

  @Test func identityKeepsEveryByte() {
    let picture = TestPicture(width: 48, height: 48, range: .full, seed: 11)
    var result = [UInt8](repeating: 0, count: 48 * 48)
    result.withUnsafeMutableBufferPointer { buffer in
      picture.withPlane { $0.warp(.identity, width: 48, height: 48, into: buffer) }
    }
    let expected = (0..<48 * 48).map { picture[$0 % 48, $0 / 48] }
    #expect(result == expected)
  }

  @Test func shrinkingAveragesInsteadOfPicking() {
    // A checkerboard of single samples must come out grey, not as one of its two values.
    let samples = (0..<64 * 64).map { (index: Int) -> UInt8 in (index % 64 + index / 64) % 2 == 0 ? 0 : 255 }
    let picture = TestPicture(width: 64, height: 64, range: .full, samples: samples)
    var result = [UInt8](repeating: 0, count: 8 * 8)
    result.withUnsafeMutableBufferPointer { buffer in
      picture.withPlane {
        $0.warp(
          AffineTransform(a: 8, b: 0, tx: 0.3, c: 0, d: 8, ty: 0.4), width: 8, height: 8, into: buffer)
      }
    }
    for value in result { #expect(abs(Int(value) - 128) <= 4) }
  }
}
