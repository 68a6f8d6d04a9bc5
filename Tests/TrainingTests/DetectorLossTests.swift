import FaceCrop
import Pixels
import Testing

@testable import Training

struct DetectorLossTests {
  private static let pairs: [(Rect, Rect)] = [
    // Overlapping in every way, inside, around, apart, and apart along one axis only.
    (Rect(x: 10, y: 20, width: 31, height: 42), Rect(x: 13, y: 15, width: 29, height: 50)),
    (Rect(x: 12, y: 22, width: 8, height: 9), Rect(x: 10, y: 20, width: 30, height: 40)),
    (Rect(x: 0, y: 0, width: 60, height: 80), Rect(x: 10, y: 20, width: 30, height: 40)),
    (Rect(x: 100, y: 5, width: 20, height: 22), Rect(x: 10, y: 20, width: 30, height: 40)),
    (Rect(x: 11, y: 90, width: 20, height: 22), Rect(x: 10, y: 20, width: 30, height: 40)),
  ]

  @Test(arguments: 0..<pairs.count) func boxGradientMatchesFiniteDifferences(_ index: Int) {
    let (predicted, wanted) = Self.pairs[index]
    func value(_ dx: Float, _ dy: Float, _ dw: Float, _ dh: Float) -> Float {
      let width = predicted.width + dw
      let height = predicted.height + dh
      let centre = predicted.center
      return BoxLoss(
        predicted: Rect(
          x: centre.x + dx - width / 2, y: centre.y + dy - height / 2, width: width, height: height),
        wanted: wanted
      ).value
    }
    let gradient = BoxLoss(predicted: predicted, wanted: wanted).gradient
    let h: Float = 0.05
    let numeric = [
      (value(h, 0, 0, 0) - value(-h, 0, 0, 0)) / (2 * h), (value(0, h, 0, 0) - value(0, -h, 0, 0)) / (2 * h),
      (value(0, 0, h, 0) - value(0, 0, -h, 0)) / (2 * h), (value(0, 0, 0, h) - value(0, 0, 0, -h)) / (2 * h),
    ]
    for (exact, estimate) in zip([gradient.x, gradient.y, gradient.width, gradient.height], numeric) {
      #expect(abs(exact - estimate) < 3e-4, "\(exact) against \(estimate)")
    }
  }

  @Test func equalBoxesHaveNoLoss() {
    let box = Rect(x: -3, y: 4, width: 20, height: 30)
    let loss = BoxLoss(predicted: box, wanted: box)
    #expect(loss.value == 0)
    #expect(loss.overlap == 1)
  }

  @Test(arguments: [(-6, 0), (-0.5, 0), (3, 0), (-4, 1), (0.2, 0.8), (5, 0.9)] as [(Float, Float)])
  func focalGradientMatchesFiniteDifferences(_ logit: Float, _ wanted: Float) {
    let h: Float = 1e-2
    let numeric =
      (DetectorLoss.focal(logit: logit + h, wanted: wanted).value
        - DetectorLoss.focal(logit: logit - h, wanted: wanted).value) / (2 * h)
    #expect(abs(DetectorLoss.focal(logit: logit, wanted: wanted).gradient - numeric) < 1e-3)
  }

  @Test func focalLossIsFiniteForAnyLogit() {
    for logit in [-1e4, -100, 100, 1e4] as [Float] {
      #expect(DetectorLoss.focal(logit: logit, wanted: 0.7).value.isFinite)
      #expect(DetectorLoss.focal(logit: logit, wanted: 0.7).gradient.isFinite)
    }
  }

