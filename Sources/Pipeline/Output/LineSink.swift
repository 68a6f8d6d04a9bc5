import Glibc

/// Where lines go, each in one piece.
public protocol LineSink: AnyObject {
  func write(_ line: LineBuffer) throws(OutputError)
}

/// Writes each line to a file descriptor with one `write(2)`, so that readers of a pipe get whole lines at once.
public final class DescriptorSink: LineSink {
  private let descriptor: Int32
  private let destination: String

  /// - Parameter destination: for messages. The descriptor stays the caller's to close.
  public init(descriptor: Int32, destination: String) {
    self.descriptor = descriptor
    self.destination = destination
  }

  public static func standardOutput() -> DescriptorSink {
    DescriptorSink(descriptor: STDOUT_FILENO, destination: "standard output")
  }

  public func write(_ line: LineBuffer) throws(OutputError) { try write(bytes: line.bytes) }

  /// Writes one whole line. Of a line that does not fit into a file any more, no part stays.
  public func write(bytes: [UInt8]) throws(OutputError) {
    var written = 0
    // More than one round only where a signal interrupts, a pipe takes a part or a non-blocking one is full.
    while written < bytes.count {
      let result = bytes.withUnsafeBytes {
        Glibc.write(descriptor, $0.baseAddress! + written, $0.count - written)
      }
      if result >= 0 {
        written += result
        continue
      }
      switch errno {
      case EINTR: continue
      case EAGAIN: waitUntilWritable()
      case EPIPE: throw .readerGone
      case let code:
        takeBack(written)
        throw .failed(destination: destination, String(cString: strerror(code)))
      }
    }
  }

  /// Shortens a regular file by what was written of a line, so that the lines before it stay valid; others keep it.
  private func takeBack(_ count: Int) {
    let position = lseek(descriptor, 0, SEEK_CUR)
    guard count > 0, position >= count else { return }
    if ftruncate(descriptor, position - count) == 0 { lseek(descriptor, position - count, SEEK_SET) }
  }

  /// Standard output may be a pipe that another process made non-blocking.
  private func waitUntilWritable() {
    var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    poll(&request, 1, -1)
  }
}
