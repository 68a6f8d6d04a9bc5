import Foundation
import Pixels
import Testing

@testable import Training

struct AugmentationTests {
  private let unit = Normalisation(mean: 0, standardDeviation: 1)

  private func render(
    _ policy: AugmentationPolicy, _ source: [UInt8], size: Int, to target: Int? = nil, seed: UInt64 = 1,
    normalisation: Normalisation? = nil
  ) -> [Float] {
    let augmenter = PictureAugmenter(
      policy: policy, sourceSize: size, imageSize: target ?? size, normalisation: normalisation ?? unit)
    var random = RandomGenerator(seed: seed)
    var result = [Float](repeating: .nan, count: (target ?? size) * (target ?? size))
    source.withUnsafeBufferPointer { source in
      result.withUnsafeMutableBufferPointer {
        augmenter.render(source.baseAddress!, to: $0.baseAddress!, random: &random)
      }
    }
    return result
  }

  private func noise(_ size: Int) -> [UInt8] {
    var random = RandomGenerator(seed: 9)
    return (0..<size * size).map { _ in UInt8(truncatingIfNeeded: random.next()) }
  }

  private func isClose(_ left: [Float], _ right: [Float], _ tolerance: Float = 1e-5) -> Bool {
    left.count == right.count && zip(left, right).allSatisfy { abs($0 - $1) <= tolerance }
  }

  @Test(arguments: [1, 2, 7, 48]) func withoutAPolicyOnlyNormalisationIsLeft(size: Int) {
    let picture = noise(size)
    let normalisation = Normalisation(mean: 0.5, standardDeviation: 0.25)
    let expected = picture.map { (Float($0) / 255 - 0.5) / 0.25 }
    #expect(isClose(render(.off, picture, size: size, normalisation: normalisation), expected, 1e-4))
  }

  @Test(arguments: [1, 2, 7, 48]) func aFlipExchangesLeftAndRight(size: Int) {
    let picture = noise(size)
    let expected = (0..<size * size).map { index in
      Float(picture[index / size * size + size - 1 - index % size]) / 255
    }
    #expect(isClose(render(AugmentationPolicy(flip: 1), picture, size: size), expected))
  }

  @Test func theWarpAgreesWithItsDefinition() {
    // A ramp is what bilinear sampling reproduces, so every warped value tells where it came from.
    let size = 24
    let across = (0..<size * size).map { UInt8($0 % size * 8) }
    let down = (0..<size * size).map { UInt8($0 / size * 8) }
    for seed in 0..<20 as Range<UInt64> {
      let policy = AugmentationPolicy(flip: 0.5, rotation: 30, scale: 0.3, stretch: 0.2, shift: 0.1)
      let x = render(policy, across, size: size, seed: seed).map { $0 * 255 / 8 + 0.5 }
      let y = render(policy, down, size: size, seed: seed).map { $0 * 255 / 8 + 0.5 }
      // Steps along a row and a column are the same everywhere inside: the map is affine.
      var steps: Set<[Int]> = []
      for row in 8..<15 {
        for column in 8..<15 {
          let index = row * size + column
          let step = [x[index + 1] - x[index], y[index + 1] - y[index], x[index + size] - x[index]]
          steps.insert(step.map { Int(($0 * 100).rounded()) })
          let area = abs(
            (x[index + 1] - x[index]) * (y[index + size] - y[index])
              - (y[index + 1] - y[index]) * (x[index + size] - x[index]))
          #expect(0.58 < area && area < 1.70, "size changes by at most 1.3 along each axis")
        }
      }
      #expect(steps.count <= 8, "rounding aside there is one step")
      let middle = size / 2 * size + size / 2
      #expect(abs(x[middle] - 12) < 24 * 0.1 + 1.6 && abs(y[middle] - 12) < 24 * 0.1 + 1.6)
    }
  }

  @Test func reducingKeepsTheFraming() {
    let size = 48
    let ramp = (0..<size * size).map { UInt8($0 % size * 5) }
    let result = render(.off, ramp, size: size, to: 32)
    for column in 0..<32 {
      let expected = ((Float(column) + 0.5) * 1.5 - 0.5) * 5 / 255
      #expect(abs(result[5 * 32 + column] - expected) < 1e-4)
    }
  }

  @Test func contrastAndBrightnessAreOneLinearMapWithinBlackAndWhite() {
    let picture = noise(16)
    let result = render(AugmentationPolicy(contrast: 0.5, brightness: 0.3), picture, size: 16, seed: 4)
    #expect(result.allSatisfy { 0...1 ~= $0 })
    let inside = zip(picture, result).filter { $0.1 > 0 && $0.1 < 1 }
    let slope = (inside[1].1 - inside[0].1) / (Float(inside[1].0) - Float(inside[0].0))
    for (value, mapped) in inside {
      #expect(abs(mapped - (inside[0].1 + slope * (Float(value) - Float(inside[0].0)))) < 1e-4)
    }
    #expect(abs(slope * 255 - 1) > 0.01)
  }

