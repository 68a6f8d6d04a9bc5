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

  public func write(_ line: LineBuffer) throws(OutputError) {
    var written = 0
    // More than one round only where a signal interrupts, a pipe takes a part or a non-blocking one is full.
    while written < line.bytes.count {
      let result = line.bytes.withUnsafeBytes {
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
      case let code: throw .failed(destination: destination, String(cString: strerror(code)))
      }
    }
  }

  /// Standard output may be a pipe that another process made non-blocking.
  private func waitUntilWritable() {
    var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    poll(&request, 1, -1)
  }
}
