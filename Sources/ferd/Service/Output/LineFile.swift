import Foundation
import Pipeline

/// A file to which whole lines are appended: whatever happens, a disk that is full too, no part of a line stays in it.
///
/// Used by one thread at a time.
final class LineFile {
  /// How a line of ferd begins, by which what an earlier run left behind is known.
  private static let beginning = Array("{\"v\":1,\"type\":\"".utf8)
  /// Longer than any line.
  private static let lineLimit = 1 << 20

  let path: String
  private var descriptor: Int32
  /// Regular files only can be cut back.
  private var isRegular: Bool

  /// Opens the file, or makes it. The part of a line with which an earlier run ended, killed in the middle of it, is cut
  /// off.
  ///
  /// - Throws: `OutputError` where it cannot be opened, or ends in the middle of a line that ferd did not write.
  init(path: String) throws(OutputError) {
    self.path = path
    (descriptor, isRegular) = try Self.open(path)
  }

  deinit { close(descriptor) }

  /// Appends a line with its end, or nothing of it.
  func write(_ line: [UInt8]) throws(OutputError) {
    var written = 0
    while written < line.count {
      let result = line.withUnsafeBytes {
        Foundation.write(descriptor, $0.baseAddress! + written, $0.count - written)
      }
      if result >= 0 {
        written += result
        continue
      }
      let code = errno
      if code == EINTR { continue }
      if isRegular, written > 0 { cutBack(by: written) }
      if code == EPIPE { throw .readerGone }
      throw .failed(destination: path, String(cString: strerror(code)))
    }
  }

  /// Brings everything onto the disk.
  func finish() throws(OutputError) {
    guard isRegular, fsync(descriptor) != 0 else { return }
    throw .failed(destination: path, "cannot write: \(String(cString: strerror(errno)))")
  }

  /// Goes on in a new file where somebody moved or removed the old one, as logrotate does.
  ///
  /// - Returns: whether it is another file now.
  func reopen() throws(OutputError) -> Bool {
    var (old, current) = (stat(), stat())
    if fstat(descriptor, &old) == 0, stat(path, &current) == 0, old.st_dev == current.st_dev,
      old.st_ino == current.st_ino
    {
      return false
    }
    let next = try Self.open(path)
    try finish()
    close(descriptor)
    (descriptor, isRegular) = next
    return true
  }

  private func cutBack(by count: Int) {
    var status = stat()
    guard fstat(descriptor, &status) == 0, Int(status.st_size) >= count else { return }
    _ = ftruncate(descriptor, off_t(Int(status.st_size) - count))
  }

  private static func open(_ path: String) throws(OutputError) -> (descriptor: Int32, isRegular: Bool) {
    // For reading, too, as its end must be looked at; a pipe must not wait for its reader here.
    var descriptor = Foundation.open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0o666)
    if descriptor < 0, errno == EACCES || errno == EINVAL {
      descriptor = Foundation.open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK)
    }
    guard descriptor >= 0 else {
      throw .failed(destination: path, "cannot open: \(String(cString: strerror(errno)))")
    }
    var status = stat()
    let isRegular = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    do {
      if isRegular { try mend(descriptor, size: Int(status.st_size), path: path) }
    } catch {
      close(descriptor)
      throw error
    }
    _ = fcntl(descriptor, F_SETFL, O_APPEND)
    return (descriptor, isRegular)
  }

  /// Cuts off the unfinished line at the end of a file.
  private static func mend(_ descriptor: Int32, size: Int, path: String) throws(OutputError) {
    let length = min(size, lineLimit)
    var end = [UInt8](repeating: 0, count: length)
    let count = pread(descriptor, &end, length, off_t(size - length))
    // A file that may only be written cannot be looked at.
    guard count == length, let last = end.last, last != UInt8(ascii: "\n") else { return }
    let start = (end.lastIndex(of: UInt8(ascii: "\n")) ?? -1) + 1
    let rest = end[start...]
    let isOurs = (start > 0 || length == size) && beginning.starts(with: rest.prefix(beginning.count))
    guard isOurs else {
      throw .failed(
        destination: path, "expected a file of whole lines, found one that ends in the middle of a foreign line")
    }
    guard ftruncate(descriptor, off_t(size - rest.count)) == 0 else {
      throw .failed(destination: path, "cannot cut off an unfinished line: \(String(cString: strerror(errno)))")
    }
  }
}
