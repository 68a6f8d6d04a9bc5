import CKernels

/// The vector kernels for one instruction set.
struct PixelKernels: Sendable {
  /// As in `pixel_kernels.h`: 0 runs everywhere.
  let instructionSet: Int32

  /// For this processor.
  static let best = PixelKernels(instructionSet: ferd_pixel_best_isa())
  /// All that this processor runs, the plain one first; for tests.
  static let all = (0...best.instructionSet).map(PixelKernels.init)

  /// `out[x] = Σ weights[t] · base[t · bytesPerRow + x]`
  func sumRows(
    _ base: UnsafePointer<UInt8>, bytesPerRow: Int, weights: UnsafePointer<Float>, taps: Int, width: Int,
    into out: UnsafeMutablePointer<Float>
  ) {
    ferd_pixel_sum_rows(instructionSet, base, bytesPerRow, weights, Int32(taps), Int32(width), out)
  }

  /// `out[i] = map(Σ weights[i · taps + t] · row[starts[i] + t])`; `taps` is a multiple of 4.
  func filterRow(
    _ row: UnsafePointer<Float>, starts: UnsafePointer<Int32>, weights: UnsafePointer<Float>, taps: Int, count: Int,
    map: SampleMap, into out: UnsafeMutablePointer<Float>
  ) {
    ferd_pixel_filter_row(
      instructionSet, row, starts, weights, Int32(taps), Int32(count), map.scale, map.offset, map.low, map.high, out
    )
  }

  /// One row of an affine warp; `toSource` maps picture coordinates of the result to those of the plane.
  func warpRow(
    _ plane: LumaPlane, row: Int, toSource: AffineTransform, samples: Int, count: Int, map: SampleMap,
    into out: UnsafeMutablePointer<Float>
  ) {
    // The kernel counts from the centre of the first sample.
    let start = toSource(Point(x: 0.5, y: Float(row) + 0.5))
    ferd_pixel_warp_row(
      instructionSet, plane.base, plane.bytesPerRow, Int32(plane.width), Int32(plane.height), start.x - 0.5,
      start.y - 0.5, toSource.a, toSource.c, toSource.b, toSource.d, Int32(samples), Int32(count), map.scale,
      map.offset, map.low, map.high, out)
  }
}
