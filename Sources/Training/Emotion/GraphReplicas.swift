import Foundation
import Inference

/// Copies of a network that share each batch, one on each thread.
///
/// Every copy runs its part of the batch on one OpenMP thread (on several where there are too few pictures for so many
/// copies), and the threads meet once a step. Splitting each single operation instead would make them meet hundreds of
/// times a step, and on a machine that does other work as well, each meeting waits for whoever was interrupted. Batch norm
/// takes the statistics of each part, as is usual where copies train on several devices; the running ones are averaged.
final class GraphReplicas {
  let count: Int
  let imageSize: Int
  private let store: ParameterStore
  private let workers: [ReplicaWorker]
  private let first: Replica
  private let batchSize: Int

  /// - Parameters:
  ///   - threads: At most so many copies; see `count`.
  ///   - imageSize: Side of the square input in pixels.
  ///   - record: Says what each of the network's channels gets of a batch's planes.
  ///   - lessons: nil = the labels alone are learned.
  init(
    spec: ModelSpec, store: ParameterStore, batchSize: Int, imageSize: Int, precision: Precision, threads: Int,
    record: ModelRecord = ModelRecord(), lessons: Lessons? = nil
  ) throws {
    let count = Self.count(batchSize: batchSize, threads: threads)
    self.count = count
    self.imageSize = imageSize
    self.store = store
    self.batchSize = batchSize
    let part = batchSize / count
    let threads = max(1, threads / count)
    let channels = InputChannels(record, count: spec.inputChannels)
    first = try Replica(
      spec: spec, store: store, batchSize: part, imageSize: imageSize, precision: precision, threads: threads,
      channels: channels, lessons: lessons)
    workers = try (1..<count).map { _ in
      try ReplicaWorker(
        spec: spec, batchSize: part, imageSize: imageSize, precision: precision, threads: threads,
        channels: channels, lessons: lessons)
    }
  }

  deinit { for worker in workers { worker.stop() } }

  /// Pictures in the smallest part: the statistics of fewer would say too little.
  private static let smallestPart = 8

  /// The largest divisor of the batch size that is no more than `threads` and leaves enough pictures to each part.
  static func count(batchSize: Int, threads: Int) -> Int {
    (1...max(1, min(threads, batchSize / smallestPart))).last { batchSize % $0 == 0 } ?? 1
  }

  /// One pass forward and backward over a batch: adds the gradients of the mean loss to the store's, whose running
  /// statistics take in the batch.
  ///
  /// - Parameter share: Of this batch in the step: what its gradients are multiplied by.
  /// - Returns: The loss.
  func pass(
    _ batch: TrainingBatch, classes: Int, loss: SoftmaxCrossEntropy, share: Float = 1, dropoutSeed: UInt64
  ) throws -> Double {
    let rows = batchSize / count
    let pixels = batch.input.count / count
    func part(_ index: Int) -> Replica.Part {
      Replica.Part(
        input: UnsafeBufferPointer(rebasing: batch.input[index * pixels..<(index + 1) * pixels]),
        targets: UnsafeBufferPointer(
          rebasing: batch.targets[index * rows * classes..<(index + 1) * rows * classes]),
        classes: classes, loss: loss, share: share / Float(count), dropoutSeed: dropoutSeed ^ UInt64(index) << 56)
    }
    for (index, worker) in workers.enumerated() {
      worker.start(
        part(index + 1), values: UnsafeBufferPointer(store.values),
        statistics: UnsafeBufferPointer(store.statistics))
    }
    // The workers read the store's statistics before the first copy changes them.
    for worker in workers { worker.waitUntilLoaded() }
    var total = Result { try first.run(part(0)) }
    for worker in workers {
      let result = worker.wait()
      total = total.flatMap { sum in result.map { sum + $0 } }
    }
    let sum = try total.get()
    for worker in workers {
      let other = worker.store
      Self.add(other.gradients, to: store.gradients)
      Self.add(other.statistics, to: store.statistics)
    }
    if count > 1 {
      let share = 1 / Float(count)
      for index in store.statistics.indices { store.statistics[index] *= share }
    }
    return sum / Double(count)
  }

  private static func add(_ source: UnsafeMutableBufferPointer<Float>, to target: UnsafeMutableBufferPointer<Float>)
  {
    let from = source.baseAddress!
    let to = target.baseAddress!
    for index in 0..<target.count { to[index] += from[index] }
  }
}

