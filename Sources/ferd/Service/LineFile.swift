import Foundation
import Pipeline

/// A file to which whole lines are appended, by whoever writes to its descriptor.
final class LineFile: Sendable {
  /// How a line of ferd begins, by which what an earlier run left behind is known.
  private static let beginning = Array("{\"v\":1,\"type\":\"".utf8)
  /// Longer than any line.
  private static let lineLimit = 1 << 20

  let path: String
  /// Stays the same when the file is another one after `reopen`.
  let descriptor: Int32

  /// Opens the file, or makes it. The part of a line with which an earlier run ended, killed in the middle of it, is cut
  /// off.
  ///
  /// - Throws: `OutputError` where it cannot be opened, or ends in the middle of a line that ferd did not write.
  init(path: String) throws(OutputError) {
    self.path = path
    descriptor = try Self.open(path)
  }

  deinit { close(descriptor) }

  /// Brings everything onto the disk.
  func finish() throws(OutputError) {
    // Pipes and devices have no disk.
    guard fsync(descriptor) != 0, errno != EINVAL, errno != EROFS else { return }
    throw .failed(destination: path, "cannot write: \(String(cString: strerror(errno)))")
  }

  /// Goes on in a new file where somebody moved or removed the old one, as logrotate does. No line is lost on the way,
  /// and none is torn.
  ///
  /// - Parameter firstLine: for the new file.
  /// - Returns: whether it is another file now.
  func reopen(firstLine: [UInt8]?) throws(OutputError) -> Bool {
    var (old, current) = (stat(), stat())
    if fstat(descriptor, &old) == 0, stat(path, &current) == 0, old.st_dev == current.st_dev,
      old.st_ino == current.st_ino
    {
      return false
    }
    let next = try Self.open(path)
    defer { close(next) }
    if let firstLine { try DescriptorSink(descriptor: next, destination: path).write(bytes: firstLine) }
    try finish()
    while dup2(next, descriptor) < 0, errno == EINTR || errno == EBUSY {}
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    return true
  }

  private static func open(_ path: String) throws(OutputError) -> Int32 {
    // For reading, too, as its end must be looked at; a pipe must not wait for its reader here.
    var descriptor = Foundation.open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0o666)
    if descriptor < 0, errno == EACCES {
      descriptor = Foundation.open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK)
    }
    guard descriptor >= 0 else {
      throw .failed(destination: path, "cannot open: \(String(cString: strerror(errno)))")
    }
    var status = stat()
    do {
      if fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG {
        try mend(descriptor, size: Int(status.st_size), path: path)
      }
    } catch {
      close(descriptor)
      throw error
    }
    _ = fcntl(descriptor, F_SETFL, O_APPEND)
    return descriptor
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
