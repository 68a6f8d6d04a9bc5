import Foundation

/// One network of an ensemble with its inputs.
public final class EnsembleMember {
  /// Name of its file.
  public let file: String
  /// Its part in the average; those of all members sum to 1.
  public let share: Float
  public let spec: ModelSpec
  /// Normalisation, crop geometry and the rest.
  public let record: ModelRecord
  public let precision: Precision
  /// Rows of one face's input.
  public let inputHeight: Int
  public let inputWidth: Int

  private let weights: [String: Tensor]
  private let prepared: PreparedWeights
  private let threads: Int
  /// Where each of the network's classes stands among the ensemble's labels.
  private let places: [Int]
  private let givesLogits: Bool
  private let channels: InputChannels
  /// `[maximumCount, inputHeight, inputWidth]`
  private var inputs: [Float]
  /// Plans for 1, 2, 4 and 8 faces at once, made when they are first needed.
  private var plans: [InferencePlan?]
  private var exponentials: [Float]

  convenience init(
    _ model: ModelFile, file: String, share: Float, labels: [String], precision: Precision?, threads: Int,
    maximumCount: Int
  ) throws(InferenceError) {
    // All channels get the same plane: one with the sum of the weights gives the same for less.
    let folded = model.record.channelMeans == nil ? model.spec.foldedToOneChannel(model.tensors) : nil
    try self.init(
      file: file, share: share, spec: folded?.spec ?? model.spec, record: model.record,
      weights: folded?.weights ?? model.tensors, prepared: PreparedWeights(),
      places: model.record.labels.map { labels.firstIndex(of: $0)! },
      precision: precision ?? model.record.preferredPrecision, threads: threads, maximumCount: maximumCount)
  }

  /// The same network with inputs and plans of its own, for another thread.
  convenience init(replicating other: EnsembleMember, maximumCount: Int) throws(InferenceError) {
    try self.init(
      file: other.file, share: other.share, spec: other.spec, record: other.record, weights: other.weights,
      prepared: other.prepared, places: other.places, precision: other.precision, threads: other.threads,
      maximumCount: maximumCount)
  }

  private init(
    file: String, share: Float, spec: ModelSpec, record: ModelRecord, weights: [String: Tensor],
    prepared: PreparedWeights, places: [Int], precision: Precision, threads: Int, maximumCount: Int
  ) throws(InferenceError) {
    self.file = file
    self.share = share
    self.spec = spec
    self.record = record
    self.weights = weights
    self.prepared = prepared
    self.places = places
    self.precision = precision
    self.threads = threads
    inputHeight = spec.inputHeight
    inputWidth = spec.inputWidth
    channels = InputChannels(record, count: spec.inputChannels)
    let output = spec.outputs[0]
    givesLogits =
      if case .softmax = spec.nodes.first(where: { $0.name == output })?.layer { false } else { true }
    guard inputHeight * inputWidth <= (1 << 28) / maximumCount else {
      throw .invalidModel(node: ModelSpec.inputName, "an input of \(inputHeight) by \(inputWidth) is too large")
    }
    inputs = [Float](repeating: 0, count: maximumCount * inputHeight * inputWidth)
    exponentials = [Float](repeating: 0, count: places.count)
    // At most 8: larger batches gain nothing.
    plans = [nil]
    while plans.count < 4, 1 << plans.count <= maximumCount { plans.append(nil) }
    // So that a network that does not run here is found out now.
    _ = try plan(0)
  }

  /// Lends the input of one face to be filled: `[inputHeight, inputWidth]`, brightness normalised as the record says.
  public func withInput<Result>(
    _ index: Int, _ body: (UnsafeMutableBufferPointer<Float>) throws -> Result
  ) rethrows -> Result {
    let size = inputHeight * inputWidth
    return try inputs.withUnsafeMutableBufferPointer { buffer in
      try body(UnsafeMutableBufferPointer(rebasing: buffer[index * size..<(index + 1) * size]))
    }
  }

  /// The operations of one face's plan, for measurements.
  public var operations: [(name: String, implementation: String)] { plans[0]!.operations }

  func prepare() throws(InferenceError) {
    for exponent in plans.indices { _ = try plan(exponent) }
  }

  private func plan(_ exponent: Int) throws(InferenceError) -> InferencePlan {
    if let plan = plans[exponent] { return plan }
    let plan = try InferencePlan(
      spec: spec, weights: weights, batchSize: 1 << exponent, precision: precision, threads: threads,
      sharing: prepared)
    plans[exponent] = plan
    return plan
  }

  /// Adds `share` of this member's part of the average to `results`, `[count, labels]`.
  func add(count: Int, flipped: Bool, share: Float, to results: inout [Float]) throws(InferenceError) {
    var start = 0
    while start < count {
      // The largest plan that is filled: padding a larger one costs as much as the faces it lacks.
      var exponent = plans.count - 1
      while 1 << exponent > count - start { exponent -= 1 }
      let plan = try plan(exponent)
      fill(plan, from: start, flipped: flipped)
      try plan.run()
      plan.withOutput(0) { output in
        for face in 0..<plan.batchSize {
          let row = UnsafeBufferPointer(rebasing: output[face * places.count..<(face + 1) * places.count])
          accumulate(row, share: share * self.share, to: &results, at: (start + face) * places.count)
        }
      }
      start += plan.batchSize
    }
  }

  private func fill(_ plan: InferencePlan, from start: Int, flipped: Bool) {
    let size = inputHeight * inputWidth
    let length = size * channels.count
    plan.withInput { target in
      inputs.withUnsafeBufferPointer { source in
        for face in 0..<plan.batchSize {
          let plane = source.baseAddress! + (start + face) * size
          let place = target.baseAddress! + face * length
          if flipped {
            for row in 0..<inputHeight {
              let from = plane + row * inputWidth
              let to = place + row * inputWidth
              for column in 0..<inputWidth { to[column] = from[inputWidth - 1 - column] }
            }
          } else {
            place.update(from: plane, count: size)
          }
          channels.spread(UnsafeMutableBufferPointer(start: place, count: length))
        }
      }
    }
  }

  private func accumulate(
    _ row: UnsafeBufferPointer<Float>, share: Float, to results: inout [Float], at start: Int
  ) {
    guard givesLogits else {
      for index in row.indices { results[start + places[index]] += share * row[index] }
      return
    }
    let largest = row.max()!
    var sum: Float = 0
    for index in row.indices {
      exponentials[index] = exp(row[index] - largest)
      sum += exponentials[index]
    }
    for index in row.indices { results[start + places[index]] += share * exponentials[index] / sum }
  }
}
