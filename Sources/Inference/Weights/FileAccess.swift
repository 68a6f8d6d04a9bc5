import Glibc

/// Whole files in and out, with errors that say which file and why.
package enum FileAccess {
  /// All bytes of a regular file of at most `limit` bytes.
  package static func read(_ path: String, limit: Int = 1 << 32) throws(InferenceError) -> [UInt8] {
    func fail(_ problem: String) -> InferenceError { .unreadableFile(path: path, problem) }
    // Without waiting: opening a FIFO would otherwise block until somebody writes.
    let descriptor = retrying { open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
    guard descriptor >= 0 else { throw fail("cannot open: \(reason())") }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw fail("cannot be examined: \(reason())") }
    guard status.st_mode & S_IFMT == S_IFREG else { throw fail("not a regular file") }
    let size = Int(status.st_size)
    guard size <= limit else { throw fail("expected at most \(limit) bytes, found \(size)") }
    var problem: InferenceError?
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, initialised in
      while initialised < size {
        let count = retrying { Glibc.read(descriptor, buffer.baseAddress! + initialised, size - initialised) }
        if count < 0 { problem = fail("cannot read: \(reason())") }
        if count == 0 { problem = fail("ends after \(initialised) of \(size) bytes") }
        guard count > 0 else { break }
        initialised += count
      }
    }
    if let problem { throw problem }
    return bytes
  }

  /// Replaces a file by `chunks`, one after the other: either all of them are there at the end or the old file is.
  package static func replace(_ path: String, with chunks: [[UInt8]]) throws(InferenceError) {
    func fail(_ problem: String) -> InferenceError { .unreadableFile(path: path, problem) }
    let temporary = "\(path).\(getpid()).\(UInt32.random(in: 0 ... .max)).tmp"
    let descriptor = retrying { open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644) }
    guard descriptor >= 0 else { throw fail("cannot create \(temporary): \(reason())") }
    var problem: String?
    for chunk in chunks where problem == nil {
      problem = chunk.withUnsafeBytes { write($0, to: descriptor) }
    }
    if problem == nil, fsync(descriptor) != 0 { problem = "cannot be brought to disk: \(reason())" }
    if close(descriptor) != 0, problem == nil { problem = "cannot be closed: \(reason())" }
    if problem == nil, rename(temporary, path) != 0 { problem = "cannot be renamed: \(reason())" }
    if let problem {
      unlink(temporary)
      throw fail(problem)
    }
    // The new name itself must survive a power cut too; a file system that cannot do this loses no more than that.
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
    let folderDescriptor = retrying { open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    if folderDescriptor >= 0 {
      fsync(folderDescriptor)
      close(folderDescriptor)
    }
  }

  private static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> String? {
    var written = 0
    while written < bytes.count {
      let count = retrying { Glibc.write(descriptor, bytes.baseAddress! + written, bytes.count - written) }
      guard count > 0 else { return "cannot write: \(reason())" }
      written += count
    }
    return nil
  }

  private static func retrying<Number: FixedWidthInteger>(_ call: () -> Number) -> Number {
    while true {
      let result = call()
      if result >= 0 || errno != EINTR { return result }
    }
  }

  private static func reason() -> String { String(cString: strerror(errno)) }
}
