internal import CKernels

/// Kernels that judge many sets of bias factors at once; see `bias_kernels.h`.
enum BiasKernels {
  /// - Parameters:
  ///   - columns: `[classes, pictures]`, the pictures sorted by group.
  ///   - groups: Where each group begins, and at the end the number of pictures.
  ///   - factors: `[sets, classes]`
  ///   - confusion: `[sets, groups, classes]`, overwritten.
  static func confusion(
    columns: [Float], groups: [Int], classes: Int, factors: [Float], into confusion: inout [Int32]
  ) {
    let sets = factors.count / classes
    precondition(columns.count == groups.last! * classes && factors.count == sets * classes)
    precondition(confusion.count == sets * (groups.count - 1) * classes)
    groups.withUnsafeBufferPointer { groups in
      groups.withMemoryRebound(to: UInt.self) {
        ferd_bias_confusion(
          columns, Int(bitPattern: $0[$0.count - 1]), $0.baseAddress, Int32($0.count - 1), Int32(classes), factors,
          sets, &confusion)
      }
    }
  }

  /// - Parameters:
  ///   - logarithms: `[classes, pictures]`, the pictures sorted by group; group = true class.
  ///   - logFactors: `[sets, classes]`
  ///   - powers: `[sets]`, 1 / temperature.
  /// - Returns: `[sets]`, the sums of -ln q.
  static func likelihood(
    logarithms: [Float], groups: [Int], classes: Int, logFactors: [Float], powers: [Float]
  ) -> [Double] {
    precondition(logarithms.count == groups.last! * classes && groups.count <= classes + 1)
    precondition(logFactors.count == powers.count * classes)
    var sums = [Double](repeating: 0, count: powers.count)
    groups.withUnsafeBufferPointer { groups in
      groups.withMemoryRebound(to: UInt.self) {
        ferd_bias_likelihood(
          logarithms, Int(bitPattern: $0[$0.count - 1]), $0.baseAddress, Int32($0.count - 1), Int32(classes),
          logFactors, powers, powers.count, &sums)
      }
    }
    return sums
  }
}

extension BiasKernels {
  /// ln of mixtures of normal densities, without their constant.
  ///
  /// - Parameters:
  ///   - centres: `[dimensions, stride]`, as are `inverseWidths`; the first `logWeights.count` of each row count.
  ///   - points: `[points, dimensions]`
  ///   - scratch: As long as `logWeights`.
  static func mixture(
    centres: [Float], inverseWidths: [Float], logWeights: [Float], stride: Int, points: [Float], dimensions: Int,
    scratch: inout [Float]
  ) -> [Float] {
    precondition(centres.count == dimensions * stride && inverseWidths.count == centres.count)
    precondition(logWeights.count <= stride && scratch.count == logWeights.count)
    let count = points.count / dimensions
    var densities = [Float](repeating: 0, count: count)
    ferd_bias_mixture(
      centres, inverseWidths, logWeights, stride, logWeights.count, Int32(dimensions), points, count, &scratch,
      &densities)
    return densities
  }
}

extension BiasKernels {
  /// Pictures drawn with replacement, as many as there are, many times.
  ///
  /// - Parameters:
  ///   - kinds: Of each picture, 0 to `kindCount` - 1.
  ///   - values: Of each picture, summed over those drawn; or none.
  /// - Returns: How many of each kind were drawn, `[resamples, kindCount]`, and the sums, `[resamples]`.
  static func bootstrap(
    kinds: [Int32], values: [Double], kindCount: Int, resamples: Int, seed: UInt64
  ) -> (counts: [Int32], sums: [Double]) {
    precondition(kinds.allSatisfy { $0 >= 0 && $0 < kindCount } && (values.isEmpty || values.count == kinds.count))
    var counts = [Int32](repeating: 0, count: resamples * kindCount)
    var sums = [Double](repeating: 0, count: resamples)
    values.withUnsafeBufferPointer {
      ferd_bias_bootstrap(
        kinds, $0.isEmpty ? nil : $0.baseAddress, kinds.count, kindCount, resamples, seed, &counts, &sums)
    }
    return (counts, sums)
  }
}
