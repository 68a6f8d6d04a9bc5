import Glibc
import Threads

/// Writes lines to a file descriptor, such as standard output, each with one `write(2)`, on a thread of its own.
public final class DescriptorReceiver: LineReceiver, @unchecked Sendable {
  /// What happens when the reader does not keep up and the queue is full.
  public enum SlowReaderPolicy: Sendable {
    /// The stream waits: for files, which lose nothing.
    case wait
    /// The oldest lines go and a gap says so: for cameras, which don't wait.
    case drop
  }

  private let sink: DescriptorSink
  private let kind: StreamMetrics.Sink
  private let metrics: StreamMetrics
  private let onFailure: @Sendable (OutputError) -> Void

  // What follows belongs to whoever holds the lock.
  private let lock = Lock()
  private let changed = Condition()
  private var queue: LineQueue<[UInt8]>
  private var waitsForReader: Bool
  private var isClosed = false
  private var hasEnded = false

  /// Starts the thread.
  ///
  /// - Parameters:
  ///   - descriptor: 1 is standard output; stays the caller's to close.
  ///   - destination: for messages.
  ///   - kind: for the metrics.
  ///   - onFailure: called once, on the thread, when nothing more can be written: `.readerGone` where the reader went
  ///     away, which is no failure. Lines after it go nowhere.
  public init(
    descriptor: Int32 = 1, destination: String = "standard output", kind: StreamMetrics.Sink = .stdout,
    policy: SlowReaderPolicy, limits: LineQueueLimits = LineQueueLimits(), metrics: StreamMetrics,
    onFailure: @escaping @Sendable (OutputError) -> Void
  ) {
    sink = DescriptorSink(descriptor: descriptor, destination: destination)
    self.kind = kind
    self.metrics = metrics
    self.onFailure = onFailure
    queue = LineQueue(limits: limits)
    waitsForReader = policy == .wait
    NamedThread.start(name: "ferd-output") { self.writeLines() }.detach()
  }

  public func receive(_ line: BroadcastLine) {
    let lost = lock.locked {
      while waitsForReader && queue.isFull && !isClosed { changed.wait(lock) }
      guard !isClosed else { return 0 }
      let lost = queue.append(.init(line, size: line.bytes.count, payload: line.bytes))
      metrics.setQueuedLines(queue.count, kind)
      changed.wakeAll()
      return lost
    }
    metrics.lost(lost, kind)
  }

  public func stopWaiting() {
    lock.locked {
      waitsForReader = false
      changed.wakeAll()
    }
  }

  /// A reader that blocks the writing thread keeps it: nothing ends a `write(2)` but the end of the process.
  public func finish(by deadline: ContinuousClock.Instant) async {
    let halfTime = ContinuousClock.now + (deadline - .now) / 2
    lock.locked {
      isClosed = true
      changed.wakeAll()
    }
    var isWhole = true
    while ContinuousClock.now < deadline, !lock.locked({ hasEnded }) {
      if isWhole, ContinuousClock.now > halfTime {
        // Whoever was slow until now should at least get the end.
        isWhole = false
        metrics.lost(lock.locked { queue.loseAll() }, kind)
      }
      try? await Task.sleep(for: .milliseconds(2))
    }
  }

  private func writeLines() {
    do throws(OutputError) {
      while let item = next() { try sink.write(bytes: item.bytes) }
    } catch {
      lock.locked {
        isClosed = true
        changed.wakeAll()
      }
      onFailure(error)
    }
    lock.locked {
      hasEnded = true
      metrics.setQueuedLines(0, kind)
    }
  }

  /// Waits for a line; nil where there will be none.
  private func next() -> LineQueue<[UInt8]>.Item? {
    lock.locked {
      while queue.isEmpty && !isClosed { changed.wait(lock) }
      let item = queue.popFirst()
      metrics.setQueuedLines(queue.count, kind)
      changed.wakeAll()
      return item
    }
  }
}
