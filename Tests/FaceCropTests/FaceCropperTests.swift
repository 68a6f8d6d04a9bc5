import FaceCrop
import Pixels
import Testing

struct FaceCropperTests {
  private let geometry = CropGeometry(
    alignment: .framed, sideScale: 1, widthShare: 0, boxCenter: Point(x: 0.5, y: 0.5), landmarkShare: 0,
    toleratedRoll: .pi, template: makeFace(x: 0, y: 0, size: 1).landmarks.points)

  private func crop(_ picture: LumaImage, _ face: DetectedFace, size: Int) -> [Float] {
    var values = [Float](repeating: .nan, count: size * size)
    values.withUnsafeMutableBufferPointer { buffer in
      picture.withPlane {
        FaceCropper.crop(
          $0, face: face, geometry: geometry, size: size,
          normalisation: Normalisation(mean: 0, standardDeviation: 1),
          into: buffer)
      }
    }
    return values
  }

  /// Brightness grows by 2 from pixel to pixel to the right, by 1 downwards.
  private let ramp = LumaImage(
    width: 80, height: 60,
    pixels: (0..<80 * 60).map { (index: Int) -> UInt8 in
      let (x, y) = (index % 80, index / 80)
      return UInt8(2 * x + y)
    })

  @Test func aBoxOnWholePixelsComesOutUnchanged() {
    let values = crop(ramp, makeFace(x: 20, y: 10, size: 16), size: 16)
    let expected = (0..<256).map { (index: Int) -> Float in
      let (x, y) = (20 + index % 16, 10 + index / 16)
      return Float(2 * x + y) / 255
    }
    #expect(zip(values, expected).allSatisfy { abs($0 - $1) < 1e-4 })
  }

  @Test(arguments: [7, 16, 48])
  func otherSizesShowTheSamePart(_ size: Int) {
    let values = crop(ramp, makeFace(x: 20, y: 10, size: 32), size: size)
    // The ramp is linear, so each value is that of the middle of its pixel.
    let step = 32 / Float(size)
    let expected = (0..<size * size).map { (index: Int) -> Float in
      let x = 20 + (Float(index % size) + 0.5) * step - 0.5
      let y = 10 + (Float(index / size) + 0.5) * step - 0.5
      return (2 * x + y) / 255
    }
    #expect(zip(values, expected).allSatisfy { abs($0 - $1) < 1e-3 })
  }

  @Test func outsideThePictureItsEdgeGoesOn() {
    let values = crop(ramp, makeFace(x: -16, y: -16, size: 32), size: 32)
    #expect(values[0] == 0 && values[10] == 0 && abs(values[31] - 30 / 255) < 1e-4)
    #expect(abs(values[31 * 32] - 15 / 255) < 1e-4)
  }
}
