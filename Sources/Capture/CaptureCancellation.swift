import Synchronization

/// Ends blocked reads from any thread, for instance from the one that handles signals.
///
/// One of these may serve several sources, one after the other or at once; it cannot be taken back.
public final class CaptureCancellation: Sendable {
  private let flag = Atomic<Bool>(false)
  private let parent: CaptureCancellation?

  /// - Parameter parent: ends this one's sources too; not the other way round.
  public init(parent: CaptureCancellation? = nil) { self.parent = parent }

  /// Every source that was opened with this one ends within a fraction of a second, as if its input ended there.
  public func cancel() { flag.store(true, ordering: .releasing) }

  public var isCancelled: Bool { flag.load(ordering: .acquiring) || parent?.isCancelled == true }
}
