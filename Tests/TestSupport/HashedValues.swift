public import Inference

/// Numbers that `scripts/make-backbone-fixtures` makes too, so that networks need not be stored: SplitMix64 of a seed that
/// is the FNV-1a hash of a name.
public enum HashedValues {
  /// From -1 to 1, the same f32 values on both sides.
  public static func uniform(_ name: String, count: Int) -> [Float] {
    let seed = seed(name)
    return [Float](unsafeUninitializedCapacity: count) { buffer, initialised in
      var state = seed
      for index in 0..<count {
        state &+= 0x9E37_79B9_7F4A_7C15
        buffer[index] = Float(mixed(state) >> 40) * 0x1p-23 - 1
      }
      initialised = count
    }
  }

  /// A parameter of a sensible size.
  public static func parameter(_ name: String, shape: [Int]) -> Tensor {
    var values = uniform(name, count: shape.reduce(1, *))
    let scale: Float
    let offset: Float
    if name.hasSuffix("running_var") {
      (scale, offset) = (0.5, 1)
    } else if shape.count > 1 {
      scale = Float((6 / Double(shape.dropFirst().reduce(1, *))).squareRoot())
      offset = 0
    } else {
      (scale, offset) = (0.25, name.hasSuffix("weight") ? 1 : 0)
    }
    values.withUnsafeMutableBufferPointer { buffer in
      for index in 0..<buffer.count { buffer[index] = buffer[index] * scale + offset }
    }
    return Tensor(shape: shape, values: values)
  }

  /// All parameters of a network.
  public static func parameters(of spec: ModelSpec) -> [String: Tensor] {
    var result: [String: Tensor] = [:]
    for item in spec.parameters { result[item.name] = parameter(item.name, shape: item.shape) }
    return result
  }

  /// Norm and eight projections onto fixed vectors of signs. The root of the mean squared difference of two tensors'
  /// projections estimates the norm of the tensors' difference.
  public static func summary(_ name: String, _ values: UnsafeBufferPointer<Float>) -> [Double] {
    var state = seed("projection/" + name)
    var squares = 0.0
    var sums = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    for index in 0..<values.count {
      state &+= 0x9E37_79B9_7F4A_7C15
      let bits = mixed(state) >> 56
      let value = Double(values[index])
      squares += value * value
      sums.0 += bits & 1 == 0 ? value : -value
      sums.1 += bits & 2 == 0 ? value : -value
      sums.2 += bits & 4 == 0 ? value : -value
      sums.3 += bits & 8 == 0 ? value : -value
      sums.4 += bits & 16 == 0 ? value : -value
      sums.5 += bits & 32 == 0 ? value : -value
      sums.6 += bits & 64 == 0 ? value : -value
      sums.7 += bits & 128 == 0 ? value : -value
    }
    return [squares.squareRoot(), sums.0, sums.1, sums.2, sums.3, sums.4, sums.5, sums.6, sums.7]
  }

  private static func seed(_ name: String) -> UInt64 {
    name.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
  }

  private static func mixed(_ state: UInt64) -> UInt64 {
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
