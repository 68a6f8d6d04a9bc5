import Threads

/// A mailbox for one frame between the thread that captures and the one that computes: a newer frame takes the place of
/// one that nobody has taken, so that the reader of a camera never waits.
///
/// Frames change places by exchanging their content: nothing is copied and nothing allocated.
package final class LatestFrame: @unchecked Sendable {
  package enum Outcome: Equatable, Sendable {
    case frame
    /// No frame came in time.
    case nothing
    /// No frame will come any more.
    case closed
  }

  private let slot: Frame
  private var isFull = false
  private var isClosed = false
  private var displaced = 0
  private let lock = Lock()
  private let hasFrame = Condition()
  private let hasRoom = Condition()

  /// - Parameter slot: an empty frame of the source; the mailbox keeps it.
  package init(slot: Frame) { self.slot = slot }

  /// Frames that gave way to newer ones.
  package var displacedCount: Int { lock.locked { displaced } }

  package var isEmpty: Bool { lock.locked { !isFull } }

  /// Puts the content of `frame` into the mailbox and gives it some that is no longer needed.
  ///
  /// - Returns: whether a frame that nobody had taken gave way.
  @discardableResult
  package func put(_ frame: Frame) -> Bool {
    lock.locked {
      let gaveWay = isFull
      if gaveWay { displaced += 1 }
      deliver(frame)
      return gaveWay
    }
  }

  /// The same, but waits until the frame before has been taken.
  ///
  /// - Returns: false where the mailbox is closed; `frame` then keeps its content.
  package func putWhenEmpty(_ frame: Frame) -> Bool {
    lock.locked {
      while isFull && !isClosed { hasRoom.wait(lock) }
      guard !isClosed else { return false }
      deliver(frame)
      return true
    }
  }

  /// Moves the newest frame's content into `frame`; what that held is released.
  ///
  /// - Parameter deadline: on the monotonic clock; nil waits as long as it takes.
  package func take(into frame: Frame, until deadline: Int64? = nil) -> Outcome {
    // Not while the lock is held: a driver's buffer goes back here.
    frame.clear()
    return lock.locked {
      while !isFull && !isClosed {
        guard let deadline else {
          hasFrame.wait(lock)
          continue
        }
        if MonotonicClock.now() >= deadline { return .nothing }
        hasFrame.wait(lock, until: deadline)
      }
      guard isFull else { return .closed }
      frame.exchange(with: slot)
      isFull = false
      hasRoom.wakeOne()
      return .frame
    }
  }

  /// Nothing can be put any more; a frame that waits can still be taken.
  package func close() {
    lock.locked {
      isClosed = true
      hasFrame.wakeAll()
      hasRoom.wakeAll()
    }
  }

  private func deliver(_ frame: Frame) {
    guard !isClosed else { return }
    frame.exchange(with: slot)
    isFull = true
    hasFrame.wakeOne()
  }
}
