import Foundation

/// Pictures and faces of one training step.
struct DetectorBatch: Sendable {
  let step: Int
  /// `[picture, row, column]`, full-range luma.
  var pixels: [UInt8]
  var faces: [[CanvasFace]]

  /// Composes the batch of a step: the same for the same recipe, whatever was composed before.
  init(step: Int, library: DetectorLibrary, recipe: DetectorRecipe) {
    self.step = step
    let shape = recipe.canvas(atStep: step)
    let composer = CanvasComposer(library: library, canvas: shape, recipe: recipe)
    let size = shape.width * shape.height
    var faces: [[CanvasFace]] = []
    pixels = [UInt8](unsafeUninitializedCapacity: shape.batchSize * size) { buffer, count in
      for index in 0..<shape.batchSize {
        var generator = RandomGenerator(seed: recipe.seed, stream: UInt64(step << 10 | index))
        let canvas = composer.compose(&generator)
        (buffer.baseAddress! + index * size).initialize(from: canvas.pixels, count: size)
        faces.append(canvas.faces)
      }
      count = shape.batchSize * size
    }
    self.faces = faces
  }
}

/// Composes batches ahead on a thread of its own.
final class DetectorLoader: @unchecked Sendable {
  private let condition = NSCondition()
  private var ready: [DetectorBatch] = []
  private var isStopped = false
  private static let depth = 4

  init(library: DetectorLibrary, recipe: DetectorRecipe, firstStep: Int) {
    let thread = Thread { [weak self] in
      for step in firstStep..<recipe.steps {
        let batch = DetectorBatch(step: step, library: library, recipe: recipe)
        guard let self, self.deliver(batch) else { return }
      }
    }
    thread.name = "ferd-canvases"
    thread.stackSize = 4 << 20
    thread.start()
  }

  /// Waits for room; false where nobody wants more.
  private func deliver(_ batch: DetectorBatch) -> Bool {
    condition.withLock {
      while ready.count >= Self.depth, !isStopped { condition.wait() }
      guard !isStopped else { return false }
      ready.append(batch)
      condition.signal()
      return true
    }
  }

  /// The batch of the next step, in order; waits for it.
  func next() -> DetectorBatch {
    condition.withLock {
      while ready.isEmpty { condition.wait() }
      let batch = ready.removeFirst()
      condition.signal()
      return batch
    }
  }

  /// Ends the thread after the batch it is at.
  func stop() {
    condition.withLock {
      isStopped = true
      condition.broadcast()
    }
  }
}
