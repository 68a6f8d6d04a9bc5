import FaceCrop
import Glibc
import Pixels

/// The detector's loss and its gradient by the network's outputs.
///
/// - Scores: quality focal loss (Li et al. 2020, "Generalized Focal Loss"), `(σ − y)² · BCE(σ, y)`, where y is 0 for
///   background and, for a cell that shall find a face, rises with the overlap it reaches, so that non-maximum
///   suppression keeps the best box.
/// - Boxes: `BoxLoss`.
/// - Landmarks: smooth L1 of the error as a share of the face's size.
///
/// All sums are divided by the number of positive cells in the batch, which count by their weights.
struct DetectorLoss {
  var boxWeight: Float = 2
  var landmarkWeight: Float = 3
  /// Where smooth L1 turns from a square to a line, as a share of the face's size.
  var landmarkBend: Float = 0.02

  /// Parts of the loss, each already divided by the number of positives and weighted.
  struct Value: Equatable {
    var score: Float = 0
    var box: Float = 0
    var landmarks: Float = 0
    /// Mean overlap of the positive cells' boxes.
    var overlap: Float = 0
    var positives = 0

    var total: Float { score + box + landmarks }
  }

  /// What the score of a cell shall be whose box has the given overlap with its face.
  static func quality(overlap: Float) -> Float { 0.5 + 0.5 * overlap }

  /// Sets the wanted scores from the overlaps that the present outputs reach.
  func updateQualities(_ targets: inout DetectorTargets, outputs: [UnsafeBufferPointer<Float>]) {
    let levels = targets.levels
    targets.setQualities { positive in
      let level = levels[positive.level]
      let cell = CellValues(positive, level, outputs[positive.level])
      return Self.quality(overlap: cell.box.overlap(with: positive.box))
    }
  }

  /// - Parameters:
  ///   - outputs: per level `[picture, 15, row, column]`; `FaceBoxCoding` tells the channels.
  ///   - gradients: the same shapes; receive the derivatives of the total.
  func evaluate(
    _ targets: DetectorTargets, outputs: [UnsafeBufferPointer<Float>],
    gradients: [UnsafeMutableBufferPointer<Float>]
  ) -> Value {
    var value = Value()
    value.positives = targets.positives.count
    let share = 1 / Float(max(1, value.positives))
    for (index, level) in targets.levels.enumerated() {
      gradients[index].update(repeating: 0)
      value.score += backgroundLoss(targets.cells[index], level, outputs[index], gradients[index], share: share)
    }
    for positive in targets.positives {
      let share = share * positive.weight
      let level = targets.levels[positive.level]
      let cell = CellValues(positive, level, outputs[positive.level])
      let gradient = gradients[positive.level]

      let score = Self.focal(logit: cell[0], wanted: positive.quality)
      value.score += score.value * share
      gradient[cell.offset(0)] = score.gradient * share

      let box = BoxLoss(predicted: cell.box, wanted: positive.box)
      value.box += boxWeight * box.value * share
      value.overlap += box.overlap * share
      let weight = boxWeight * share
      gradient[cell.offset(1)] = weight * box.gradient.x * cell.unit
      gradient[cell.offset(2)] = weight * box.gradient.y * cell.unit
      // Sizes are coded as logarithms: d size / d code = size, and 0 where the coding is cut off.
      gradient[cell.offset(3)] = cell.isWidthLimited ? 0 : weight * box.gradient.width * cell.box.width
      gradient[cell.offset(4)] = cell.isHeightLimited ? 0 : weight * box.gradient.height * cell.box.height

      value.landmarks += landmarkLoss(positive, cell, gradient, share: share)
    }
    return value
  }

  private func backgroundLoss(
    _ cells: [DetectorTargets.Cell], _ level: DetectorTargets.LevelShape, _ output: UnsafeBufferPointer<Float>,
    _ gradient: UnsafeMutableBufferPointer<Float>, share: Float
  ) -> Float {
    let plane = level.rows * level.columns
    var sum: Float = 0
    for picture in 0..<(cells.count / plane) {
      let start = picture * FaceBoxCoding.channels * plane
      for position in 0..<plane where cells[picture * plane + position] == .background {
        let loss = Self.focal(logit: output[start + position], wanted: 0)
        sum += loss.value
        gradient[start + position] = loss.gradient * share
      }
    }
    return sum * share
  }

  private func landmarkLoss(
    _ positive: DetectorTargets.Positive, _ cell: CellValues, _ gradient: UnsafeMutableBufferPointer<Float>,
    share: Float
  ) -> Float {
    let size = (positive.box.width * positive.box.height).squareRoot()
    let weight = landmarkWeight * share / 10
    var sum: Float = 0
    for (index, point) in positive.landmarks.points.enumerated() {
      for (axis, wanted) in [point.x - cell.point.x, point.y - cell.point.y].enumerated() {
        let channel = 5 + 2 * index + axis
        let error = (cell[channel] * cell.unit - wanted) / size
        let magnitude = abs(error)
        if magnitude < landmarkBend {
          sum += 0.5 * error * error / landmarkBend
          gradient[cell.offset(channel)] = weight * error / landmarkBend * cell.unit / size
        } else {
          sum += magnitude - 0.5 * landmarkBend
          gradient[cell.offset(channel)] = weight * (error < 0 ? -1 : 1) * cell.unit / size
        }
      }
    }
    return sum * weight
  }

  /// Quality focal loss of one logit and its derivative.
  static func focal(logit: Float, wanted: Float) -> (value: Float, gradient: Float) {
    let decay = expf(-abs(logit))
    let score = logit >= 0 ? 1 / (1 + decay) : decay / (1 + decay)
    let crossEntropy = max(logit, 0) - logit * wanted + log1pf(decay)
    let error = score - wanted
    let gradient = 2 * error * score * (1 - score) * crossEntropy + error * error * error
    return (error * error * crossEntropy, gradient)
  }
}

/// What one cell's 15 output values say.
private struct CellValues {
  let output: UnsafeBufferPointer<Float>
  let plane: Int
  let start: Int
  /// The point of the input that the cell stands for.
  let point: Point
  /// Length unit of the coding in input pixels.
  let unit: Float

  init(
    _ positive: DetectorTargets.Positive, _ level: DetectorTargets.LevelShape, _ output: UnsafeBufferPointer<Float>
  ) {
    let coding = FaceBoxCoding(stride: level.stride)
    self.output = output
    plane = level.rows * level.columns
    start =
      positive.picture * FaceBoxCoding.channels * plane + positive.row * level.columns + positive.column
    point = coding.cellCenter(row: positive.row, column: positive.column)
    unit = coding.unit
  }

  func offset(_ channel: Int) -> Int { start + channel * plane }
  subscript(channel: Int) -> Float { output[offset(channel)] }

  /// The largest magnitude of a coded size that the decoder takes at its word.
  private static let sizeLimit: Float = 4
  var isWidthLimited: Bool { abs(self[3]) > Self.sizeLimit }
  var isHeightLimited: Bool { abs(self[4]) > Self.sizeLimit }

  var box: Rect {
    let width = unit * expf(max(-Self.sizeLimit, min(Self.sizeLimit, self[3])))
    let height = unit * expf(max(-Self.sizeLimit, min(Self.sizeLimit, self[4])))
    return Rect(
      x: point.x + self[1] * unit - width / 2, y: point.y + self[2] * unit - height / 2, width: width,
      height: height)
  }
}
