import Pixels

/// Tells whether something has happened in a picture since one that was looked at: a cut, somebody who comes or goes.
///
/// Compares the mean brightness of 32 x 18 cells. Sixteen samples of each are enough, so it takes next to no time.
struct PictureChange {
  private static let columns = 32
  private static let rows = 18
  /// Samples along each side of a cell.
  private static let samples = 4
  /// A cell that has changed by more levels than this, of 255 and apart from the picture's overall change, counts.
  static let threshold = 48

  /// Sum of the samples of each cell of the picture that was looked at.
  private var reference: [Int] = []
  private var current = [Int](repeating: 0, count: columns * rows)

  /// Forgets the picture that was looked at.
  mutating func reset() { reference.removeAll(keepingCapacity: true) }

  /// Whether `luma` differs from the picture that was looked at; true where there is none.
  mutating func isNoticeable(in luma: LumaPlane) -> Bool {
    measure(luma)
    guard reference.count == current.count else { return true }
    var shift = 0
    for index in current.indices { shift += current[index] - reference[index] }
    // A light that is switched on changes everything, but not where the faces are.
    shift /= current.count
    let limit = Self.threshold * Self.samples * Self.samples
    for index in current.indices where abs(current[index] - reference[index] - shift) > limit { return true }
    return false
  }

  /// Makes the picture last measured the one that was looked at.
  mutating func look() {
    if reference.isEmpty {
      reference.append(contentsOf: current)
    } else {
      for index in current.indices { reference[index] = current[index] }
    }
  }

  private mutating func measure(_ luma: LumaPlane) {
    let (columns, rows) = (Self.columns * Self.samples, Self.rows * Self.samples)
    for index in current.indices { current[index] = 0 }
    for row in 0..<rows {
      // In the middle of each sample's part of the picture.
      let line = luma.base + (2 * row + 1) * luma.height / (2 * rows) * luma.bytesPerRow
      let cells = row / Self.samples * Self.columns
      for column in 0..<columns {
        current[cells + column / Self.samples] += Int(line[(2 * column + 1) * luma.width / (2 * columns)])
      }
    }
  }
}
