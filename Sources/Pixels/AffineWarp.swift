extension LumaPlane {
  /// Draws the plane through an affine map into a float buffer.
  ///
  /// Bilinear; where the map shrinks, each result is the mean of so many bilinear samples that (up to 32 x 32 of them)
  /// none of the plane's own is left out. Beyond its edges the plane goes on with its outermost samples.
  ///
  /// - Parameters:
  ///   - toSource: from picture coordinates of the result to those of the plane.
  ///   - destination: receives `height * width` values, row by row.
  public func warp(
    _ toSource: AffineTransform, width: Int, height: Int, normalisation: Normalisation,
    into destination: UnsafeMutableBufferPointer<Float>
  ) {
    warp(
      toSource, width: width, height: height, normalisation: normalisation, into: destination, kernels: .best)
  }

  /// The same with full-range values, rounded to bytes.
  public func warp(
    _ toSource: AffineTransform, width: Int, height: Int, into destination: UnsafeMutableBufferPointer<UInt8>
  ) {
    precondition(width > 0 && height > 0 && destination.count >= width * height)
    let map = SampleMap(range: range, normalisation: .none)
    let samples = Self.samplesPerSide(toSource)
    withUnsafeTemporaryAllocation(of: Float.self, capacity: width) { row in
      for y in 0..<height {
        PixelKernels.best.warpRow(
          self, row: y, toSource: toSource, samples: samples, count: width, map: map, into: row.baseAddress!)
        for x in 0..<width { destination[y * width + x] = UInt8(row[x] + 0.5) }
      }
    }
  }

  func warp(
    _ toSource: AffineTransform, width: Int, height: Int, normalisation: Normalisation,
    into destination: UnsafeMutableBufferPointer<Float>, kernels: PixelKernels
  ) {
    precondition(width > 0 && height > 0 && destination.count >= width * height)
    let map = SampleMap(range: range, normalisation: normalisation)
    let samples = Self.samplesPerSide(toSource)
    for y in 0..<height {
      kernels.warpRow(
        self, row: y, toSource: toSource, samples: samples, count: width, map: map,
        into: destination.baseAddress! + y * width)
    }
  }

  static func samplesPerSide(_ map: AffineTransform) -> Int {
    let step = max((map.a * map.a + map.c * map.c).squareRoot(), (map.b * map.b + map.d * map.d).squareRoot())
    // Bilinear samples reach a pixel to each side: up to 1.4 pixels apart they still leave none out. Slight shrinking
    // needs no more than one.
    guard step > 1.25 else { return 1 }
    return step < 44 ? max(2, Int((step / 1.4).rounded(.up))) : 32
  }
}
