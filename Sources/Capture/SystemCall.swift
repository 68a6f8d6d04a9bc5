import Glibc

/// System calls that may be interrupted by a signal, with errno as a value.
enum SystemCall {
  /// Runs `body` again as long as a signal interrupts it.
  ///
  /// - Returns: what it returned, or the negated errno where that was negative.
  static func retrying(_ body: () -> Int) -> Int {
    while true {
      let result = body()
      if result >= 0 { return result }
      let code = errno
      if code != EINTR { return Int(-code) }
    }
  }

  static func describe(errno code: Int32) -> String { String(cString: strerror(code)) }

  /// Writes all of `bytes` to a temporary file beside `path`, syncs it and renames it to `path`.
  static func replaceFile(_ path: String, with bytes: UnsafeRawBufferPointer) throws(CaptureError) {
    let temporary = temporaryName(beside: path)
    func fail(_ doing: String, _ code: Int) -> CaptureError {
      unlink(temporary)
      return CaptureError(.inputOutput, input: path, "\(doing): \(describe(errno: Int32(-code)))")
    }
    let descriptor = retrying { Int(open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)) }
    guard descriptor >= 0 else { throw fail("cannot create a file beside it", descriptor) }
    var written = 0
    while written < bytes.count {
      let count = retrying { write(Int32(descriptor), bytes.baseAddress! + written, bytes.count - written) }
      guard count >= 0 else {
        close(Int32(descriptor))
        throw fail("cannot write", count)
      }
      written += count
    }
    let synced = retrying { Int(fsync(Int32(descriptor))) }
    close(Int32(descriptor))
    guard synced >= 0 else { throw fail("cannot write", synced) }
    let renamed = retrying { Int(rename(temporary, path)) }
    guard renamed >= 0 else { throw fail("cannot replace it", renamed) }
  }

  /// A name in the same folder (so that a rename is atomic) that no other thread or process uses.
  static func temporaryName(beside path: String) -> String {
    let suffix = String(UInt64.random(in: 0...UInt64.max), radix: 36)
    return "\(path).\(getpid())-\(suffix).partial"
  }
}
