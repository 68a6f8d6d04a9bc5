import CDNNL
import Inference
import TestSupport
import Testing

/// Plans that are made at the same time on several threads.
struct ConcurrentPlansTests {
  /// Without a say in who makes kernels when, about one kernel of 750 belongs to the wrong data type.
  @Test func plansOfBothPrecisionsMadeAtTheSameTimeAreWhatTheyAreAlone() async throws {
    var network = NetworkBuilder()
    network.convolution("stem", from: 1, to: 16, kernelSize: 3, stride: 2)
    network.add("silu", .activation(.silu))
    // Not in blocks of 16, so that the stem gets the kernel in question.
    network.convolution("narrow", from: 16, to: 8, kernelSize: 1)
    network.convolution("last", from: 8, to: 8, kernelSize: 1)
    let spec = network.model("three convolutions", inputChannels: 1, inputHeight: 33, inputWidth: 33)
    let weights = spec.randomWeights()
    let input = HashedValues.uniform("input", count: 33 * 33)
    @Sendable func result(_ precision: Precision) throws -> [Float] {
      let plan = try InferencePlan(spec: spec, weights: weights, batchSize: 1, precision: precision, threads: 1)
      return try results(of: plan, for: input)[0]
    }
    // Else only the first kernel of each kind would be made.
    let capacity = Self.cacheCapacity
    Self.setCacheCapacity(0)
    defer { Self.setCacheCapacity(capacity) }
    let precisions = Precision.testable
    let alone = try precisions.map(result)
    try await withThrowingTaskGroup(of: Int.self) { group in
      for lane in 0..<4 {
        group.addTask {
          try (0..<200).count { round in
            let choice = (lane + round) % precisions.count
            return try result(precisions[choice]) != alone[choice]
          }
        }
      }
      var wrong = 0
      for try await count in group { wrong += count }
      #expect(wrong == 0)
    }
  }

  private static var cacheCapacity: Int32 {
    var capacity: Int32 = 0
    _ = dnnl_get_primitive_cache_capacity(&capacity)
    return capacity
  }

  private static func setCacheCapacity(_ capacity: Int32) { _ = dnnl_set_primitive_cache_capacity(capacity) }
}