  @Test func erasingTakesARectangleOfTheAskedArea() {
    let picture = [UInt8](repeating: 255, count: 48 * 48)
    for seed in 0..<30 as Range<UInt64> {
      let result = render(AugmentationPolicy(erasing: 1, erasedArea: [0.1, 0.2]), picture, size: 48, seed: seed)
      let erased = result.indices.filter { result[$0] == 0 }
      #expect(0.08 * 2304 < Double(erased.count) && Double(erased.count) < 0.22 * 2304)
      let columns = Set(erased.map { $0 % 48 })
      let rows = Set(erased.map { $0 / 48 })
      #expect(columns.count * rows.count == erased.count)
    }
  }

  @Test func theSameSeedGivesTheSameBatchAndAnotherOneDoesNot() throws {
    func batch(seed: UInt64, epoch: Int, step: Int) -> ([Float], [Float]) {
      var recipe = TrainingRecipe()
      recipe.imageSize = 16
      recipe.earlyImageSize = 16
      recipe.batchSize = 8
      recipe.seed = seed
      recipe.augmentation.mixup = 1
      let files = (0..<20).map { PictureFile(path: "\($0)", label: $0 % 7) }
      let pictures = PictureSet(
        imageSize: 16, labels: .emotions, files: files, pixels: (0..<20).flatMap { _ in noise(16) })
      let maker = BatchMaker(
        pictures: pictures,
        sampler: ClassSampler(indicesByClass: pictures.indicesByClass, power: 0, seed: seed), recipe: recipe)
      let batch = TrainingBatch(batchSize: 8, imageSize: 16, classes: 7)
      maker.fill(batch, epoch: epoch, step: step, order: maker.sampler.order(epoch: epoch))
      return (Array(batch.input), Array(batch.targets))
    }
    let first = batch(seed: 1, epoch: 3, step: 1)
    #expect(first == batch(seed: 1, epoch: 3, step: 1))
    #expect(first.0 != batch(seed: 2, epoch: 3, step: 1).0)
    #expect(first.0 != batch(seed: 1, epoch: 4, step: 1).0)
    #expect(first.0 != batch(seed: 1, epoch: 3, step: 0).0)
    for row in 0..<8 { #expect(abs(first.1[row * 7..<row * 7 + 7].reduce(0, +) - 1) < 1e-5) }
    #expect(first.1.contains { 0.01 < $0 && $0 < 0.99 }, "mixed targets")
  }

  @Test func theLoaderGivesEveryStepInOrder() {
    var recipe = TrainingRecipe()
    recipe.imageSize = 16
    recipe.earlyImageSize = 8
    recipe.earlyEpochs = 2
    recipe.batchSize = 4
    let files = (0..<14).map { PictureFile(path: "\($0)", label: $0 % 7) }
    let pictures = PictureSet(
      imageSize: 16, labels: .emotions, files: files, pixels: (0..<14).flatMap { _ in noise(16) })
    let maker = BatchMaker(
      pictures: pictures, sampler: ClassSampler(indicesByClass: pictures.indicesByClass, power: 0, seed: 1),
      recipe: recipe)
    let loader = BatchLoader(maker, fromEpoch: 1, step: 2, epochs: 4)
    defer { loader.stop() }
    let expected = TrainingBatch(batchSize: 4, imageSize: 16, classes: 7)
    for (epoch, step) in [(1, 2), (2, 0), (2, 1), (2, 2), (3, 0), (3, 1), (3, 2)] {
      maker.fill(expected, epoch: epoch, step: step, order: maker.sampler.order(epoch: epoch))
      let batch = loader.next()
      #expect(batch.input.count == 4 * (epoch < 2 ? 64 : 256))
      #expect(Array(batch.input) == Array(expected.input) && Array(batch.targets) == Array(expected.targets))
    }
  }
}

struct ClassSamplerTests {
  private let indices = [Array(0..<100), Array(100..<110), Array(110..<140)]

  @Test func naturallyEveryPictureComesOnce() {
    let sampler = ClassSampler(indicesByClass: indices, power: 0, seed: 5)
    let order = sampler.order(epoch: 2)
    #expect(order.sorted() == Array(0..<140) && order != Array(0..<140))
    #expect(order == sampler.order(epoch: 2) && order != sampler.order(epoch: 3))
  }

  @Test(arguments: [0.5, 1] as [Float]) func sharesFollowThePower(power: Float) {
    let sampler = ClassSampler(indicesByClass: indices, power: power, seed: 5)
    let order = sampler.order(epoch: 0)
    #expect(order.count == 140)
    let counts = indices.map { members in order.count { members.contains($0) } }
    let weights = [100, 10, 30].map { pow($0, 1 - Double(power)) }
    for (count, weight) in zip(counts, weights) {
      #expect(abs(Double(count) - 140 * weight / weights.reduce(0, +)) <= 1)
    }
    // No picture of a class comes a third time before all have come twice.
    let times = Dictionary(grouping: order, by: { $0 }).mapValues(\.count)
    for members in indices {
      let all = members.map { times[$0] ?? 0 }
      #expect((all.max() ?? 0) - (all.min() ?? 0) <= 1)
    }
  }
}
