import Foundation
import Pixels
import TestSupport
import Testing

@testable import Training

/// What each effect does to a picture of 0 to 255.
struct PictureEffectsTests {
  private func apply(_ effects: PictureEffects, _ picture: [Float], width: Int) -> [Float] {
    var result = picture
    result.withUnsafeMutableBufferPointer { effects.apply(to: $0, size: width) }
    return result
  }

  /// Rings on a slope, with fine noise: dark and bright, smooth and sharp places.
  private func picture(_ size: Int) -> [Float] {
    var random = RandomGenerator(seed: 4)
    return (0..<size * size).map { index in
      let x = Float(index % size) - Float(size) / 3
      let y = Float(index / size) - Float(size) / 2
      return min(255, max(0, 110 + x + 60 * sin((x * x + y * y).squareRoot() / 2) + random.uniform(-20, 20)))
    }
  }

  private func mean(_ values: [Float]) -> Float { values.reduce(0, +) / Float(values.count) }

  private func deviation(_ values: [Float]) -> Float {
    let mean = mean(values)
    return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(values.count)).squareRoot()
  }

  @Test func noEffectChangesNothing() {
    let picture = picture(20)
    #expect(apply(.none, picture, width: 20) == picture)
    var random = RandomGenerator(seed: 1)
    for policy in [AugmentationPolicy.off, .standard] {
      for _ in 0..<50 {
        var effects = PictureEffects.drawn(policy, &random)
        effects.noiseSeed = 0
        #expect(effects == .none)
      }
    }
  }

  @Test func everyPolicyDrawsEquallyOften() {
    var ends: Set<UInt64> = []
    for policy in [AugmentationPolicy.off, .level(1)!, .level(3)!.strengthened] {
      var random = RandomGenerator(seed: 8)
      _ = PictureEffects.drawn(policy, &random)
      ends.insert(random.next())
    }
    #expect(ends.count == 1)
  }

  @Test func drawsFollowThePolicy() {
    let policy = AugmentationPolicy(
      clahe: 0.5, claheLimit: 4, gamma: 0.25, blur: 0.25, blurSize: 0.02, noise: 1, noiseSize: 0.1, jpeg: 0.75,
      jpegQuality: 30)
    var random = RandomGenerator(seed: 3)
    let drawn = (0..<2000).map { _ in PictureEffects.drawn(policy, &random) }
    func share(_ isThere: (PictureEffects) -> Bool) -> Double { Double(drawn.count(where: isThere)) / 2000 }
    #expect(abs(share { $0.claheLimit != nil } - 0.5) < 0.05)
    #expect(abs(share { $0.blurDeviation != nil } - 0.25) < 0.05)
    #expect(share { $0.noiseDeviation != nil } == 1)
    #expect(abs(share { $0.jpegQuality != nil } - 0.75) < 0.05)
    #expect(drawn.allSatisfy { 0.8 <= $0.gamma && $0.gamma <= 1.2501 && 1...4 ~= $0.claheLimit ?? 1 })
    #expect(drawn.allSatisfy { 0.004...0.0201 ~= $0.blurDeviation ?? 0.01 && 30...95 ~= $0.jpegQuality ?? 30 })
    #expect(drawn.allSatisfy { 0.019...0.1001 ~= $0.noiseDeviation ?? 0 })
    #expect(Set(drawn.map(\.noiseSeed)).count == 2000)
  }

  @Test(arguments: [0.4, 0.8, 1.5, 3] as [Float]) func gammaBendsBrightnessBetweenBlackAndWhite(exponent: Float) {
    let values = (0...1020).map { Float($0) / 4 }
    let result = apply(
      PictureEffects(gamma: exponent), values + [Float](repeating: 0, count: 1024 - 1021), width: 32)
    for (value, bent) in zip(values, result) {
      // Between the table's points a straight line stands for the curve.
      #expect(abs(bent - 255 * pow(value / 255, exponent)) < (value < 1 ? 12 : value < 10 ? 1 : 0.05))
    }
    #expect(result[0] == 0 && abs(result[1020] - 255) < 1e-3)
  }

  @Test(arguments: [(1, 0.5), (5, 2), (24, 0.3), (24, 1.7), (33, 40)] as [(Int, Float)])
  func blurIsAGaussianMean(size: Int, deviation: Float) {
    let source = picture(size)
    let result = apply(PictureEffects(blurDeviation: deviation / Float(size)), source, width: size)
    // The plain double sum over both axes at once.
    let radius = min(127, Int((3 * deviation).rounded(.up)))
    let weights = (-radius...radius).map { exp(-0.5 * Double($0 * $0) / Double(deviation * deviation)) }
    let sum = weights.reduce(0, +)
    func sample(_ x: Int, _ y: Int) -> Double {
      Double(source[min(size - 1, max(0, y)) * size + min(size - 1, max(0, x))])
    }
    var random = RandomGenerator(seed: 2)
    for _ in 0..<min(25, size * size) {
      let x = Int(random.uniform() * Float(size))
      let y = Int(random.uniform() * Float(size))
      var expected = 0.0
      for (i, a) in weights.enumerated() {
        var row = 0.0
        for (j, b) in weights.enumerated() { row += b * sample(x + j - radius, y + i - radius) }
        expected += a * row
      }
      #expect(abs(Double(result[y * size + x]) - expected / (sum * sum)) < 0.01)
    }
  }

  @Test(arguments: [2, 12] as [Float]) func noiseHasItsDeviationAndNoBias(size: Float) {
    let grey = [Float](repeating: 127, count: 96 * 96)
    let effects = PictureEffects(noiseDeviation: size / 255, noiseSeed: 77)
    let noisy = apply(effects, grey, width: 96)
    #expect(abs(mean(noisy) - 127) < size / 20 && abs(deviation(noisy) / size - 1) < 0.03)
    #expect(noisy == apply(effects, grey, width: 96))
    #expect(noisy != apply(PictureEffects(noiseDeviation: size / 255, noiseSeed: 78), grey, width: 96))
    // Neighbours know nothing of each other.
    let products = (1..<grey.count).map { (noisy[$0] - 127) * (noisy[$0 - 1] - 127) }
    #expect(abs(mean(products)) < 0.05 * size * size)
    let black = apply(effects, [Float](repeating: 0, count: 96 * 96), width: 96)
    #expect(black.allSatisfy { 0...255 ~= $0 } && black.contains(0))
  }

  @Test(arguments: Fixture.all(in: "augmentation").map(\.name))
  func jpegIsWhatLibjpegMakesOfThePicture(_ name: String) throws {
    let fixture = try #require(Fixture.all(in: "augmentation").first { $0.name == name })
    let picture = try #require(fixture.tensors["picture"])
    let expected = try #require(fixture.tensors["expected"]).values
    let (height, width) = (picture.shape[0], picture.shape[1])
    var result = picture.values
    result.withUnsafeMutableBufferPointer {
      AugmentationKernels.jpeg($0, width: width, quality: Int(fixture.metadata["quality"] ?? "") ?? 0)
    }
    // libjpeg computes in integers: a coefficient on the verge of two steps may go to the other one, which the whole
    // block shows. Everywhere else it is a matter of rounding.
    var largest: [Int: Float] = [:]
    for index in result.indices {
      let block = index / width / 8 * width + index % width / 8
      largest[block] = max(largest[block] ?? 0, abs(result[index] - expected[index]))
    }
    #expect(largest.values.count { $0 > 1 } <= max(1, largest.count / 10), "\(name): \(largest)")
    #expect(largest.values.allSatisfy { $0 < 12 })
    #expect(zip(picture.values, expected).contains { abs($0 - $1) > 2 })
    #expect(largest.count == (height + 7) / 8 * ((width + 7) / 8))
  }

  @Test func jpegLosesMoreAtLowerQuality() {
    let source = picture(48)
    let losses = [95, 70, 40, 15].map { quality in
      mean(zip(apply(PictureEffects(jpegQuality: quality), source, width: 48), source).map { abs($0 - $1) })
    }
    #expect(losses == losses.sorted() && losses[0] < 2.5 && losses[3] > 5, "\(losses)")
    let flat = [Float](repeating: 200, count: 30 * 30)
    #expect(apply(PictureEffects(jpegQuality: 15), flat, width: 30).allSatisfy { abs($0 - 200) < 8 })
  }

  @Test func equalisationRaisesLocalContrast() {
    // A pattern that is hardly there, in a dark half and a bright one.
    let size = 48
    let faint = (0..<size * size).map { index -> Float in
      (index % size < 24 ? 40 : 200) + Float((index / size + index % size) % 4)
    }
    let result = apply(PictureEffects(claheLimit: 4), faint, width: size)
    #expect(result.allSatisfy { 0...255 ~= $0 })
    for columns in [4..<20, 28..<44] {
      let places = faint.indices.filter { columns.contains($0 % size) && 4..<44 ~= $0 / size }
      #expect(deviation(places.map { result[$0] }) > 3 * deviation(places.map { faint[$0] }))
    }
    // A higher limit allows more, and the lowest one leaves most as it is.
    let source = picture(size)
    let changes = [1, 2, 4].map { limit in
      mean(zip(apply(PictureEffects(claheLimit: limit), source, width: size), source).map { abs($0 - $1) })
    }
    #expect(changes == changes.sorted() && changes[0] < changes[2] / 2, "\(changes)")
  }

  @Test(arguments: [(12, 1), (30, 2), (31, 2), (48, 4), (50, 4)])
  func equalisationFollowsItsDefinition(size: Int, tiles: Int) {
    let source = picture(size).map { $0.rounded() }
    let limit: Float = 2.5
    // The brightness map of each tile, in whole numbers and fractions of one.
    func map(_ row: Int, _ column: Int) -> [Double] {
      let lines = row * size / tiles..<(row + 1) * size / tiles
      let columns = column * size / tiles..<(column + 1) * size / tiles
      var counts = [Double](repeating: 0, count: 256)
      for y in lines { for x in columns { counts[Int(source[y * size + x])] += 1 } }
      let area = lines.count * columns.count
      let most = Double(limit) * Double(area) / 256
      let excess = counts.reduce(0) { $0 + max(0, $1 - most) }
      var reached = 0.0
      return counts.map {
        reached += min($0, most) + excess / 256
        return min(255, reached * 255 / Double(area))
      }
    }
    let maps = (0..<tiles).map { row in (0..<tiles).map { map(row, $0) } }
    let result = apply(PictureEffects(claheLimit: limit), source, width: size)
    for index in stride(from: 0, to: source.count, by: 7) {
      func place(_ position: Int) -> (Int, Int, Double) {
        let place = (Double(position) + 0.5) * Double(tiles) / Double(size) - 0.5
        let first = Int(place.rounded(.down))
        return (max(0, first), min(tiles - 1, first + 1), place - Double(first))
      }
      let (above, below, fy) = place(index / size)
      let (left, right, fx) = place(index % size)
      let value = Int(source[index])
      let upper = maps[above][left][value] * (1 - fx) + maps[above][right][value] * fx
      let lower = maps[below][left][value] * (1 - fx) + maps[below][right][value] * fx
      #expect(abs(Double(result[index]) - (upper * (1 - fy) + lower * fy)) < 0.01)
    }
  }

  @Test(arguments: [16, 48, 61]) func everythingTogetherStaysBetweenBlackAndWhite(size: Int) {
    let source = picture(size)
    var random = RandomGenerator(seed: UInt64(size))
    var policy = AugmentationPolicy.level(3)!.strengthened
    policy.clahe = 1
    policy.blur = 1
    policy.noise = 1
    policy.jpeg = 1
    for _ in 0..<10 {
      let result = apply(PictureEffects.drawn(policy, &random), source, width: size)
      #expect(result.allSatisfy { 0...255 ~= $0 } && result != source)
    }
  }
}
