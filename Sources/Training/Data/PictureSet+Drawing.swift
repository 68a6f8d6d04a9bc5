public import Pixels

extension PictureSet {
  /// Draws one picture unchanged as network input, enlarged or reduced to `[size, size]` where it is stored otherwise.
  func draw(
    _ index: Int, size: Int, normalisation: Normalisation, resizer: Resizer,
    into target: UnsafeMutableBufferPointer<Float>
  ) {
    precondition(target.count == size * size, "\(target.count) values for a side of \(size)")
    withPixels(of: index) { pixels in
      guard imageSize != size else {
        return normalisation.apply(pixels.baseAddress!, to: target.baseAddress!, count: pixels.count)
      }
      let plane = LumaPlane(
        base: pixels.baseAddress!, width: imageSize, height: imageSize, bytesPerRow: imageSize, range: .full)
      resizer.resize(
        plane, toWidth: size, height: size, normalisation: normalisation, into: target, destinationWidth: size)
    }
  }
}

extension Normalisation {
  /// FER2013's training part.
  public static let fer2013 = Normalisation(mean: 0.508, standardDeviation: 0.255)

  /// Unchanged pictures as network input.
  func apply(_ source: UnsafePointer<UInt8>, to target: UnsafeMutablePointer<Float>, count: Int) {
    let scale = 1 / (255 * standardDeviation)
    let offset = -mean / standardDeviation
    for index in 0..<count { target[index] = Float(source[index]) * scale + offset }
  }
}
