import FaceCrop
import Foundation
import Inference
import Pixels
import Threads

/// Probabilities that a network gives to a set of pictures.
struct ClassifierEvaluation: Sendable {
  /// `[pictures, classes]`, the picture as it is.
  var plain: [Float]
  /// The mean over the picture and its mirror image.
  var flipAveraged: [Float]

  /// Each thread takes a part of the pictures through a plan of its own.
  ///
  /// - Parameters:
  ///   - spec: Its input is square; pictures of another size are enlarged or reduced to it.
  ///   - weights: Of a network whose one result are logits `[classes]`.
  ///   - record: Says how its input is normalised.
  ///   - isStopped: Asked between batches; where it says true the evaluation ends and nil comes back.
  static func run(
    spec: ModelSpec, weights: [String: Tensor], pictures: PictureSet, record: ModelRecord,
    precision: Precision, threads: Int, isStopped: @escaping @Sendable () -> Bool = { false }
  ) throws -> ClassifierEvaluation? {
    let partSize = max(1, (pictures.count + threads - 1) / threads)
    let parts = stride(from: 0, to: pictures.count, by: partSize).map {
      $0..<min(pictures.count, $0 + partSize)
    }
    let results = Guarded<[Int: Result<ClassifierEvaluation?, any Error>]>([:])
    DispatchQueue.concurrentPerform(iterations: parts.count) { index in
      let result = Result {
        try evaluate(
          parts[index], spec: spec, weights: weights, pictures: pictures, record: record,
          precision: precision, isStopped: isStopped)
      }
      results.withLock { $0[index] = result }
    }
    var whole = ClassifierEvaluation(plain: [], flipAveraged: [])
    for index in parts.indices {
      guard let part = try results.withLock({ $0[index]! }).get() else { return nil }
      whole.plain += part.plain
      whole.flipAveraged += part.flipAveraged
    }
    return whole
  }

  private static func evaluate(
    _ range: Range<Int>, spec: ModelSpec, weights: [String: Tensor], pictures: PictureSet,
    record: ModelRecord, precision: Precision, isStopped: () -> Bool
  ) throws -> ClassifierEvaluation? {
    let classes = pictures.labels.count
    let size = spec.inputHeight
    let area = size * size
    let channels = InputChannels(record, count: spec.inputChannels)
    let length = area * channels.count
    let normalisation = record.normalisation
    let resizer = Resizer()
    // Each picture is followed by its mirror image.
    let perBatch = max(1, min(32, range.count))
    let plan = try InferencePlan(
      spec: spec, weights: weights, batchSize: perBatch * 2, precision: precision, threads: 1)
    var result = ClassifierEvaluation(plain: [], flipAveraged: [])
    for start in stride(from: range.lowerBound, to: range.upperBound, by: perBatch) {
      if isStopped() { return nil }
      let count = min(perBatch, range.upperBound - start)
      plan.withInput { input in
        for index in 0..<count {
          let target = input.baseAddress! + index * 2 * length
          pictures.draw(
            start + index, size: size, normalisation: normalisation, resizer: resizer,
            into: UnsafeMutableBufferPointer(start: target, count: area))
          mirror(target, to: target + length, size: size)
          for view in [target, target + length] {
            channels.spread(UnsafeMutableBufferPointer(start: view, count: length))
          }
        }
      }
      try plan.run()
      plan.withOutput(0) { logits in
        for index in 0..<count {
          let first = softmax(logits[index * 2 * classes..<(index * 2 + 1) * classes])
          let second = softmax(logits[(index * 2 + 1) * classes..<(index * 2 + 2) * classes])
          result.plain += first
          result.flipAveraged += zip(first, second).map { ($0 + $1) / 2 }
        }
      }
    }
    return result
  }

  /// Left and right exchanged, `[size, size]`.
  static func mirror(_ source: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>, size: Int) {
    for row in 0..<size {
      for column in 0..<size { target[row * size + column] = source[row * size + size - 1 - column] }
    }
  }

  static func softmax(_ logits: Slice<UnsafeBufferPointer<Float>>) -> [Float] {
    let largest = logits.max() ?? 0
    let exponentials = logits.map { exp(Double($0 - largest)) }
    let sum = exponentials.reduce(0, +)
    return exponentials.map { Float($0 / sum) }
  }
}
