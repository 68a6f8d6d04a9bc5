/// Resizes luma planes into float buffers.
///
/// A separable triangle filter, as wide as two destination pixels when shrinking (so nothing aliases) and as two
/// source pixels when enlarging (bilinear). Tables are kept for the last pair of sizes: no allocation while the sizes
/// stay the same. Not thread-safe: one for each thread.
public final class Resizer {
  private let kernels: PixelKernels
  private var horizontal = FilterTable(sourceLength: 1, targetLength: 1, tapMultiple: 4)
  private var vertical = FilterTable(sourceLength: 1, targetLength: 1, tapMultiple: 1)
  /// One row of vertically filtered samples; the end is zero, for taps of weight zero.
  private var row: [Float] = []

  public convenience init() { self.init(kernels: .best) }

  init(kernels: PixelKernels) { self.kernels = kernels }

  /// Fills `width` x `height` values at (`x`, `y`) of a larger row-by-row buffer; the rest of it stays as it is.
  ///
  /// - Parameters:
  ///   - destination: at least `(y + height - 1) * destinationWidth + x + width` values.
  ///   - destinationWidth: values from one row to the next.
  public func resize(
    _ plane: LumaPlane, toWidth width: Int, height: Int, normalisation: Normalisation,
    into destination: UnsafeMutableBufferPointer<Float>, destinationWidth: Int, x: Int = 0, y: Int = 0
  ) {
    precondition(
      width > 0 && height > 0 && x >= 0 && y >= 0 && x + width <= destinationWidth
        && (y + height - 1) * destinationWidth + x + width <= destination.count,
      "\(width)x\(height) at (\(x), \(y)) does not fit \(destination.count) values in rows of \(destinationWidth)")
    prepare(for: plane, width: width, height: height)
    let map = SampleMap(range: plane.range, normalisation: normalisation)
    let target = destination.baseAddress! + y * destinationWidth + x
    row.withUnsafeMutableBufferPointer { row in
      let row = row.baseAddress!
      horizontal.withTables { starts, weights in
        vertical.withTables { rowStarts, rowWeights in
          for index in 0..<height {
            kernels.sumRows(
              plane.base + Int(rowStarts[index]) * plane.bytesPerRow, bytesPerRow: plane.bytesPerRow,
              weights: rowWeights + index * vertical.taps, taps: vertical.usedTaps(at: index), width: plane.width,
              into: row)
            kernels.filterRow(
              row, starts: starts, weights: weights, taps: horizontal.taps, count: width, map: map,
              into: target + index * destinationWidth)
          }
        }
      }
    }
  }

  private func prepare(for plane: LumaPlane, width: Int, height: Int) {
    if horizontal.sourceLength != plane.width || horizontal.targetLength != width {
      horizontal = FilterTable(sourceLength: plane.width, targetLength: width, tapMultiple: 4)
    }
    if vertical.sourceLength != plane.height || vertical.targetLength != height {
      vertical = FilterTable(sourceLength: plane.height, targetLength: height, tapMultiple: 1)
    }
    let needed = plane.width + horizontal.taps
    if row.count != needed { row = [Float](repeating: 0, count: needed) }
  }
}

/// For each target position the source samples it is made of and their weights.
struct FilterTable {
  let sourceLength: Int
  let targetLength: Int
  /// Weights per target position; those not needed are 0 and come last.
  let taps: Int
  private var starts: [Int32]
  private var weights: [Float]
  private var used: [Int32]

  /// - Parameter tapMultiple: `taps` is a multiple of it.
  init(sourceLength: Int, targetLength: Int, tapMultiple: Int) {
    self.sourceLength = sourceLength
    self.targetLength = targetLength
    let scale = Double(sourceLength) / Double(targetLength)
    let support = max(1, scale)
    starts = []
    used = []
    var rows: [[Double]] = []
    for target in 0..<targetLength {
      let center = (Double(target) + 0.5) * scale - 0.5
      let first = max(0, Int((center - support).rounded(.down)) + 1)
      let last = min(sourceLength - 1, Int((center + support).rounded(.up)) - 1)
      let row = (first...max(first, last)).map { max(0, 1 - abs(Double($0) - center) / support) }
      // Where the filter leaves the picture, the samples inside share its weight.
      let sum = row.reduce(0, +)
      starts.append(Int32(first))
      used.append(Int32(row.count))
      rows.append(row.map { $0 / sum })
    }
    let longest = rows.lazy.map(\.count).max() ?? 1
    taps = (longest + tapMultiple - 1) / tapMultiple * tapMultiple
    weights = [Float](repeating: 0, count: taps * targetLength)
    for (target, row) in rows.enumerated() {
      for (tap, weight) in row.enumerated() { weights[target * taps + tap] = Float(weight) }
    }
  }

  func usedTaps(at target: Int) -> Int { Int(used[target]) }

  func withTables(_ body: (_ starts: UnsafePointer<Int32>, _ weights: UnsafePointer<Float>) -> Void) {
    starts.withUnsafeBufferPointer { starts in
      weights.withUnsafeBufferPointer { weights in body(starts.baseAddress!, weights.baseAddress!) }
    }
  }
}
