/// The lower triangle L with L·Lᵀ = A of a symmetric positive definite matrix A.
struct CholeskyFactor {
  private let size: Int
  private var lower: [Double]

  /// - Parameter matrix: `[size, size]`; its lower triangle is read.
  init(_ matrix: [Double], size: Int) {
    self.size = size
    lower = matrix
    for i in 0..<size {
      for j in 0...i {
        var sum = lower[i * size + j]
        for k in 0..<j { sum -= lower[i * size + k] * lower[j * size + k] }
        lower[i * size + j] = i == j ? sum.squareRoot() : sum / lower[j * size + j]
      }
    }
  }

  /// - Returns: x with A·x = `right`.
  func solve(_ right: [Double]) -> [Double] {
    var x = right
    for i in 0..<size {
      for k in 0..<i { x[i] -= lower[i * size + k] * x[k] }
      x[i] /= lower[i * size + i]
    }
    for i in (0..<size).reversed() {
      for k in i + 1..<size { x[i] -= lower[k * size + i] * x[k] }
      x[i] /= lower[i * size + i]
    }
    return x
  }
}
