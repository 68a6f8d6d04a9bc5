/// Brings elements that several threads finish in any order back into the order of their numbers.
///
/// The taker waits for number 0, 1, 2, …; at most `capacity` numbers may be under way at once.
package final class OrderedHandoff<Element>: @unchecked Sendable {
  private var ring: [Element?]
  private var next = 0
  private var isClosed = false
  private let lock = Lock()
  private let changed = Condition()

  package init(capacity: Int) {
    precondition(capacity > 0, "a queue for \(capacity) elements")
    ring = Array(repeating: nil, count: capacity)
  }

  /// - Returns: false where the queue is closed; the element is then dropped.
  @discardableResult
  package func put(_ element: Element, number: Int) -> Bool {
    lock.locked {
      guard !isClosed else { return false }
      precondition(next..<next + ring.count ~= number, "number \(number) while \(next) is awaited")
      ring[number % ring.count] = element
      if number == next { changed.wakeOne() }
      return true
    }
  }

  /// - Parameter deadline: nanoseconds on the monotonic clock; nil waits as long as it takes.
  /// - Returns: nil where the queue is closed and the next number is missing, or the time has come.
  package func take(until deadline: Int64? = nil) -> Element? {
    lock.locked {
      while ring[next % ring.count] == nil && !isClosed {
        guard let deadline else {
          changed.wait(lock)
          continue
        }
        guard MonotonicClock.now() < deadline else { break }
        changed.wait(lock, until: deadline)
      }
      let element = ring[next % ring.count].take()
      if element != nil { next += 1 }
      return element
    }
  }

  /// Whether nothing will come any more.
  package var isFinished: Bool { lock.locked { isClosed && ring[next % ring.count] == nil } }

  package func close() {
    lock.locked {
      isClosed = true
      changed.wakeAll()
    }
  }
}
