import Glibc
public import Pixels

/// What the 15 channels of one level's output mean, in both directions; trainer and detector share it.
///
/// A cell (row r, column c) of a level with stride s stands for the point ((c + ½)·s, (r + ½)·s) of the network's
/// input. Everything it tells about a face is measured from there in units of u = 4·s, a typical face size of the
/// level, so that errors weigh the same at every level:
///
/// | channel | value |
/// |---|---|
/// | 0 | logit of "here is a face" |
/// | 1, 2 | (centre of the box − cell) / u, x and y |
/// | 3, 4 | ln(width / u), ln(height / u) |
/// | 5…14 | (landmark − cell) / u, x and y in the order of `FaceLandmarks.points` |
public struct FaceBoxCoding: Equatable, Sendable {
  /// Channels of each level's output.
  public static let channels = 15
  /// Values that describe the face: all channels but the logit.
  public static let regressionValues = 14
  /// ln(size / u) is kept within ± this, so that no network can make infinite boxes.
  static let maximumLogSize: Float = 4

  /// Pixels of the network's input between neighbouring cells.
  public let stride: Int

  public init(stride: Int) { self.stride = stride }

  /// u: the unit of length, in pixels of the network's input.
  public var unit: Float { 4 * Float(stride) }

  /// The point of the network's input that a cell stands for.
  public func cellCenter(row: Int, column: Int) -> Point {
    Point(x: (Float(column) + 0.5) * Float(stride), y: (Float(row) + 0.5) * Float(stride))
  }

  /// The 14 regression values (channels 1 to 14) that a cell must tell to mean this face.
  ///
  /// - Parameters:
  ///   - box: in pixels of the network's input, not clipped; width and height above 0.
  ///   - values: receives `regressionValues` values.
  public func encode(
    box: Rect, landmarks: FaceLandmarks, row: Int, column: Int, into values: UnsafeMutableBufferPointer<Float>
  ) {
    precondition(values.count >= Self.regressionValues && box.width > 0 && box.height > 0)
    let cell = cellCenter(row: row, column: column)
    let center = box.center
    values[0] = (center.x - cell.x) / unit
    values[1] = (center.y - cell.y) / unit
    values[2] = log(box.width / unit)
    values[3] = log(box.height / unit)
    func put(_ index: Int, _ point: Point) {
      values[4 + 2 * index] = (point.x - cell.x) / unit
      values[5 + 2 * index] = (point.y - cell.y) / unit
    }
    put(0, landmarks.rightEye)
    put(1, landmarks.leftEye)
    put(2, landmarks.nose)
    put(3, landmarks.rightMouthCorner)
    put(4, landmarks.leftMouthCorner)
  }

  /// The same as an array.
  public func encode(box: Rect, landmarks: FaceLandmarks, row: Int, column: Int) -> [Float] {
    [Float](unsafeUninitializedCapacity: Self.regressionValues) { buffer, count in
      buffer.initialize(repeating: 0)
      encode(box: box, landmarks: landmarks, row: row, column: column, into: buffer)
      count = Self.regressionValues
    }
  }

  /// Reads one cell.
  ///
  /// - Parameters:
  ///   - output: the level's output for one picture, `[15, rows, columns]`.
  /// - Returns: the face in pixels of the network's input, with the sigmoid of the logit as its score.
  public func decode(
    _ output: UnsafeBufferPointer<Float>, rows: Int, columns: Int, row: Int, column: Int
  ) -> DetectedFace {
    precondition(output.count >= Self.channels * rows * columns && 0..<rows ~= row && 0..<columns ~= column)
    let cell = cellCenter(row: row, column: column)
    let position = row * columns + column
    let plane = rows * columns
    func value(_ channel: Int) -> Float { output[channel * plane + position] }
    func point(_ channel: Int) -> Point {
      Point(x: cell.x + unit * value(channel), y: cell.y + unit * value(channel + 1))
    }
    let center = point(1)
    let width = unit * boundedExponential(value(3))
    let height = unit * boundedExponential(value(4))
    return DetectedFace(
      box: Rect(x: center.x - width / 2, y: center.y - height / 2, width: width, height: height),
      landmarks: FaceLandmarks(
        rightEye: point(5), leftEye: point(7), nose: point(9), rightMouthCorner: point(11),
        leftMouthCorner: point(13)),
      score: Self.score(logit: value(0)))
  }

  /// 0 to 1.
  public static func score(logit: Float) -> Float { 1 / (1 + exp(-logit)) }

  /// The logit at which the score is `score`, to compare logits without computing scores.
  public static func logit(score: Float) -> Float {
    let limited = min(max(score, 1e-6), 1 - 1e-6)
    return log(limited / (1 - limited))
  }

  private func boundedExponential(_ x: Float) -> Float {
    exp(min(max(x, -Self.maximumLogSize), Self.maximumLogSize))
  }
}