  @Test func wholeGradientMatchesFiniteDifferences() {
    let levels = [
      DetectorTargets.LevelShape(stride: 8, rows: 8, columns: 8),
      DetectorTargets.LevelShape(stride: 16, rows: 4, columns: 4),
    ]
    let faces = [
      [Self.face(Rect(x: 8, y: 6, width: 22, height: 30)), Self.face(Rect(x: 40, y: 40, width: 50, height: 60))],
      [Self.face(Rect(x: 20, y: 30, width: 30, height: 30), isIgnored: true)],
    ]
    var targets = DetectorTargets(faces: faces, levels: levels)
    var generator = RandomGenerator(seed: 7)
    let outputs = levels.map { level in
      UnsafeMutableBufferPointer<Float>.allocate(capacity: 2 * 15 * level.rows * level.columns)
    }
    let gradients = levels.map { level in
      UnsafeMutableBufferPointer<Float>.allocate(capacity: 2 * 15 * level.rows * level.columns)
    }
    defer { for buffer in outputs + gradients { buffer.deallocate() } }
    for buffer in outputs { buffer.initialize(repeating: 0) }
    for buffer in gradients { buffer.initialize(repeating: .nan) }
    for buffer in outputs { for index in buffer.indices { buffer[index] = generator.uniform(-0.8, 0.8) } }
    let loss = DetectorLoss()
    loss.updateQualities(&targets, outputs: outputs.map { UnsafeBufferPointer($0) })
    #expect(targets.positives.contains { $0.level == 0 } && targets.positives.contains { $0.level == 1 })

    func evaluate() -> DetectorLoss.Value {
      let scratch = gradients.map { UnsafeMutableBufferPointer<Float>.allocate(capacity: $0.count) }
      defer { for buffer in scratch { buffer.deallocate() } }
      for buffer in scratch { buffer.initialize(repeating: 0) }
      return loss.evaluate(targets, outputs: outputs.map { UnsafeBufferPointer($0) }, gradients: scratch)
    }
    let value = loss.evaluate(targets, outputs: outputs.map { UnsafeBufferPointer($0) }, gradients: gradients)
    #expect(value == evaluate())
    #expect(value.box > 0 && value.landmarks > 0 && value.score > 0)

    // Along random directions, one level and channel group at a time: every value takes part.
    for (level, buffer) in outputs.enumerated() {
      let plane = levels[level].rows * levels[level].columns
      for channels in [0..<1, 1..<5, 5..<15] {
        var direction = [Float](repeating: 0, count: buffer.count)
        for picture in 0..<2 {
          for index in (picture * 15 + channels.lowerBound) * plane..<(picture * 15 + channels.upperBound) * plane {
            direction[index] = generator.uniform(-1, 1)
          }
        }
        let saved = Array(buffer)
        let h: Float = 2e-3
        for index in buffer.indices { buffer[index] = saved[index] + h * direction[index] }
        let up = evaluate().total
        for index in buffer.indices { buffer[index] = saved[index] - h * direction[index] }
        let down = evaluate().total
        for index in buffer.indices { buffer[index] = saved[index] }
        let exact = zip(gradients[level], direction).reduce(Float(0)) { $0 + $1.0 * $1.1 }
        #expect(
          abs(exact - (up - down) / (2 * h)) < 2e-3 * max(1, abs(exact)), "level \(level), channels \(channels)")
      }
    }
  }

  @Test func nothingIsLearntFromIgnoredCells() {
    let levels = [DetectorTargets.LevelShape(stride: 8, rows: 4, columns: 4)]
    let targets = DetectorTargets(
      faces: [[Self.face(Rect(x: 0, y: 0, width: 32, height: 32), isIgnored: true)]], levels: levels)
    let output = [Float](repeating: 3, count: 15 * 16)
    var gradient = [Float](repeating: 1, count: 15 * 16)
    let value = output.withUnsafeBufferPointer { output in
      gradient.withUnsafeMutableBufferPointer {
        DetectorLoss().evaluate(targets, outputs: [output], gradients: [$0])
      }
    }
    #expect(value.total == 0)
    #expect(gradient.allSatisfy { $0 == 0 })
  }

  static func face(_ box: Rect, isIgnored: Bool = false) -> CanvasFace {
    func point(_ x: Float, _ y: Float) -> Point { Point(x: box.x + x * box.width, y: box.y + y * box.height) }
    return CanvasFace(
      box: box,
      landmarks: FaceLandmarks(
        rightEye: point(0.3, 0.38), leftEye: point(0.7, 0.38), nose: point(0.5, 0.6),
        rightMouthCorner: point(0.33, 0.78),
        leftMouthCorner: point(0.67, 0.78)), isIgnored: isIgnored)
  }
}
