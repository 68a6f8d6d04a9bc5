import FaceCrop
public import Inference
import Pixels

/// Networks that a run learns from beside the labels: their probabilities become a part of the targets (Hinton et al.,
/// arXiv 1503.02531).
///
/// They are shown what the learner is shown, varied and mixed the same way (Beyer et al., arXiv 2106.05237). Of the
/// pictures as they are they would mostly say the labels, which they know by heart.
public struct Distillation: Sendable {
  /// Name and start of the checksum.
  public let identity: String
  let labels: [String]
  let makeEnsemble: @Sendable () throws -> EmotionEnsemble

  /// - Parameter makeEnsemble: Called once here and once on each of the run's threads, as ensembles are not shared.
  public init(_ makeEnsemble: @escaping @Sendable () throws -> EmotionEnsemble) throws {
    let ensemble = try makeEnsemble()
    identity = ensemble.identity
    labels = ensemble.labels
    self.makeEnsemble = makeEnsemble
  }

  /// - Throws: `invalidSettings` where the teachers know other classes.
  func check(_ labels: ClassLabels) throws(TrainingError) {
    guard Set(self.labels) == Set(labels.names) else {
      throw .invalidSettings("\(identity) knows the classes \(self.labels), the data have \(labels.names)")
    }
  }
}

/// How a learner uses its teachers.
struct Lessons: Sendable {
  let distillation: Distillation
  /// Part of the targets that is the teachers'.
  let share: Float
  /// Of the learner's input.
  let normalisation: Normalisation
  /// The learner's classes.
  let labels: [String]
}

/// The teachers of one replica, on its thread.
final class Teacher {
  private let lessons: Lessons
  private let ensemble: EmotionEnsemble
  /// Where each of the learner's classes stands among the teachers'.
  private let places: [Int]
  private let resizer = Resizer()
  private var pixels: [UInt8] = []
  private var probabilities: [Float] = []
  private var targets: [Float] = []

  init(_ lessons: Lessons) throws {
    self.lessons = lessons
    ensemble = try lessons.distillation.makeEnsemble()
    let known = ensemble.labels
    places = lessons.labels.map { known.firstIndex(of: $0)! }
  }

  /// Lends the targets of a part of a batch with the teachers' opinion mixed in.
  ///
  /// - Parameters:
  ///   - input: `[rows, 1, imageSize, imageSize]`, normalised as the learner's.
  ///   - targets: `[rows, labels]`.
  func withTargets<Result>(
    _ input: UnsafeBufferPointer<Float>, imageSize: Int, targets own: UnsafeBufferPointer<Float>,
    _ body: (UnsafeBufferPointer<Float>) throws -> Result
  ) throws -> Result {
    let rows = own.count / places.count
    let area = imageSize * imageSize
    probabilities.removeAll(keepingCapacity: true)
    for start in stride(from: 0, to: rows, by: ensemble.maximumCount) {
      let count = min(ensemble.maximumCount, rows - start)
      for index in 0..<count {
        let place = (start + index) * area
        show(UnsafeBufferPointer(rebasing: input[place..<place + area]), imageSize: imageSize, at: index)
      }
      try ensemble.run(count: count, appendingTo: &probabilities)
    }
    targets.removeAll(keepingCapacity: true)
    for row in 0..<rows {
      for (label, place) in places.enumerated() {
        let index = row * places.count
        targets.append((1 - lessons.share) * own[index + label] + lessons.share * probabilities[index + place])
      }
    }
    return try targets.withUnsafeBufferPointer(body)
  }

  /// Fills every teacher's input with a picture, which goes back to 8 bits for it: they learned from such.
  private func show(_ picture: UnsafeBufferPointer<Float>, imageSize: Int, at index: Int) {
    let normalisation = lessons.normalisation
    pixels.removeAll(keepingCapacity: true)
    for value in picture {
      let brightness = (value * normalisation.standardDeviation + normalisation.mean) * 255
      pixels.append(UInt8(min(255, max(0, brightness.rounded()))))
    }
    pixels.withUnsafeBufferPointer { pixels in
      let plane = LumaPlane(
        base: pixels.baseAddress!, width: imageSize, height: imageSize, bytesPerRow: imageSize, range: .full)
      for member in ensemble.members {
        member.withInput(index) {
          resizer.resize(
            plane, toWidth: member.inputWidth, height: member.inputHeight,
            normalisation: member.record.normalisation, into: $0, destinationWidth: member.inputWidth)
        }
      }
    }
  }
}
