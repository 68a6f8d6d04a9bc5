import Foundation
import Testing

@testable import Training

struct ClassSamplerTests {
  private let indices = [Array(0..<100), Array(100..<110), Array(110..<140)]

  private func sampler(_ power: Float, importance: [Double]? = nil) -> ClassSampler {
    ClassSampler(indicesByClass: indices, power: power, importance: importance, seed: 5)
  }

  @Test func naturallyEveryPictureComesOnce() {
    let order = sampler(0).order(epoch: 2)
    #expect(order.sorted() == Array(0..<140) && order != Array(0..<140))
    #expect(order == sampler(0).order(epoch: 2) && order != sampler(0).order(epoch: 3))
  }

  @Test(arguments: [0.5, 1] as [Float]) func sharesFollowThePower(power: Float) {
    let order = sampler(power).order(epoch: 0)
    #expect(order.count == 140)
    let counts = indices.map { members in order.count { members.contains($0) } }
    #expect(counts == sampler(power).quotas())
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

  @Test func importanceAndWeightsAreFactorsOfTheShares() {
    // 140 pictures of three equal classes, the second one thrice as important: 28, 84, 28.
    #expect(sampler(1, importance: [1, 3, 1]).quotas() == [28, 84, 28])
    #expect(sampler(1).quotas(weights: [1, 3, 1]) == [28, 84, 28])
    #expect(sampler(1, importance: [1, 2, 1]).quotas(weights: [1, 1.5, 1]) == [28, 84, 28])
    // Equal factors are none, whatever they are.
    #expect(sampler(0).quotas(weights: [2, 2, 2]) == [100, 10, 30])
    #expect(sampler(0, importance: [1, 2, 1]).quotas() == [93, 19, 28])
    let order = sampler(1).order(epoch: 4, weights: [1, 3, 1])
    #expect(indices.map { members in order.count { members.contains($0) } } == [28, 84, 28])
    #expect(order == sampler(1).order(epoch: 4, weights: [1, 3, 1]) && order != sampler(1).order(epoch: 4))
  }
}

struct DynamicSamplingTests {
  @Test func neglectedClassesGainAndOthersLose() {
    // Errors 1.05, 0.15 and 0.15 have the mean 0.45.
    let first = DynamicSampling.next(nil, recall: [0, 0.9, 0.9])
    #expect(zip(first, [1 + 2.0 / 3, 2.0 / 3, 2.0 / 3]).allSatisfy { abs($0 - $1) < 1e-12 })
    let second = DynamicSampling.next(first, recall: [0, 0.9, 0.9])
    #expect(second[0] > first[0] && second[1] < first[1])
    // A class that has caught up comes back.
    let third = DynamicSampling.next(second, recall: [0.9, 0.9, 0.9])
    #expect(abs(third[0] - (second[0] + 1) / 2) < 1e-12)
  }

  @Test func weightsNeverLeaveTheirBounds() {
    var weights: [Double]?
    for _ in 0..<50 { weights = DynamicSampling.next(weights, recall: [0, 1, 1, 1, 1, 1, 1, nil]) }
    let reached = weights ?? []
    #expect(reached.allSatisfy { DynamicSampling.bounds.contains($0) })
    #expect(abs(reached[0] - 3) < 1e-9 && abs(reached[1] - 1.0 / 3) < 1e-9)
    #expect(reached[7] == 1, "nothing is known of it")
  }

  @Test func equalRecallAsksForNothing() {
    #expect(DynamicSampling.next(nil, recall: [0.4, 0.4, 0.4]) == [1, 1, 1])
    #expect(DynamicSampling.next([2, 1], recall: [nil, nil]) == [2, 1])
  }

  @Test func theLoaderWaitsForTheWeightsOfEachEpoch() throws {
    var recipe = TrainingRecipe()
    recipe.imageSize = 16
    recipe.batchSize = 4
    recipe.samplerPower = 1
    recipe.dynamicSampling = true
    let labels = ClassLabels(["one", "two"])
    let files = (0..<16).map { PictureFile(path: "\($0)", label: $0 % 4 == 0 ? 1 : 0) }
    let pictures = PictureSet(
      imageSize: 16, labels: labels, files: files, pixels: [UInt8](repeating: 99, count: 16 * 256))
    let maker = try BatchMaker(pictures: pictures, recipe: recipe)
    let loader = BatchLoader(maker, fromEpoch: 0, step: 1, epochs: 3)
    let expected = TrainingBatch(batchSize: 4, imageSize: 48, classes: 2)
    var weights: [Double]?
    for epoch in 0..<2 {
      loader.beginEpoch(weights: weights)
      for step in (epoch == 0 ? 1 : 0)..<4 {
        maker.fill(
          expected, epoch: epoch, step: step, order: maker.sampler.order(epoch: epoch, weights: weights))
        let batch = loader.next()
        #expect(Array(batch.input) == Array(expected.input))
        #expect(Array(batch.targets[..<8]) == Array(expected.targets[..<8]))
      }
      // Known only after the epoch; a batch made ahead with the old ones would be another.
      weights = [0.5, 2.5]
    }
    loader.stop()
  }
}

struct ClassRecipeTests {
  private let labels = ClassLabels(["angry", "happy", "sad"])

