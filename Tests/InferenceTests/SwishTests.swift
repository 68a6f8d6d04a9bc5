import CDNNL
import Foundation
import Testing

@testable import Inference

/// The swish's kernels against the function in double precision.
struct SwishTests {
  /// Lengths around those of vectors, cache lines and the threads' shares.
  static let counts = [1, 15, 16, 31, 32, 33, 63, 64, 65, 127, 129, 1000, 4096 + 7]

  @Test(arguments: counts, [1, 2, 3])
  func agreesWithTheFunction(count: Int, threads: Int) throws {
    DNNL.setThreadCount(threads)
    let source = try Memory(MemoryDescriptor(dense: [count]))
    let target = try Memory(MemoryDescriptor(dense: [count]))
    for i in 0..<count { source.floats[i] = Self.sample(i) }
    Swish.apply(to: source, into: target)
    for i in 0..<count {
      let x = Double(source.floats[i])
      let expected = Self.swish(x)
      #expect(abs(Double(target.floats[i]) - expected) <= (1e-6 + 1e-7 * abs(x)) * abs(expected), "of \(x)")
    }
    let result = Array(target.floats)
    Swish.apply(to: source, into: source)
    #expect(Array(source.floats) == result, "in place")
  }

  @Test(arguments: counts, [1, 2, 3])
  func gradientAgreesWithTheFunctions(count: Int, threads: Int) throws {
    DNNL.setThreadCount(threads)
    let source = try Memory(MemoryDescriptor(dense: [count]))
    let gradient = try Memory(MemoryDescriptor(dense: [count]))
    let result = try Memory(MemoryDescriptor(dense: [count]))
    for i in 0..<count {
      source.floats[i] = Self.sample(i)
      gradient.floats[i] = Self.sample(i + 17)
    }
    Swish.applyGradient(source: source, dResult: gradient, into: result)
    for i in 0..<count {
      let factor = Double(gradient.floats[i])
      let expected = factor * Self.slope(Double(source.floats[i]))
      #expect(abs(Double(result.floats[i]) - expected) <= 1e-6 * abs(factor), "at \(source.floats[i])")
    }
  }

  @Test(.enabled(if: Precision.fastest == .bf16), arguments: counts, [1, 2, 3])
  func agreeInBF16(count: Int, threads: Int) throws {
    DNNL.setThreadCount(threads)
    let layout = MemoryDescriptor(dense: [count], dnnl_bf16)
    let source = try Memory(layout)
    let gradient = try Memory(layout)
    let target = try Memory(layout)
    let result = try Memory(layout)
    for i in 0..<count {
      Self.set(Self.sample(i), in: source, at: i)
      Self.set(Self.sample(i + 17), in: gradient, at: i)
    }
    Swish.apply(to: source, into: target)
    Swish.applyGradient(source: source, dResult: gradient, into: result)
    for i in 0..<count {
      let x = Self.value(in: source, at: i)
      let expected = Self.swish(x)
      #expect(abs(Self.value(in: target, at: i) - expected) <= (0x1p-8 + 1e-4) * abs(expected), "of \(x)")
      let factor = Self.value(in: gradient, at: i)
      let slope = Self.slope(x)
      let bound = abs(factor) * (1e-3 + 0x1p-8 * abs(slope))
      #expect(abs(Self.value(in: result, at: i) - factor * slope) <= bound, "at \(x)")
    }
  }

  /// What is broken stays recognisably broken, and neither end overflows.
  @Test func endsOfTheRange() throws {
    let values: [Float] = [0, -0.0, .nan, .infinity, 3e38, -3e38, 0x1p-130, -0x1p-130, 127, -127]
    let memory = try Memory(MemoryDescriptor(dense: [values.count]))
    _ = memory.floats.update(from: values)
    Swish.apply(to: memory, into: memory)
    let results = Array(memory.floats)
    #expect(results[0] == 0 && results[1] == 0)
    #expect(results[2].isNaN)
    #expect(results[3] == .infinity)
    #expect(results[4] == 3e38)
    #expect(results[5].isFinite && results[5] < 0 && results[5] > -4)
    #expect(abs(results[6]) <= 1e-35 && abs(results[7]) <= 1e-35)
    #expect(results[8] == 127)
    #expect(abs(results[9]) <= 1e-35)
  }

  /// Dense around zero, now and then far away from it, never where f32 ends.
  private static func sample(_ i: Int) -> Float {
    let near = Float((i * 7919) % 2003) / 100 - 10
    return i % 11 == 5 ? near * 8 : near
  }

  private static func swish(_ x: Double) -> Double { x / (1 + exp(-x)) }

  private static func slope(_ x: Double) -> Double {
    let sigmoid = 1 / (1 + exp(-x))
    return sigmoid * (1 + x * (1 - sigmoid))
  }

  private static func set(_ value: Float, in memory: Memory, at index: Int) {
    memory.pointer.storeBytes(of: UInt16(value.bitPattern >> 16), toByteOffset: index * 2, as: UInt16.self)
  }

  private static func value(in memory: Memory, at index: Int) -> Double {
    let bits = memory.pointer.load(fromByteOffset: index * 2, as: UInt16.self)
    return Double(Float(bitPattern: UInt32(bits) << 16))
  }
}
