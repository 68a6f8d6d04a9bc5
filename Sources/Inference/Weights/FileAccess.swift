import Glibc

/// Whole files in and out, with errors that say which file and why.
package enum FileAccess {
  /// All bytes of a regular file of at most `limit` bytes.
  package static func read(_ path: String, limit: Int = 1 << 32) throws(InferenceError) -> [UInt8] {
    try read(path, limit: limit) { InferenceError.unreadableFile(path: path, $0) }
  }

  /// The same with errors of another module.
  ///
  /// - Parameters:
  ///   - acceptsPipes: Whether to wait for what a pipe (as a shell's `<(…)`) or a character device brings, if it is one.
  ///   - failure: makes the error from what is wrong with the file.
  package static func read<Failure: Error>(
    _ path: String, limit: Int = 1 << 32, acceptsPipes: Bool = false, failure: (String) -> Failure
  ) throws(Failure) -> [UInt8] {
    // Without waiting: opening a FIFO would otherwise block until somebody writes.
    let descriptor = retrying { open(path, O_RDONLY | O_CLOEXEC | (acceptsPipes ? 0 : O_NONBLOCK)) }
    guard descriptor >= 0 else { throw failure("cannot open: \(reason())") }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failure("cannot be examined: \(reason())") }
    if acceptsPipes, [S_IFIFO, S_IFCHR].contains(status.st_mode & S_IFMT) {
      return try drain(descriptor, limit: limit, failure: failure)
    }
    guard status.st_mode & S_IFMT == S_IFREG else { throw failure("not a regular file") }
    let size = Int(status.st_size)
    guard size <= limit else { throw failure("expected at most \(limit) bytes, found \(size)") }
    var problem: String?
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, initialised in
      while initialised < size {
        let count = retrying { Glibc.read(descriptor, buffer.baseAddress! + initialised, size - initialised) }
        if count < 0 { problem = "cannot read: \(reason())" }
        if count == 0 { problem = "ends after \(initialised) of \(size) bytes" }
        guard count > 0 else { break }
        initialised += count
      }
    }
    if let problem { throw failure(problem) }
    return bytes
  }

  /// All that comes until the other end closes.
  private static func drain<Failure: Error>(
    _ descriptor: Int32, limit: Int, failure: (String) -> Failure
  ) throws(Failure) -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = chunk.withUnsafeMutableBytes { chunk in
        retrying { Glibc.read(descriptor, chunk.baseAddress!, chunk.count) }
      }
      guard count >= 0 else { throw failure("cannot read: \(reason())") }
      guard count > 0 else { return bytes }
      bytes += chunk[..<count]
      guard bytes.count <= limit else { throw failure("expected at most \(limit) bytes") }
    }
  }

  /// Replaces a file by `chunks`, one after the other: either all of them are there at the end or the old file is.
  package static func replace(_ path: String, with chunks: [[UInt8]]) throws(InferenceError) {
    try replace(path, with: chunks) { InferenceError.unreadableFile(path: path, $0) }
  }

  /// The same with errors of another module.
  package static func replace<Failure: Error>(
    _ path: String, with chunks: [[UInt8]], failure: @escaping (String) -> Failure
  ) throws(Failure) {
    try replace(path, failure: failure) { (file) throws(Failure) in
      for chunk in chunks { try file.append(chunk.span.bytes) }
    }
  }

  /// Replaces a file by what `body` writes: a temporary one beside it, brought to disk and renamed once it is whole.
  /// Where anything throws, the old file stays and the temporary one goes.
  ///
  /// - Parameter failure: makes the error from what is wrong with the file.
  package static func replace<Failure: Error>(
    _ path: String, failure: @escaping (String) -> Failure, _ body: (NewFile<Failure>) throws(Failure) -> Void
  ) throws(Failure) {
    TemporaryFiles.removeAbandoned(of: path)
    let temporary = TemporaryFiles.name(for: path)
    let descriptor = retrying { open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644) }
    guard descriptor >= 0 else { throw failure("cannot create \(temporary): \(reason())") }
    TemporaryFiles.claim(descriptor)
    do throws(Failure) {
      try body(NewFile(descriptor: descriptor, failure: failure))
    } catch {
      close(descriptor)
      unlink(temporary)
      throw error
    }
    var problem: String?
    if fsync(descriptor) != 0 { problem = "cannot be brought to disk: \(reason())" }
    if close(descriptor) != 0, problem == nil { problem = "cannot be closed: \(reason())" }
    if problem == nil, rename(temporary, path) != 0 { problem = "cannot be renamed: \(reason())" }
    if let problem {
      unlink(temporary)
      throw failure(problem)
    }
    // The new name itself must survive a power cut too; a file system that cannot do this loses no more than that.
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
    let folderDescriptor = retrying { open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    if folderDescriptor >= 0 {
      fsync(folderDescriptor)
      close(folderDescriptor)
    }
  }

  /// Makes a folder and those above it, as far as they are not there.
  ///
  /// - Parameter failure: makes the error from what stands in the way.
  package static func makeFolder<Failure: Error>(_ path: String, failure: (String) -> Failure) throws(Failure) {
    var reached = path.hasPrefix("/") ? "/" : ""
    for name in path.split(separator: "/") {
      reached += reached.isEmpty || reached == "/" ? String(name) : "/\(name)"
      if mkdir(reached, 0o777) != 0, errno != EEXIST {
        throw failure("the folder \(reached) cannot be made: \(reason())")
      }
    }
    var status = stat()
    if stat(path, &status) != 0 || status.st_mode & S_IFMT != S_IFDIR { throw failure("is no folder") }
  }

  /// The file that will be put in place; only for as long as the call that it is given to.
  package struct NewFile<Failure: Error> {
    fileprivate let descriptor: Int32
    fileprivate let failure: (String) -> Failure

    /// Takes back all that was written.
    package func startOver() throws(Failure) {
      guard ftruncate(descriptor, 0) == 0, lseek(descriptor, 0, SEEK_SET) == 0 else {
        throw failure("cannot be emptied: \(FileAccess.reason())")
      }
    }

    /// Writes all of `bytes`, however often the system interrupts.
    package func append(_ bytes: RawSpan) throws(Failure) {
      let problem: String? = bytes.withUnsafeBytes { bytes in
        var written = 0
        while written < bytes.count {
          let count = FileAccess.retrying {
            write(descriptor, bytes.baseAddress! + written, bytes.count - written)
          }
          guard count > 0 else { return "cannot write: \(FileAccess.reason())" }
          written += count
        }
        return nil
      }
      if let problem { throw failure(problem) }
    }
  }

  fileprivate static func retrying<Number: FixedWidthInteger>(_ call: () -> Number) -> Number {
    while true {
      let result = call()
      if result >= 0 || errno != EINTR { return result }
    }
  }

  fileprivate static func reason() -> String { String(cString: strerror(errno)) }
}
