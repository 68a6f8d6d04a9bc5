import Glibc

/// A mutex with its memory: a lock must not move, and Swift may move stored properties while it accesses them.
final class Lock: @unchecked Sendable {
  fileprivate let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

  init() {
    mutex.initialize(to: pthread_mutex_t())
    pthread_mutex_init(mutex, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  func locked<Result>(_ body: () -> Result) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body()
  }
}

/// Something to wait for while a lock is held.
final class Condition: @unchecked Sendable {
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  init() {
    condition.initialize(to: pthread_cond_t())
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_cond_destroy(condition)
    condition.deallocate()
  }

  /// Gives the lock back until somebody wakes.
  func wait(_ lock: Lock) { pthread_cond_wait(condition, lock.mutex) }

  func wakeOne() { pthread_cond_signal(condition) }

  func wakeAll() { pthread_cond_broadcast(condition) }
}

/// A bounded first-in-first-out queue between threads; its memory is taken once.
///
/// Whoever takes from an empty one waits, whoever puts into a full one waits. After `close()` nothing can be put any
/// more, and takers get what is left, then nil.
final class Handoff<Element>: @unchecked Sendable {
  private var ring: [Element?]
  private var first = 0
  private var count = 0
  private var isClosed = false
  private let lock = Lock()
  private let hasElement = Condition()
  private let hasRoom = Condition()

  init(capacity: Int) {
    precondition(capacity > 0, "a queue for \(capacity) elements")
    ring = Array(repeating: nil, count: capacity)
  }

  /// - Returns: false where the queue is closed; the element is then dropped.
  @discardableResult
  func put(_ element: Element) -> Bool {
    lock.locked {
      while count == ring.count && !isClosed { hasRoom.wait(lock) }
      guard !isClosed else { return false }
      ring[(first + count) % ring.count] = element
      count += 1
      hasElement.wakeOne()
      return true
    }
  }

  /// - Returns: nil where the queue is closed and empty.
  func take() -> Element? {
    lock.locked {
      while count == 0 && !isClosed { hasElement.wait(lock) }
      guard count > 0 else { return nil }
      let element = ring[first].take()
      first = (first + 1) % ring.count
      count -= 1
      hasRoom.wakeOne()
      return element
    }
  }

  func close() {
    lock.locked {
      isClosed = true
      hasElement.wakeAll()
      hasRoom.wakeAll()
    }
  }
}

/// Brings elements that several threads finish in any order back into the order of their numbers.
///
/// The taker waits for number 0, 1, 2, …; at most `capacity` numbers may be under way at once.
final class OrderedHandoff<Element>: @unchecked Sendable {
  private var ring: [Element?]
  private var next = 0
  private var isClosed = false
  private let lock = Lock()
  private let changed = Condition()

  init(capacity: Int) {
    precondition(capacity > 0, "a queue for \(capacity) elements")
    ring = Array(repeating: nil, count: capacity)
  }

  /// - Returns: false where the queue is closed; the element is then dropped.
  @discardableResult
  func put(_ element: Element, number: Int) -> Bool {
    lock.locked {
      guard !isClosed else { return false }
      precondition(next..<next + ring.count ~= number, "number \(number) while \(next) is awaited")
      ring[number % ring.count] = element
      if number == next { changed.wakeOne() }
      return true
    }
  }

  /// - Returns: nil where the queue is closed and the next number is missing.
  func take() -> Element? {
    lock.locked {
      while ring[next % ring.count] == nil && !isClosed { changed.wait(lock) }
      let element = ring[next % ring.count].take()
      if element != nil { next += 1 }
      return element
    }
  }

  func close() {
    lock.locked {
      isClosed = true
      changed.wakeAll()
    }
  }
}
