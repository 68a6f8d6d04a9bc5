import Foundation
import TestSupport
import Testing
import Threads

/// `ferd stream` as a process, with what it prints collected as it comes.
final class StreamProcess {
  let process: Process
  let output: LineCollector
  let errors: LineCollector

  /// - Parameter output: where standard output goes instead of being collected.
  init(_ arguments: [String], output: Any? = nil, environment: [String: String] = [:]) throws {
    let (outputPipe, errorPipe) = (Pipe(), Pipe())
    process = try FerdProcess.start(
      ["stream"] + arguments, output: output ?? outputPipe, errors: errorPipe, environment: environment)
    try outputPipe.fileHandleForWriting.close()
    self.output = LineCollector(outputPipe.fileHandleForReading.fileDescriptor, owner: outputPipe)
    errors = LineCollector(errorPipe.fileHandleForReading.fileDescriptor, owner: errorPipe)
  }

  deinit {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
  }

  func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

  /// Waits for the end.
  func status() -> Int32 {
    process.waitUntilExit()
    return FerdProcess.status(of: process)
  }

  /// Waits until something stands in the log; the line.
  @discardableResult
  func logged(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> String {
    let line = errors.wait { $0.contains(text) }
    return try #require(line, "\(text) is not in the log: \(errors.lines)", sourceLocation: sourceLocation)
  }
}

/// Collects lines from a descriptor on a thread of its own.
final class LineCollector: Sendable {
  private struct State {
    var lines: [String] = []
    var rest: [UInt8] = []
    var isOver = false
  }

  private let state = Guarded(State())

  /// - Parameter owner: kept as long as the descriptor is read.
  init(_ descriptor: Int32, owner: sending AnyObject) {
    let kept = Unmanaged.passRetained(owner)
    NamedThread.start(name: "test-lines") { [self, owned = SendableOwner(kept)] in
      var buffer = [UInt8](repeating: 0, count: 1 << 16)
      while true {
        let count = read(descriptor, &buffer, buffer.count)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { break }
        add(buffer[..<count])
      }
      state.withLock { $0.isOver = true }
      owned.release()
    }.detach()
  }

  private struct SendableOwner: @unchecked Sendable {
    private let owner: Unmanaged<AnyObject>
    init(_ owner: Unmanaged<AnyObject>) { self.owner = owner }
    func release() { owner.release() }
  }

  private func add(_ bytes: ArraySlice<UInt8>) {
    state.withLock { state in
      for byte in bytes {
        if byte == UInt8(ascii: "\n") {
          state.lines.append(String(decoding: state.rest, as: UTF8.self))
          state.rest.removeAll(keepingCapacity: true)
        } else {
          state.rest.append(byte)
        }
      }
    }
  }

  /// Whole ones, so far.
  var lines: [String] { state.withLock { $0.lines } }
  /// What came behind the last whole line.
  var rest: [UInt8] { state.withLock { $0.rest } }
  /// Whether the other side has closed.
  var isOver: Bool { state.withLock { $0.isOver } }

  func objects() throws -> [ParsedJSON] { try lines.map { try ParsedJSON.parse($0) } }

  /// Waits for a line; nil where there is none until the end, or for a long time.
  func wait(seconds: Double = 60, for isWanted: (String) -> Bool) -> String? {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while true {
      let (isOver, lines) = state.withLock { ($0.isOver, $0.lines) }
      if let line = lines.first(where: isWanted) { return line }
      if isOver || ContinuousClock.now > deadline { return nil }
      usleep(5_000)
    }
  }

  /// Waits until there are so many lines.
  func wait(count: Int, seconds: Double = 60) -> Bool {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while lines.count < count {
      if isOver || ContinuousClock.now > deadline { return lines.count >= count }
      usleep(5_000)
    }
    return true
  }

  /// Waits until the other side has closed.
  func waitUntilOver(seconds: Double = 60) -> Bool {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while !isOver, ContinuousClock.now < deadline { usleep(5_000) }
    return isOver
  }
}

/// A connection to a UNIX socket.
final class SocketClient: Sendable {
  private let descriptor: Int32

  /// - Returns: nil where nobody listens.
  init?(_ path: String) {
    descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Foundation.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard result == 0 else { return nil }
  }

  deinit { close(descriptor) }

  /// Waits until somebody listens.
  static func connect(to path: String, seconds: Double = 60) throws -> SocketClient {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < deadline {
      if let client = SocketClient(path) { return client }
      usleep(5_000)
    }
    throw POSIXError(.ECONNREFUSED)
  }

  /// Starts reading.
  func collector() -> LineCollector { LineCollector(descriptor, owner: self) }
}
