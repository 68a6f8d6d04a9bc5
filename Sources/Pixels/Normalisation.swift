/// How brightness is given to a network: `(v / 255 - mean) / standardDeviation` of the full-range value v.
public struct Normalisation: Equatable, Hashable, Sendable, Codable {
  /// 0 (black) to 1 (white).
  public var mean: Float
  /// Above 0, in the same unit.
  public var standardDeviation: Float

  public init(mean: Float, standardDeviation: Float) {
    self.mean = mean
    self.standardDeviation = standardDeviation
  }

  /// Leaves the full-range value 0 to 255 as it is.
  public static let none = Normalisation(mean: 0, standardDeviation: 1 / 255)
}

/// From averaged samples to results: `min(max(scale · v + offset, low), high)`.
struct SampleMap {
  let scale: Float
  let offset: Float
  let low: Float
  let high: Float

  /// Samples of the given range to full range, values beyond black and white limited to these, then normalised.
  init(range: LumaRange, normalisation: Normalisation) {
    let deviation = normalisation.standardDeviation
    precondition(deviation > 0, "a standard deviation of \(deviation)")
    let black: Float = range == .limited ? 16 : 0
    let span: Float = range == .limited ? 219 : 255
    scale = 1 / (span * deviation)
    offset = -(black / span + normalisation.mean) / deviation
    low = -normalisation.mean / deviation
    high = (1 - normalisation.mean) / deviation
  }
}
