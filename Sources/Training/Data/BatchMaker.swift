import Foundation
import Pixels

/// One batch for a training step.
final class TrainingBatch {
  /// `[batch, 1, imageSize, imageSize]`, normalised.
  var input: UnsafeMutableBufferPointer<Float> { UnsafeMutableBufferPointer(rebasing: storage[..<inputCount]) }
  private let storage: UnsafeMutableBufferPointer<Float>
  private var inputCount: Int
  /// `[batch, classes]`, each row a distribution.
  let targets: UnsafeMutableBufferPointer<Float>

  /// - Parameter imageSize: The largest that will be asked for.
  init(batchSize: Int, imageSize: Int, classes: Int) {
    inputCount = batchSize * imageSize * imageSize
    storage = .allocate(capacity: inputCount)
    targets = .allocate(capacity: batchSize * classes)
    storage.initialize(repeating: 0)
    targets.initialize(repeating: 0)
  }

  /// Makes `input` that of smaller or larger pictures.
  func resize(batchSize: Int, imageSize: Int) { inputCount = batchSize * imageSize * imageSize }

  deinit {
    storage.deallocate()
    targets.deallocate()
  }
}

/// Makes the batch of any step of any epoch out of nothing but the seed, so that a resumed run sees what the
/// interrupted one would have seen, whatever the number of threads.
struct BatchMaker: Sendable {
  let pictures: PictureSet
  let sampler: ClassSampler
  let recipe: TrainingRecipe

  private var batchSize: Int { recipe.batchSize }
  private var seed: UInt64 { recipe.seed }

  /// Whole batches only; what is left over comes in other epochs. A set smaller than a batch repeats itself.
  var stepsPerEpoch: Int { max(1, pictures.count / batchSize) }

  /// - Parameter order: The epoch's, from the sampler.
  func fill(_ batch: TrainingBatch, epoch: Int, step: Int, order: [Int]) {
    let augmenter = PictureAugmenter(
      policy: recipe.augmentation, sourceSize: pictures.imageSize, imageSize: recipe.imageSize(inEpoch: epoch),
      normalisation: recipe.normalisation)
    batch.resize(batchSize: batchSize, imageSize: augmenter.imageSize)
    let input = batch.input
    let sourceArea = pictures.imageSize * pictures.imageSize
    let area = augmenter.imageSize * augmenter.imageSize
    let classes = pictures.labels.count
    batch.targets.update(repeating: 0)
    pictures.pixels.withUnsafeBufferPointer { pixels in
      for position in 0..<batchSize {
        let place = step * batchSize + position
        let index = order[place % order.count]
        var random = RandomGenerator(
          seed: seed ^ 0x5049_4358, stream: UInt64(epoch) << 32 | UInt64(place))
        augmenter.render(
          pixels.baseAddress! + index * sourceArea, to: input.baseAddress! + position * area, random: &random)
        let target = batch.targets.baseAddress! + position * classes
        if let soft = pictures.softTargets {
          for c in 0..<classes { target[c] = soft[index * classes + c] }
        } else {
          target[pictures.files[index].label] = 1
        }
      }
    }
    var random = RandomGenerator(seed: seed ^ 0x4D49_5855, stream: UInt64(epoch) << 32 | UInt64(step))
    if random.chance(augmenter.policy.mixup) {
      let share = Self.beta(augmenter.policy.mixupAlpha, &random)
      Self.mixPairs(input, rows: batchSize, share: share)
      Self.mixPairs(batch.targets, rows: batchSize, share: share)
    }
  }

  /// Row i becomes share · row i + (1 - share) · row (rows - 1 - i), for all rows at once. The order is random anyway.
  private static func mixPairs(_ values: UnsafeMutableBufferPointer<Float>, rows: Int, share: Float) {
    let length = values.count / rows
    for row in 0..<rows / 2 {
      let first = values.baseAddress! + row * length
      let second = values.baseAddress! + (rows - 1 - row) * length
      for index in 0..<length {
        let a = first[index]
        let b = second[index]
        first[index] = share * a + (1 - share) * b
        second[index] = share * b + (1 - share) * a
      }
    }
  }

  /// A draw from the beta distribution with both parameters `alpha`, by Jöhnk's method (1964), which suits small ones;
  /// above 1 it rejects too much, so there the ratio is uniform.
  private static func beta(_ alpha: Float, _ random: inout RandomGenerator) -> Float {
    guard alpha < 1 else { return random.uniform() }
    while true {
      let x = pow(random.uniform(), 1 / alpha)
      let y = pow(random.uniform(), 1 / alpha)
      if x + y <= 1, x + y > 0 { return x / (x + y) }
    }
  }
}
