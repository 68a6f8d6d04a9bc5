import Foundation
import Synchronization
import Threads

/// Makes batches one ahead on a thread of its own, in the order in which training takes them.
///
/// Where the sampler follows validation, an epoch's first batch is made only once `beginEpoch` has told its weights.
final class BatchLoader: @unchecked Sendable {
  private let maker: BatchMaker
  private let epochs: Int
  /// Two batches: one is trained on while the other is made. Each is touched by one side at a time, which the
  /// semaphores see to.
  private let batches: [TrainingBatch]
  private let free = DispatchSemaphore(value: 0)
  private let ready = DispatchSemaphore(value: 0)
  private let begun = DispatchSemaphore(value: 0)
  private let weights = Guarded<[Double]?>(nil)
  private let isStopped = Atomic(false)
  private var taken = 0

  /// Starts at the given step of the given epoch, counted in batches; ends behind the last epoch.
  init(_ maker: BatchMaker, fromEpoch epoch: Int, step: Int, epochs: Int) {
    self.maker = maker
    self.epochs = epochs
    batches = (0..<2).map { _ in
      TrainingBatch(
        batchSize: maker.recipe.batchSize,
        imageSize: max(maker.recipe.imageSize, maker.recipe.earlyImageSize), classes: maker.pictures.labels.count)
    }
    // Not as the initial value: a semaphore must not end with less than it began with.
    free.signal()
    let thread = Thread { [self] in produce(fromEpoch: epoch, step: step) }
    thread.name = "batches"
    thread.start()
  }

  private func produce(fromEpoch firstEpoch: Int, step firstStep: Int) {
    var made = 0
    var step = firstStep
    for epoch in firstEpoch..<max(firstEpoch, epochs) {
      var weights: [Double]?
      if maker.recipe.dynamicSampling {
        begun.wait()
        if isStopped.load(ordering: .relaxed) { return }
        weights = self.weights.withLock { $0 }
      }
      let order = maker.sampler.order(epoch: epoch, weights: weights)
      while step < maker.batchesPerEpoch {
        free.wait()
        if isStopped.load(ordering: .relaxed) { return }
        maker.fill(batches[made % 2], epoch: epoch, step: step, order: order)
        made += 1
        ready.signal()
        step += 1
      }
      step = 0
    }
  }

  /// To be called before the first batch of every epoch is taken, including one that is resumed on its way.
  ///
  /// - Parameter weights: Of the classes in this epoch's sampling; nil = 1 for all.
  func beginEpoch(weights: [Double]?) {
    self.weights.withLock { $0 = weights }
    begun.signal()
  }

  /// The next batch, valid until the next call.
  func next() -> TrainingBatch {
    ready.wait()
    defer { taken += 1 }
    // The one given out before is now free to be filled again.
    free.signal()
    return batches[taken % 2]
  }

  /// Ends the thread; no batch may be taken afterwards.
  func stop() {
    isStopped.store(true, ordering: .relaxed)
    free.signal()
    begun.signal()
  }
}
