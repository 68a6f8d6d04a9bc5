/// A value that one thread at a time may touch.
///
/// Serves where `Mutex` of the standard library would, and lets the thread sanitizer see the lock: it cannot see what
/// `Mutex` does when two threads meet at it (`docs/decisions/0005-locks-the-sanitizer-sees.md`).
package final class Guarded<Value>: @unchecked Sendable {
  private let lock = Lock()
  private var value: Value

  package init(_ value: sending Value) { self.value = value }

  package func withLock<Result, Failure: Error>(
    _ body: (inout Value) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    lock.lock()
    defer { lock.unlock() }
    return try body(&value)
  }
}
