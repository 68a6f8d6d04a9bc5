import Glibc

/// A thread of its own with a name that `top -H` and debuggers show; Swift's cooperative pool must not be blocked.
package struct NamedThread {
  private let handle: pthread_t

  /// Starts at once.
  ///
  /// - Parameter name: at most 15 bytes, which is what Linux keeps.
  package static func start(name: String, body: @escaping @Sendable () -> Void) -> NamedThread {
    precondition(name.utf8.count <= 15, "\(name): Linux keeps 15 bytes of a thread's name")
    var handle = pthread_t()
    let work = Unmanaged.passRetained(ThreadWork(name: name, body: body)).toOpaque()
    let status = pthread_create(&handle, nil, runWork, work)
    precondition(status == 0, "pthread_create: \(String(cString: strerror(status)))")
    return NamedThread(handle: handle)
  }

  /// Waits for its end; to be called once.
  package func join() { pthread_join(handle, nil) }

  /// Lets it end whenever it does; in place of `join`.
  package func detach() { pthread_detach(handle) }
}

private final class ThreadWork: Sendable {
  let name: String
  let body: @Sendable () -> Void

  init(name: String, body: @escaping @Sendable () -> Void) {
    self.name = name
    self.body = body
  }
}

private func runWork(_ pointer: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  let work = Unmanaged<ThreadWork>.fromOpaque(pointer!).takeRetainedValue()
  nameCurrentThread(work.name)
  work.body()
  return nil
}

/// `pthread_setname_np` is a GNU extension that Swift does not import; the kernel's file does the same. Without /proc
/// the thread stays nameless, which harms nobody.
private func nameCurrentThread(_ name: String) {
  let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
  guard file >= 0 else { return }
  _ = write(file, name, name.utf8.count)
  close(file)
}
