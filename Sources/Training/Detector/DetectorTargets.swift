import FaceCrop
import Glibc
import Pixels

/// Which cells of the detector's levels shall find which faces of a batch, and which cells are not judged.
///
/// A face belongs to the levels whose range its size falls into (ranges overlap, so one may belong to two), there to the
/// cells near its centre (centre sampling after FCOS, Tian et al. 2019). A ring around those cells and the neighbouring
/// levels just out of range are not judged: whether they answer is of no consequence.
struct DetectorTargets {
  struct Positive {
    var level: Int
    var picture: Int
    var row: Int
    var column: Int
    var box: Rect
    var landmarks: FaceLandmarks
    /// What the score shall be, 0 to 1; see `DetectorLoss`.
    var quality: Float = 1
    /// Of the cell in the loss; 1 on average over the positive cells.
    var weight: Float = 1
  }

  enum Cell: UInt8 {
    case background
    case positive
    case ignored
  }

  struct LevelShape: Equatable {
    var stride: Int
    var rows: Int
    var columns: Int
  }

  let levels: [LevelShape]
  private(set) var positives: [Positive] = []
  /// Per level `[picture, row, column]`.
  private(set) var cells: [[Cell]]

  /// Face sizes (√(width·height), in input pixels) each level is asked for, as multiples of its stride; open at both ends
  /// of the pyramid.
  static let sizeRange: (low: Float, high: Float) = (2, 5)

  /// - Parameters:
  ///   - faces: by picture, in pixels of the network's input.
  ///   - balance: 0 weighs all positive cells alike, so that a large face, which owns up to eighteen, counts for many small
  ///     ones, which own one to three; 1 weighs all faces alike, and 0.5 a face by the root of its cells.
  init(faces: [[CanvasFace]], levels: [LevelShape], balance: Float = 0) {
    self.levels = levels
    cells = levels.map { [Cell](repeating: .background, count: faces.count * $0.rows * $0.columns) }
    // Distance (in strides) of the face that owns a positive cell, so that the nearer of two faces wins.
    var owners: [[Int32]] = levels.map { [Int32](repeating: -1, count: faces.count * $0.rows * $0.columns) }
    var distances: [[Float]] = levels.map {
      [Float](repeating: .infinity, count: faces.count * $0.rows * $0.columns)
    }
    var asked: [(picture: Int, face: CanvasFace)] = []
    for (picture, faces) in faces.enumerated() {
      for face in faces {
        if face.isIgnored {
          ignore(face, picture: picture)
        } else {
          asked.append((picture, face))
        }
      }
    }
    for (number, (picture, face)) in asked.enumerated() {
      assign(face, number: Int32(number), picture: picture, owners: &owners, distances: &distances)
    }
    var positiveOwners: [Int] = []
    for (index, level) in levels.enumerated() {
      for cell in owners[index].indices where owners[index][cell] >= 0 {
        let (picture, face) = asked[Int(owners[index][cell])]
        let position = cell % (level.rows * level.columns)
        positives.append(
          Positive(
            level: index, picture: picture, row: position / level.columns, column: position % level.columns,
            box: face.box, landmarks: face.landmarks))
        positiveOwners.append(Int(owners[index][cell]))
      }
    }
    weigh(owners: positiveOwners, faces: asked.count, balance: balance)
  }

  /// - Parameter owners: the face of each positive cell.
  private mutating func weigh(owners: [Int], faces: Int, balance: Float) {
    guard balance > 0, !positives.isEmpty else { return }
    var counts = [Float](repeating: 0, count: faces)
    for owner in owners { counts[owner] += 1 }
    var sum: Float = 0
    for (index, owner) in owners.enumerated() {
      positives[index].weight = powf(counts[owner], -balance)
      sum += positives[index].weight
    }
    let scale = Float(positives.count) / sum
    for index in positives.indices { positives[index].weight *= scale }
  }

  private mutating func ignore(_ face: CanvasFace, picture: Int) {
    let size = (face.box.width * face.box.height).squareRoot()
    for (index, level) in levels.enumerated() where Float(level.stride) <= 4 * max(size, 4) {
      let margin = max(0.1 * size, 0.5 * Float(level.stride))
      mark(
        index, picture: picture,
        area: Rect(
          x: face.box.x - margin, y: face.box.y - margin, width: face.box.width + 2 * margin,
          height: face.box.height + 2 * margin))
    }
  }

  /// Cells whose points lie in the area are not judged.
  private mutating func mark(_ index: Int, picture: Int, area: Rect) {
    let level = levels[index]
    let stride = Float(level.stride)
    let rows = Self.cells(from: area.y, to: area.maxY, stride: stride, count: level.rows)
    let columns = Self.cells(from: area.x, to: area.maxX, stride: stride, count: level.columns)
    for row in rows {
      for column in columns {
        let cell = (picture * level.rows + row) * level.columns + column
        if cells[index][cell] == .background { cells[index][cell] = .ignored }
      }
    }
  }

  private mutating func assign(
    _ face: CanvasFace, number: Int32, picture: Int, owners: inout [[Int32]], distances: inout [[Float]]
  ) {
    let size = (face.box.width * face.box.height).squareRoot()
    let centre = face.box.center
    for (index, level) in levels.enumerated() {
      let stride = Float(level.stride)
      let low = index == 0 ? 0 : Self.sizeRange.low * stride
      let high = index == levels.count - 1 ? .infinity : Self.sizeRange.high * stride
      let radius = max(0.75, min(1.5, 0.35 * size / stride))
      let ring = (radius + 0.6) * stride
      guard size >= low / 1.4, size <= high * 1.4 else { continue }
      mark(
        index, picture: picture,
        area: Rect(x: centre.x - ring, y: centre.y - ring, width: 2 * ring, height: 2 * ring))
      guard size >= low, size <= high else { continue }
      let nearestRow = max(0, min(level.rows - 1, Int((centre.y / stride).rounded(.down))))
      let nearestColumn = max(0, min(level.columns - 1, Int((centre.x / stride).rounded(.down))))
      let reach = radius * stride
      let area = Rect(x: centre.x - reach, y: centre.y - reach, width: 2 * reach, height: 2 * reach)
        .intersection(face.box)
      var wanted = [(nearestRow, nearestColumn)]
      for row in Self.cells(from: area.y, to: area.maxY, stride: stride, count: level.rows) {
        for column in Self.cells(from: area.x, to: area.maxX, stride: stride, count: level.columns) {
          wanted.append((row, column))
        }
      }
      for (row, column) in wanted {
        let dx = (Float(column) + 0.5) * stride - centre.x
        let dy = (Float(row) + 0.5) * stride - centre.y
        let distance = (dx * dx + dy * dy).squareRoot() / size
        let cell = (picture * level.rows + row) * level.columns + column
        guard distance < distances[index][cell] else { continue }
        distances[index][cell] = distance
        owners[index][cell] = number
        cells[index][cell] = .positive
      }
    }
  }

  /// Indices of cells whose points lie between two coordinates.
  private static func cells(from: Float, to: Float, stride: Float, count: Int) -> Range<Int> {
    let first = max(0, min(Float(count), (from / stride - 0.5).rounded(.up)))
    let end = max(first, min(Float(count), (to / stride - 0.5).rounded(.down) + 1))
    return Int(first)..<Int(end)
  }

  /// Changes what the scores shall be.
  mutating func setQualities(_ quality: (Positive) -> Float) {
    for index in positives.indices { positives[index].quality = quality(positives[index]) }
  }
}
