extension ParameterStore {
  /// Scales all gradients down together where their Euclidean norm exceeds `maximumNorm`.
  ///
  /// - Returns: The norm before; not finite where a gradient is not.
  @discardableResult
  public func clipGradients(maximumNorm: Float) -> Float {
    let norm = Float(TensorKernels.squareSum(gradients).squareRoot())
    if norm.isFinite && norm > maximumNorm { TensorKernels.scale(gradients, by: maximumNorm / norm) }
    return norm
  }
}
