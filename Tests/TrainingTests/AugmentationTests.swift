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

  @Test func perspectiveIsAProjectiveMapNearTheAffineOne() {
    // Ramps tell where every value came from.
    let size = 48
    let across = (0..<size * size).map { UInt8($0 % size * 5) }
    let down = (0..<size * size).map { UInt8($0 / size * 5) }
    var isBent = false
    for seed in 0..<20 as Range<UInt64> {
      let policy = AugmentationPolicy(perspective: 0.1)
      let x = render(policy, across, size: size, seed: seed).map { $0 * 51 + 0.5 }
      let y = render(policy, down, size: size, seed: seed).map { $0 * 51 + 0.5 }
      let inner = 6..<42
      for row in inner {
        for column in inner {
          let index = row * size + column
          // No corner moves by more than a tenth, so nothing else does.
          #expect(abs(x[index] - Float(column) - 0.5) < 4.9 && abs(y[index] - Float(row) - 0.5) < 4.9)
        }
        // Straight lines stay straight: three places of a row lie on one.
        let ends = (row * size + 6, row * size + 24, row * size + 41)
        let (ax, ay) = (x[ends.1] - x[ends.0], y[ends.1] - y[ends.0])
        let (bx, by) = (x[ends.2] - x[ends.0], y[ends.2] - y[ends.0])
        #expect(abs(ax * by - ay * bx) / (bx * bx + by * by).squareRoot() < 0.02)
        // But not evenly divided, as an affine map would leave them.
        if abs(bx * 18 / 35 - ax) > 0.3 { isBent = true }
      }
    }
    #expect(isBent)
  }

  @Test func theProjectiveMapTakesTheCornersWhereTheyBelong() {
    let affine = Pixels.AffineTransform(a: 0.9, b: -0.2, tx: 3, c: 0.3, d: 1.1, ty: -5)
    let corners = [
      Point(x: 0.05, y: -0.1), Point(x: 1.1, y: 0.02), Point(x: 0.93, y: 0.95), Point(x: -0.04, y: 1.08),
    ]
    let map = ProjectiveTransform(affine, after: corners, size: 40)
    let square = [Point(x: 0, y: 0), Point(x: 40, y: 0), Point(x: 40, y: 40), Point(x: 0, y: 40)]
    for (corner, target) in zip(square, corners) {
      let expected = affine(Point(x: target.x * 40, y: target.y * 40))
      let point = map(corner)
      #expect(abs(point.x - expected.x) < 1e-3 && abs(point.y - expected.y) < 1e-3)
    }
  }

  @Test(arguments: [8, 31]) func smallPicturesAreEnlargedInTheWarp(size: Int) {
    let ramp = (0..<size * size).map { UInt8($0 % size * 8) }
    let result = render(.off, ramp, size: size, to: 96)
    for column in 0..<96 {
      let place = min(Float(size - 1), max(0, (Float(column) + 0.5) * Float(size) / 96 - 0.5))
      #expect(abs(result[50 * 96 + column] - place * 8 / 255) < 1e-4)
    }
  }

  @Test func newPartsLeaveTheDrawsOfTheOldOnesAlone() {
    // With effects that change nothing to speak of, the rest of the picture is the same.
    let picture = [UInt8](repeating: 100, count: 48 * 48)
    for seed in 0..<10 as Range<UInt64> {
      var policy = AugmentationPolicy.standard
      let old = render(policy, picture, size: 48, seed: seed)
      policy.blur = 1
      policy.perspective = 0.1
      #expect(isClose(render(policy, picture, size: 48, seed: seed), old, 1e-4), "a flat picture shows neither")
    }
  }

  @Test func policiesGrowStrongerWithinBounds() throws {
    for level in 0...3 {
      let policy = try #require(AugmentationPolicy.level(level))
      try policy.validate()
      try policy.strengthened.validate()
      try policy.strengthened.strengthened.strengthened.validate()
    }
    #expect(AugmentationPolicy.level(0) == .off && AugmentationPolicy.level(4) == nil)
    let stronger = AugmentationPolicy.standard.strengthened
    #expect(stronger.rotation == 18 && stronger.flip == 0.5 && stronger.erasing == 0.375 && stronger.jpeg == 0)
    #expect(stronger.mixup == AugmentationPolicy.standard.mixup)
    #expect(AugmentationPolicy(rotation: 90).strengthened.rotation == 90, "never weaker")
  }

  @Test func theSameSeedGivesTheSameBatchAndAnotherOneDoesNot() throws {
    func batch(seed: UInt64, epoch: Int, step: Int) throws -> ([Float], [Float]) {
      var recipe = TrainingRecipe()
      recipe.imageSize = 16
      recipe.earlyImageSize = 16
      recipe.batchSize = 8
      recipe.seed = seed
      recipe.augmentation.mixup = 1
      let files = (0..<20).map { PictureFile(path: "\($0)", label: $0 % 7) }
      let pictures = PictureSet(
        imageSize: 16, labels: .emotions, files: files, pixels: (0..<20).flatMap { _ in noise(16) })
      let maker = try BatchMaker(pictures: pictures, recipe: recipe)
      let batch = TrainingBatch(batchSize: 8, imageSize: 16, classes: 7)
      maker.fill(batch, epoch: epoch, step: step, order: maker.sampler.order(epoch: epoch))
      return (Array(batch.input), Array(batch.targets))
    }
    let first = try batch(seed: 1, epoch: 3, step: 1)
    #expect(try first == batch(seed: 1, epoch: 3, step: 1))
    #expect(try first.0 != batch(seed: 2, epoch: 3, step: 1).0)
    #expect(try first.0 != batch(seed: 1, epoch: 4, step: 1).0)
    #expect(try first.0 != batch(seed: 1, epoch: 3, step: 0).0)
    for row in 0..<8 { #expect(abs(first.1[row * 7..<row * 7 + 7].reduce(0, +) - 1) < 1e-5) }
    #expect(first.1.contains { 0.01 < $0 && $0 < 0.99 }, "mixed targets")
  }

  @Test func theLoaderGivesEveryStepInOrder() throws {
    var recipe = TrainingRecipe()
    recipe.imageSize = 16
    recipe.earlyImageSize = 8
    recipe.earlyEpochs = 2
    recipe.batchSize = 4
    let files = (0..<14).map { PictureFile(path: "\($0)", label: $0 % 7) }
    let pictures = PictureSet(
      imageSize: 16, labels: .emotions, files: files, pixels: (0..<14).flatMap { _ in noise(16) })
    let maker = try BatchMaker(pictures: pictures, recipe: recipe)
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

struct BatchMixerTests {
  private let size = 12
  private let rows = 6

  /// Pictures of one brightness each, targets of one class each.
  private func mixed(_ policy: AugmentationPolicy, seed: UInt64) -> (input: [Float], targets: [Float]) {
    var input = (0..<rows).flatMap { row in [Float](repeating: Float(row), count: size * size) }
    var targets = (0..<rows).flatMap { row in (0..<rows).map { Float($0 == row ? 1 : 0) } }
    var random = RandomGenerator(seed: seed)
    input.withUnsafeMutableBufferPointer { input in
      targets.withUnsafeMutableBufferPointer { targets in
        BatchMixer(policy: policy, rows: rows, imageSize: size).mix(input: input, targets: targets, random: &random)
      }
    }
    return (input, targets)
  }

  @Test func picturesAndTargetsAreMixedAlike() {
    for seed in 0..<20 as Range<UInt64> {
      let (input, targets) = mixed(AugmentationPolicy(mixup: 1), seed: seed)
      for row in 0..<rows {
        let own = targets[row * rows + row]
        let other = targets[row * rows + rows - 1 - row]
        #expect(abs(own + other - 1) < 1e-6)
        let expected = own * Float(row) + other * Float(rows - 1 - row)
        #expect(input[row * 144..<(row + 1) * 144].allSatisfy { abs($0 - expected) < 1e-5 })
      }
    }
  }

  @Test func aRectangleIsExchangedAndCountedInTheTargets() {
    var areas: Set<Int> = []
    for seed in 0..<40 as Range<UInt64> {
      let (input, targets) = mixed(AugmentationPolicy(cutmix: 1), seed: seed)
      for row in 0..<rows {
        let picture = Array(input[row * 144..<(row + 1) * 144])
        let places = picture.indices.filter { picture[$0] != Float(row) }
        #expect(places.allSatisfy { picture[$0] == Float(rows - 1 - row) })
        #expect(Set(places.map { $0 % size }).count * Set(places.map { $0 / size }).count == places.count)
        #expect(abs(targets[row * rows + rows - 1 - row] - Float(places.count) / 144) < 1e-6)
        #expect(abs(targets[row * rows..<(row + 1) * rows].reduce(0, +) - 1) < 1e-6)
        areas.insert(places.count)
      }
    }
    #expect(areas.count > 10, "rectangles of many sizes")
  }

  @Test func withoutMixingAllStaysAsItIs() {
    let (input, targets) = mixed(.off, seed: 1)
    #expect(input == (0..<rows).flatMap { row in [Float](repeating: Float(row), count: 144) })
    #expect(targets.count(where: { $0 == 1 }) == rows)
  }
}
