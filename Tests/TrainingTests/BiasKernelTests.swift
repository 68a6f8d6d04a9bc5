import Foundation
import Testing

@testable import Training

struct BiasKernelTests {
  /// Columns of probabilities, with equal ones and zeros among them.
  private func columns(_ pictures: Int, _ classes: Int, seed: UInt64) -> [Float] {
    var random = RandomGenerator(seed: seed)
    return (0..<pictures * classes).map { _ in
      // Few values, so that classes are often level.
      random.chance(0.3) ? Float(Int(random.uniform() * 4)) / 4 : random.uniform()
    }
  }

  @Test(arguments: [1, 2, 15, 16, 17, 255, 256, 257, 1000], [2, 3, 7, 8, 9])
  func countsEachPictureUnderTheFirstOfItsHighestClasses(pictures: Int, classes: Int) {
    let columns = columns(pictures, classes, seed: UInt64(pictures * 10 + classes))
    var random = RandomGenerator(seed: 7)
    let sets = 5
    let factors = (0..<sets * classes).map { $0 < classes ? Float(1) : random.uniform(0.25, 4) }
    // Groups of awkward sizes, an empty one among them; the last one may be of unknown truth.
    let groups = [0, pictures / 3, pictures / 3, pictures / 2, pictures]
    var confusion = [Int32](repeating: -1, count: sets * 4 * classes)
    BiasKernels.confusion(columns: columns, groups: groups, classes: classes, factors: factors, into: &confusion)

    var expected = [Int32](repeating: 0, count: sets * 4 * classes)
    for set in 0..<sets {
      for group in 0..<4 {
        for picture in groups[group]..<groups[group + 1] {
          var best = 0
          func score(_ c: Int) -> Float { columns[c * pictures + picture] * factors[set * classes + c] }
          for c in 1..<classes where score(c) > score(best) { best = c }
          expected[(set * 4 + group) * classes + best] += 1
        }
      }
    }
    #expect(confusion == expected)
  }

  @Test(arguments: [1, 2, 16, 255, 256, 257, 700], [2, 7, 9])
  func sumsTheLossOfTheCorrectedProbabilities(pictures: Int, classes: Int) {
    var random = RandomGenerator(seed: UInt64(pictures + classes))
    let logarithms = (0..<pictures * classes).map { _ in random.chance(0.1) ? logf(1e-12) : -8 * random.uniform() }
    let groups = (0...classes).map { pictures * $0 / classes }
    let sets = 4
    let logFactors = (0..<sets * classes).map { _ in random.uniform(-2, 2) }
    let powers: [Float] = [1, 0.2, 5, 0.7]
    let sums = BiasKernels.likelihood(
      logarithms: logarithms, groups: groups, classes: classes, logFactors: logFactors, powers: powers)
    for set in 0..<sets {
      var expected = 0.0
      for group in 0..<classes {
        for picture in groups[group]..<groups[group + 1] {
          let scores = (0..<classes).map { c in
            Double(logarithms[c * pictures + picture]) * Double(powers[set]) + Double(logFactors[set * classes + c])
          }
          let highest = scores.max()!
          let total = scores.reduce(0) { $0 + exp($1 - highest) }
          expected += min(-log(1e-12), log(total) + highest - scores[group])
        }
      }
      #expect(abs(sums[set] - expected) < 2e-6 * (expected + Double(pictures)))
    }
  }

  @Test(arguments: [1, 2, 15, 16, 17, 31, 100], [1, 6])
  func addsUpNormalDensities(count: Int, dimensions: Int) {
    var random = RandomGenerator(seed: UInt64(count * 7 + dimensions))
    let stride = count + 3
    let centres = (0..<dimensions * stride).map { _ in random.uniform(-2, 2) }
    let inverse = (0..<dimensions * stride).map { _ in random.uniform(0.2, 20) }
    let logWeights = (0..<count).map { $0 % 5 == 4 ? -Float.infinity : random.uniform(-9, 1) }
    let points = (0..<3 * dimensions).map { _ in random.uniform(-2, 2) }
    var scratch = [Float](repeating: 0, count: count)
    let densities = BiasKernels.mixture(
      centres: centres, inverseWidths: inverse, logWeights: logWeights, stride: stride, points: points,
      dimensions: dimensions, scratch: &scratch)
    for point in 0..<3 {
      let terms = (0..<count).map { k in
        (0..<dimensions).reduce(Double(logWeights[k])) { sum, d in
          let distance =
            (Double(points[point * dimensions + d]) - Double(centres[d * stride + k]))
            * Double(inverse[d * stride + k])
          return sum - distance * distance / 2
        }
      }
      let highest = terms.max()!
      let expected = highest + log(terms.reduce(0) { $0 + exp($1 - highest) })
      #expect(abs(Double(densities[point]) - expected) < 1e-5 * (1 + abs(expected)))
    }
  }

  @Test func drawsEveryPictureAboutAsOftenAsAnyOther() {
    let kinds = (0..<300).map { Int32($0 % 3 == 0 ? 0 : 1) }
    let values = kinds.map { Double($0) }
    let (counts, sums) = BiasKernels.bootstrap(kinds: kinds, values: values, kindCount: 2, resamples: 400, seed: 3)
    let first = (0..<400).map { Double(counts[2 * $0]) }
    for resample in 0..<400 {
      #expect(counts[2 * resample] + counts[2 * resample + 1] == 300)
      #expect(sums[resample] == Double(counts[2 * resample + 1]))
    }
    let mean = first.reduce(0, +) / 400
    let variance = first.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 399
    // Binomial: 300 draws of probability 1/3. Bounds are four standard errors of mean and variance.
    #expect(abs(mean - 100) < 4 * (66.7 / 400).squareRoot())
    #expect(abs(variance / 66.7 - 1) < 4 * (2.0 / 399).squareRoot())
  }
}