  private func pictures(_ counts: [Int]) -> PictureSet {
    let files = counts.enumerated().flatMap { label, count in
      (0..<count).map { PictureFile(path: "\(label)/\($0)", label: label) }
    }
    return PictureSet(
      imageSize: 1, labels: labels, files: files, pixels: [UInt8](repeating: 0, count: files.count))
  }

  @Test func rareAndFocusedClassesAreVariedMore() throws {
    var recipe = TrainingRecipe()
    recipe.augmentation = try #require(AugmentationPolicy.level(2))
    // The mean is 20: 9 is less than half of it, 10 is not.
    #expect(try recipe.augmentation(for: pictures([41, 10, 9])).strengthened == [])
    recipe.targetedAugmentation = true
    let targeted = try recipe.augmentation(for: pictures([41, 10, 9]))
    #expect(targeted.strengthened == [2])
    #expect(targeted.policies == [recipe.augmentation, recipe.augmentation, recipe.augmentation.strengthened])
    recipe.focus = ["happiness"]
    #expect(try recipe.augmentation(for: pictures([41, 10, 9])).strengthened == [1, 2])
    recipe.augmentation = .off
    let off = try recipe.augmentation(for: pictures([41, 10, 9])).policies
    #expect(off.allSatisfy { $0.flip == 0 && $0.rotation == 0 && $0.jpeg == 0 && $0.erasing == 0 && $0.noise == 0 })
  }

  @Test func focusCountsInSamplingAndScore() throws {
    var recipe = TrainingRecipe()
    recipe.samplerPower = 1
    recipe.accuracyWeight = 0
    recipe.focus = ["Anger"]
    recipe.focusFactor = 2
    #expect(try recipe.shownCounts(of: pictures([8, 4, 8])) == [10, 5, 5])
    let metrics = ClassificationMetrics(
      probabilities: [1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1], truth: [0, 0, 1, 2], classes: 3)
    // Recalls 0.5, 1 and 1.
    #expect(abs(try recipe.score(metrics, labels: labels) - 0.75) < 1e-12)
    recipe.focus = []
    #expect(try recipe.score(metrics, labels: labels) == metrics.macroRecall)
  }

  @Test(
    arguments: [
      (["joyful"], "\"joyful\" is no class; the classes are angry, happy, sad"), (["angry", "anger"], "twice"),
    ])
  func focusMustNameClasses(focus: [String], message: String) {
    var recipe = TrainingRecipe()
    recipe.focus = focus
    do throws(TrainingError) {
      _ = try recipe.focusPositions(in: labels)
      Issue.record("was accepted")
    } catch {
      #expect("\(error)".contains(message), "\(error)")
    }
  }

  @Test func lossesEvenOutWhatTheSamplerHasLeft() throws {
    var recipe = TrainingRecipe()
    recipe.loss = .classWeighted
    #expect(recipe.makeLoss(classCounts: [30, 10, 20]).classWeights == [Float(2) / 3, 2, 1])
    recipe.samplerPower = 1
    #expect(recipe.makeLoss(classCounts: [30, 10, 20]).classWeights == [1, 1, 1])
    recipe.loss = .balancedSoftmax
    let prior = try #require(recipe.makeLoss(classCounts: [30, 10, 20]).logPrior)
    #expect(prior.allSatisfy { abs($0 - log(Float(1) / 3)) < 1e-6 })
    recipe.samplerPower = 0
    let natural = try #require(recipe.makeLoss(classCounts: [30, 10, 20]).logPrior)
    #expect(zip(natural, [0.5, 1.0 / 6, 1.0 / 3]).allSatisfy { abs(Double($0) - log($1)) < 1e-6 })
  }
}
