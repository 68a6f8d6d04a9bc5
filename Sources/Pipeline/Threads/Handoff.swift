import Glibc

/// A bounded first-in-first-out queue between two threads; its memory is taken once.
///
/// Whoever takes from an empty one waits, whoever puts into a full one waits. After `close()` nothing can be put any
/// more, and takers get what is left, then nil.
final class Handoff<Element>: @unchecked Sendable {
  private var ring: [Element?]
  private var first = 0
  private var count = 0
  private var isClosed = false
  // In memory of their own: a lock must not move, and Swift may move stored properties while it accesses them.
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  init(capacity: Int) {
    precondition(capacity > 0, "a queue for \(capacity) elements")
    ring = Array(repeating: nil, count: capacity)
    mutex.initialize(to: pthread_mutex_t())
    changed.initialize(to: pthread_cond_t())
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(changed, nil)
  }

  deinit {
    pthread_cond_destroy(changed)
    pthread_mutex_destroy(mutex)
    changed.deallocate()
    mutex.deallocate()
  }

  /// - Returns: false where the queue is closed; the element is then dropped.
  @discardableResult
  func put(_ element: Element) -> Bool {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while count == ring.count && !isClosed { pthread_cond_wait(changed, mutex) }
    guard !isClosed else { return false }
    ring[(first + count) % ring.count] = element
    count += 1
    // Putter and taker may wait at the same time for different things only if the capacity is 0, so one is enough.
    pthread_cond_signal(changed)
    return true
  }

  /// - Returns: nil where the queue is closed and empty.
  func take() -> Element? {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while count == 0 && !isClosed { pthread_cond_wait(changed, mutex) }
    guard count > 0 else { return nil }
    let element = ring[first].take()
    first = (first + 1) % ring.count
    count -= 1
    pthread_cond_signal(changed)
    return element
  }

  func close() {
    pthread_mutex_lock(mutex)
    isClosed = true
    pthread_cond_broadcast(changed)
    pthread_mutex_unlock(mutex)
  }
}