/// One copy with its graph; made and run on one thread.
private final class Replica {
  struct Part: @unchecked Sendable {
    /// Valid until the step's end.
    let input: UnsafeBufferPointer<Float>
    let targets: UnsafeBufferPointer<Float>
    let classes: Int
    let loss: SoftmaxCrossEntropy
    /// Of the whole batch.
    let share: Float
    let dropoutSeed: UInt64
  }

  let store: ParameterStore
  private let graph: TrainableGraph
  private let imageSize: Int
  private let channels: InputChannels
  private let teacher: Teacher?

  init(
    spec: ModelSpec, store: ParameterStore, batchSize: Int, imageSize: Int, precision: Precision, threads: Int,
    channels: InputChannels, lessons: Lessons?
  ) throws {
    self.store = store
    self.imageSize = imageSize
    self.channels = channels
    teacher = try lessons.map { try Teacher($0) }
    graph = try TrainableGraph(
      spec: spec, parameters: store, batchSize: batchSize, inputHeight: imageSize, inputWidth: imageSize,
      precision: precision, threads: threads)
  }

  func run(_ part: Part) throws -> Double {
    guard let teacher else { return try run(part, targets: part.targets) }
    return try teacher.withTargets(part.input, imageSize: imageSize, targets: part.targets) {
      try run(part, targets: $0)
    }
  }

  private func run(_ part: Part, targets: UnsafeBufferPointer<Float>) throws -> Double {
    fill(graph.input, with: part.input)
    try graph.forward(.train, dropoutSeed: part.dropoutSeed)
    let gradient = graph.outputGradient(0)
    let value = part.loss(
      logits: graph.output(0), targets: targets, dLogits: gradient, classes: part.classes)
    for index in gradient.indices { gradient[index] *= part.share }
    try graph.backward()
    return value
  }

  /// - Parameters:
  ///   - input: `[rows, channels, imageSize, imageSize]`
  ///   - planes: `[rows, 1, imageSize, imageSize]`
  private func fill(_ input: UnsafeMutableBufferPointer<Float>, with planes: UnsafeBufferPointer<Float>) {
    let area = imageSize * imageSize
    let length = area * channels.count
    for row in 0..<planes.count / area {
      let target = input.baseAddress! + row * length
      target.update(from: planes.baseAddress! + row * area, count: area)
      channels.spread(UnsafeMutableBufferPointer(start: target, count: length))
    }
  }
}

/// A copy on a thread of its own. Between `start` and `wait` it belongs to that thread, otherwise to the caller's.
private final class ReplicaWorker: @unchecked Sendable {
  private struct Job {
    var part: Replica.Part
    var values: UnsafeBufferPointer<Float>
    var statistics: UnsafeBufferPointer<Float>
  }

  let store: ParameterStore
  private let begin = DispatchSemaphore(value: 0)
  private let loaded = DispatchSemaphore(value: 0)
  private let end = DispatchSemaphore(value: 0)
  /// nil ends the thread.
  private var job: Job?
  private var result: Result<Double, any Error> = .success(0)

  init(
    spec: ModelSpec, batchSize: Int, imageSize: Int, precision: Precision, threads: Int, channels: InputChannels,
    lessons: Lessons?
  ) throws {
    store = ParameterStore(spec: spec, seed: 0)
    let thread = Thread { [self] in
      let replica = Result {
        try Replica(
          spec: spec, store: store, batchSize: batchSize, imageSize: imageSize, precision: precision,
          threads: threads, channels: channels, lessons: lessons)
      }
      result = replica.map { _ in 0 }
      end.signal()
      guard case .success(let replica) = replica else { return }
      serve(replica)
    }
    thread.name = "replica"
    thread.start()
    _ = try wait().get()
  }

  private func serve(_ replica: Replica) {
    while true {
      begin.wait()
      guard let job else { return }
      _ = store.values.update(fromContentsOf: job.values)
      _ = store.statistics.update(fromContentsOf: job.statistics)
      store.zeroGradients()
      loaded.signal()
      result = Result { try replica.run(job.part) }
      end.signal()
    }
  }

  func start(_ part: Replica.Part, values: UnsafeBufferPointer<Float>, statistics: UnsafeBufferPointer<Float>) {
    job = Job(part: part, values: values, statistics: statistics)
    begin.signal()
  }

  func waitUntilLoaded() { loaded.wait() }

  func wait() -> Result<Double, any Error> {
    end.wait()
    return result
  }

  func stop() {
    job = nil
    begin.signal()
  }
}
