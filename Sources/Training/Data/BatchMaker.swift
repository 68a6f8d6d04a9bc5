import Foundation
import Pixels

/// One batch for a training step.
final class TrainingBatch {
  /// `[batch, 1, imageSize, imageSize]`, normalised; a network with three channels gets each plane three times.
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
  /// How the pictures of each class are varied.
  let policies: [AugmentationPolicy]

  init(pictures: PictureSet, recipe: TrainingRecipe) throws(TrainingError) {
    self.pictures = pictures
    self.recipe = recipe
    sampler = try recipe.makeSampler(for: pictures)
    policies = try recipe.augmentation(for: pictures).policies
  }

  private var batchSize: Int { recipe.batchSize }
  private var seed: UInt64 { recipe.seed }

  /// Steps of the optimiser. Whole ones only; what is left over comes in other epochs. A set smaller than a step repeats
  /// itself.
  var stepsPerEpoch: Int { max(1, pictures.count / (batchSize * recipe.accumulation)) }

  /// Each step takes `accumulation` of them.
  var batchesPerEpoch: Int { stepsPerEpoch * recipe.accumulation }

  /// - Parameters:
  ///   - step: Of the epoch, counted in batches.
  ///   - order: The epoch's, from the sampler.
  func fill(_ batch: TrainingBatch, epoch: Int, step: Int, order: [Int]) {
    let size = recipe.imageSize(inEpoch: epoch)
    let augmenters = policies.map {
      PictureAugmenter(
        policy: $0, sourceSize: pictures.imageSize, imageSize: size, normalisation: recipe.normalisation)
    }
    batch.resize(batchSize: batchSize, imageSize: size)
    let input = batch.input
    let classes = pictures.labels.count
    batch.targets.update(repeating: 0)
    for position in 0..<batchSize {
      let place = step * batchSize + position
      let index = order[place % order.count]
      let label = pictures.files[index].label
      var random = RandomGenerator(seed: seed ^ 0x5049_4358, stream: UInt64(epoch) << 32 | UInt64(place))
      pictures.withPixels(of: index) {
        augmenters[label].render(
          $0.baseAddress!, to: input.baseAddress! + position * size * size, random: &random)
      }
      let target = batch.targets.baseAddress! + position * classes
      if let soft = pictures.softTargets {
        for c in 0..<classes { target[c] = soft[index * classes + c] }
      } else {
        target[label] = 1
      }
    }
    var random = RandomGenerator(seed: seed ^ 0x4D49_5855, stream: UInt64(epoch) << 32 | UInt64(step))
    BatchMixer(policy: recipe.augmentation, rows: batchSize, imageSize: size)
      .mix(input: input, targets: batch.targets, random: &random)
  }
}
