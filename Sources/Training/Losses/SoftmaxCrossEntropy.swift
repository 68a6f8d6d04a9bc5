import Foundation

/// Cross-entropy between the softmax of logits and target distributions, as `torch.nn.CrossEntropyLoss` with
/// probabilities as targets defines it: the mean over the batch, whatever the class weights.
///
/// With `logPrior` it is balanced softmax (Ren et al., arXiv 2007.10740): the logarithm of each class's share of the
/// training data is added to its logit, so that the network need not learn the imbalance.
struct SoftmaxCrossEntropy: Sendable {
  /// Part of each target that is spread evenly over all classes (Szegedy et al., arXiv 1512.00567), 0 to 1.
  var labelSmoothing: Float = 0
  /// Weight of each class, or nil for 1.
  var classWeights: [Float]?
  /// Added to the logits, or nil for 0.
  var logPrior: [Float]?

  init(labelSmoothing: Float = 0, classWeights: [Float]? = nil, logPrior: [Float]? = nil) {
    self.labelSmoothing = labelSmoothing
    self.classWeights = classWeights
    self.logPrior = logPrior
  }

  /// - Parameters:
  ///   - logits: `[batch, classes]`.
  ///   - targets: `[batch, classes]`, each row a distribution.
  ///   - dLogits: `[batch, classes]`: receives the gradient of the loss with respect to the logits.
  /// - Returns: The loss.
  func callAsFunction(
    logits: UnsafeBufferPointer<Float>, targets: UnsafeBufferPointer<Float>,
    dLogits: UnsafeMutableBufferPointer<Float>, classes: Int
  ) -> Double {
    precondition(logits.count == targets.count && logits.count == dLogits.count && logits.count % classes == 0)
    let batch = logits.count / classes
    var total = 0.0
    var shifted = [Double](repeating: 0, count: classes)
    for row in 0..<batch {
      let start = row * classes
      var largest = -Double.infinity
      for c in 0..<classes {
        shifted[c] = Double(logits[start + c]) + Double(logPrior?[c] ?? 0)
        largest = max(largest, shifted[c])
      }
      var sum = 0.0
      for c in 0..<classes { sum += exp(shifted[c] - largest) }
      let logSum = largest + log(sum)
      // Weighted targets need not sum to 1; their sum is what the softmax is scaled by in the gradient.
      var mass = 0.0
      for c in 0..<classes {
        let target = weightedTarget(targets[start + c], c, classes)
        total += target * (logSum - shifted[c])
        mass += target
      }
      for c in 0..<classes {
        let target = weightedTarget(targets[start + c], c, classes)
        dLogits[start + c] = Float((mass * exp(shifted[c] - logSum) - target) / Double(batch))
      }
    }
    return total / Double(batch)
  }

  @inline(__always)
  private func weightedTarget(_ target: Float, _ label: Int, _ classes: Int) -> Double {
    let smooth = Double(target) * (1 - Double(labelSmoothing)) + Double(labelSmoothing) / Double(classes)
    return smooth * Double(classWeights?[label] ?? 1)
  }
}
