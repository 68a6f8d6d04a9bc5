import Foundation
import TestSupport
import Testing

@testable import Training

struct SoftmaxCrossEntropyTests {
  /// Loss and gradient.
  private func evaluate(
    _ loss: SoftmaxCrossEntropy, logits: [Float], targets: [Float], classes: Int
  ) -> (loss: Double, gradient: [Float]) {
    var gradient = [Float](repeating: .nan, count: logits.count)
    let value = logits.withUnsafeBufferPointer { logits in
      targets.withUnsafeBufferPointer { targets in
        gradient.withUnsafeMutableBufferPointer { gradient in
          loss(logits: logits, targets: targets, dLogits: gradient, classes: classes)
        }
      }
    }
    return (value, gradient)
  }

  /// PyTorch divides by the sum of weights where labels are hard and weighted; ours divides by the batch.
  @Test(arguments: Fixture.all(in: "losses"))
  func agreesWithPyTorch(_ fixture: Fixture) throws {
    let logits = try #require(fixture.tensors["logits"])
    let classes = logits.shape[1]
    let weights = fixture.tensors["class_weights"]?.values
    var scale = 1.0
    var targets = fixture.tensors["targets"]?.values
    if targets == nil {
      let labels = try #require(fixture.tensors["classes"]).values.map { Int($0) }
      targets = labels.flatMap { label in (0..<classes).map { $0 == label ? 1 : 0 } }
      if let weights {
        scale = Double(labels.count) / labels.reduce(0) { $0 + Double(weights[$1]) }
      }
    }
    let loss = SoftmaxCrossEntropy(
      labelSmoothing: try #require(Float(fixture.metadata["label_smoothing"] ?? "")), classWeights: weights,
      logPrior: fixture.tensors["log_prior"]?.values)
    let result = evaluate(loss, logits: logits.values, targets: try #require(targets), classes: classes)
    let expected = try #require(fixture.tensors["loss"]).values[0]
    #expect(abs(Float(result.loss * scale) - expected) <= 1e-5 * max(1, abs(expected)))
    let gradient = try #require(fixture.tensors["logits_gradient"]).values
    #expect(relativeError(result.gradient.map { $0 * Float(scale) }, gradient) < 1e-5)
  }

  @Test func gradientAgreesWithFiniteDifferences() {
    var random = RandomGenerator(seed: 3)
    let classes = 5
    let loss = SoftmaxCrossEntropy(
      labelSmoothing: 0.1, classWeights: [0.5, 2, 1, 0.1, 3], logPrior: [-3, -1, -0.5, -2, -4])
    let logits = (0..<20).map { _ in random.uniform(-3, 3) }
    let targets = (0..<4).flatMap { _ -> [Float] in
      let row = (0..<classes).map { _ in random.uniform() }
      return row.map { $0 / row.reduce(0, +) }
    }
    let gradient = evaluate(loss, logits: logits, targets: targets, classes: classes).gradient
    for index in logits.indices {
      var up = logits
      var down = logits
      up[index] += 0.01
      down[index] -= 0.01
      let slope =
        (evaluate(loss, logits: up, targets: targets, classes: classes).loss
          - evaluate(loss, logits: down, targets: targets, classes: classes).loss) / Double(up[index] - down[index])
      #expect(abs(slope - Double(gradient[index])) < 1e-4)
    }
  }

  @Test func balancedSoftmaxIsIndifferentWhereLogitsRepeatTheImbalance() {
    // Equal logits: the plain loss would prefer neither class, the balanced one expects the frequent class.
    let prior: [Float] = [log(0.9), log(0.1)]
    let loss = SoftmaxCrossEntropy(logPrior: prior)
    let frequent = evaluate(loss, logits: [0, 0], targets: [1, 0], classes: 2)
    let rare = evaluate(loss, logits: [0, 0], targets: [0, 1], classes: 2)
    #expect(abs(frequent.loss + log(0.9)) < 1e-6 && abs(rare.loss + log(0.1)) < 1e-6)
    #expect(abs(rare.gradient[1] + 0.9) < 1e-6)
  }

  @Test func extremeLogitsStayFinite() {
    let result = evaluate(
      SoftmaxCrossEntropy(), logits: [1e30, -1e30, 0], targets: [0, 1, 0], classes: 3)
    #expect(result.loss.isFinite && result.gradient.allSatisfy(\.isFinite))
    #expect(result.gradient == [1, -1, 0])
  }
}
