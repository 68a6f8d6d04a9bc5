import Inference

/// A generator whose numbers are the same on every run (SplitMix64, Steele et al. 2014).
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func values(_ count: Int, in range: ClosedRange<Float> = -1...1) -> [Float] {
    (0..<count).map { _ in Float.random(in: range, using: &self) }
  }
}

extension ModelSpec {
  /// Weights that keep activations at a sensible size, with running statistics away from 0 and 1.
  func randomWeights(seed: UInt64 = 1) -> [String: Tensor] {
    var generator = SeededGenerator(seed: seed)
    var result: [String: Tensor] = [:]
    for parameter in parameters {
      let range: ClosedRange<Float> =
        if parameter.name.hasSuffix("running_var") {
          0.5...1.5
        } else if parameter.shape.count > 1 {
          {
            let bound = (3 / Float(parameter.shape.dropFirst().reduce(1, *))).squareRoot()
            return -bound...bound
          }()
        } else if parameter.name.hasSuffix("weight") {
          0.7...1.3
        } else {
          -0.3...0.3
        }
      result[parameter.name] = Tensor(
        shape: parameter.shape, values: generator.values(parameter.elementCount, in: range))
    }
    return result
  }
}

/// All outputs of a plan for one input.
func results(
  of plan: InferencePlan, for input: [Float], outputs: Int = 1
) throws -> [[Float]] {
  plan.withInput { _ = $0.update(fromContentsOf: input) }
  try plan.run()
  return (0..<outputs).map { plan.withOutput($0) { Array($0) } }
}

/// What a plan's results may differ from exact ones.
extension Precision {
  var tolerance: Float { self == .f32 ? 1e-4 : 2e-2 }
}
