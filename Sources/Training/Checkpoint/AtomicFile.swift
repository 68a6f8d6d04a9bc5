import Glibc

/// Writes files that are either whole or not there: a temporary one beside the target, `fsync`, then `rename`.
enum AtomicFile {
  /// Writes `parts` one after the other.
  ///
  /// The former content of `path` stays until the new one is safely on the disk.
  static func write(_ parts: [[UInt8]], to path: String) throws(TrainingError) {
    try write(to: path) { (descriptor) throws(TrainingError) in
      for part in parts {
        try append(part.span.bytes, to: descriptor, path: path)
      }
    }
  }

  /// Lets `body` write to a temporary file and then puts it in place of `path`.
  static func write(
    to path: String, _ body: (Int32) throws(TrainingError) -> Void
  ) throws(TrainingError) {
    let temporary = "\(path).\(getpid()).tmp"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw failure("cannot be created", temporary) }
    var isPlaced = false
    defer {
      close(descriptor)
      if !isPlaced { unlink(temporary) }
    }
    try body(descriptor)
    guard fsync(descriptor) == 0 else { throw failure("cannot be saved", temporary) }
    guard rename(temporary, path) == 0 else { throw failure("cannot be put in place", path) }
    isPlaced = true
    synchroniseFolder(of: path)
  }

  /// Writes all of `bytes`, however often the system interrupts.
  static func append(_ bytes: RawSpan, to descriptor: Int32, path: String) throws(TrainingError) {
    let error: TrainingError? = bytes.withUnsafeBytes { buffer in
      var rest = buffer[...]
      while !rest.isEmpty {
        let written = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress!, rest.count)
        if written < 0 {
          if errno == EINTR { continue }
          return failure("cannot be written", path)
        }
        rest = rest.dropFirst(written)
      }
      return nil
    }
    if let error { throw error }
  }

  /// Without this the new name may be lost with the power, though not the file.
  private static func synchroniseFolder(of path: String) {
    let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    let descriptor = open(folder.isEmpty ? "/" : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }

  private static func failure(_ what: String, _ path: String) -> TrainingError {
    .inputOutput(path: path, "\(what): \(String(cString: strerror(errno)))")
  }
}
