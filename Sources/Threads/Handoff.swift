/// A bounded first-in-first-out queue between threads; its memory is taken once.
///
/// Whoever takes from an empty one waits, whoever puts into a full one waits. After `close()` nothing can be put any
/// more, and takers get what is left, then nil.
package final class Handoff<Element>: @unchecked Sendable {
  private var ring: [Element?]
  private var first = 0
  private var count = 0
  private var isClosed = false
  private let lock = Lock()
  private let hasElement = Condition()
  private let hasRoom = Condition()

  package init(capacity: Int) {
    precondition(capacity > 0, "a queue for \(capacity) elements")
    ring = Array(repeating: nil, count: capacity)
  }

  /// - Returns: false where the queue is closed; the element is then dropped.
  @discardableResult
  package func put(_ element: Element) -> Bool {
    lock.locked {
      while count == ring.count && !isClosed { hasRoom.wait(lock) }
      guard !isClosed else { return false }
      ring[(first + count) % ring.count] = element
      count += 1
      hasElement.wakeOne()
      return true
    }
  }

  /// - Parameter deadline: nanoseconds on the monotonic clock; nil waits as long as it takes.
  /// - Returns: nil where the queue is closed and empty, or the time has come.
  package func take(until deadline: Int64? = nil) -> Element? {
    lock.locked {
      while count == 0 && !isClosed {
        guard let deadline else {
          hasElement.wait(lock)
          continue
        }
        guard MonotonicClock.now() < deadline else { break }
        hasElement.wait(lock, until: deadline)
      }
      guard count > 0 else { return nil }
      let element = ring[first].take()
      first = (first + 1) % ring.count
      count -= 1
      hasRoom.wakeOne()
      return element
    }
  }

  package func close() {
    lock.locked {
      isClosed = true
      hasElement.wakeAll()
      hasRoom.wakeAll()
    }
  }
}
