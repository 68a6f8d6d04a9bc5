import Foundation
import Testing
import Threads

@testable import Pipeline

/// Runs what blocks on a thread of its own: the pool that tests run on has as many threads as there are processors.
func onThread<Result: Sendable>(_ body: @escaping @Sendable () -> Result) async -> Result {
  await withCheckedContinuation { continuation in
    Thread.detachNewThread { continuation.resume(returning: body()) }
  }
}

/// A client of a UNIX socket, on plain system calls. A thread of its own reads as fast as it can.
final class SocketReader: Sendable {
  private struct State {
    var received: [UInt8] = []
    var lineCount = 0
    var position = 0
    var hasEnded = false
  }

  private let descriptor: Int32
  private let state = Guarded(State())
  /// Whether the thread has been started, which closes the descriptor at its end.
  private let reads = Guarded(false)

  /// - Parameters:
  ///   - address: a path or `@NAME`.
  ///   - reads: whether it reads from the beginning.
  init(_ address: String, reads: Bool = true) throws {
    descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    let name = address.hasPrefix("@") ? [0] + Array(address.utf8.dropFirst()) : Array(address.utf8)
    let status = withSocketAddress(name) { connect(descriptor, $0, $1) }
    if status != 0 {
      let code = errno
      close(descriptor)
      throw POSIXError(POSIXErrorCode(rawValue: code) ?? .EIO)
    }
    if reads { startReading() }
  }

  deinit { vanish() }

  func startReading() {
    let isFirst = reads.withLock { reads in
      defer { reads = true }
      return !reads
    }
    guard isFirst else { return }
    let (descriptor, state) = (descriptor, state)
    Thread.detachNewThread {
      var buffer = [UInt8](repeating: 0, count: 1 << 16)
      while true {
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count > 0 else { break }
        state.withLock { state in
          state.received += buffer[..<count]
          state.lineCount += buffer[..<count].count { $0 == UInt8(ascii: "\n") }
        }
      }
      close(descriptor)
      state.withLock { $0.hasEnded = true }
    }
  }

  /// Goes away without a word.
  func vanish() {
    let isReading = reads.withLock { reads in
      defer { reads = true }
      return reads
    }
    if !isReading {
      close(descriptor)
      state.withLock { $0.hasEnded = true }
    } else if !hasEnded {
      shutdown(descriptor, Int32(SHUT_RDWR))
    }
  }

  /// Whether the server has closed its end and everything was read.
  var hasEnded: Bool { state.withLock { $0.hasEnded } }

  func send(_ text: String) { send(Array(text.utf8)) }

  /// What the server does not want is lost.
  func send(_ bytes: [UInt8]) { _ = Foundation.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }

  /// Tells the server that nothing more will be sent.
  func endSending() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// Lines received until now.
  var receivedLines: Int { state.withLock { $0.lineCount } }

  /// The next line without its break; nil at the end or when none comes in time.
  func line(timeout: Double = 20) async -> String? {
    let deadline = Date.now + timeout
    while true {
      let (line, isOver) = state.withLock { state -> (String?, Bool) in
        guard let end = state.received[state.position...].firstIndex(of: UInt8(ascii: "\n")) else {
          return (nil, state.hasEnded)
        }
        defer { state.position = end + 1 }
        return (String(decoding: state.received[state.position..<end], as: UTF8.self), false)
      }
      if line != nil || isOver || Date.now > deadline { return line }
      try? await Task.sleep(for: .milliseconds(2))
    }
  }

  /// Everything until the server closes.
  func rest() async -> [String] {
    startReading()
    var lines: [String] = []
    while let line = await line() { lines.append(line) }
    return lines
  }
}

/// Waits until something holds; false where it does not within ten seconds.
func eventually(_ condition: () async -> Bool) async -> Bool {
  for _ in 0..<2000 {
    if await condition() { return true }
    try? await Task.sleep(for: .milliseconds(5))
  }
  return await condition()
}

/// A new, empty folder that goes with its last reference.
final class SinkFolder: Sendable {
  let path: String

  init() throws {
    // Short: the path of a socket holds few bytes.
    path = "/tmp/ferd-\(UInt32.random(in: 0...UInt32.max))"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  var socket: String { "\(path)/s" }
}

/// Sockets of the whole system that are bound to a path: the one that listens and those that it accepted.
func openSockets(at path: String) -> Int {
  // The kernel gives the table in pieces; Foundation's reading of whole files takes the first one for all.
  let file = open("/proc/net/unix", O_RDONLY | O_CLOEXEC)
  defer { close(file) }
  var bytes: [UInt8] = []
  var piece = [UInt8](repeating: 0, count: 1 << 16)
  while case let count = read(file, &piece, piece.count), count > 0 { bytes += piece[..<count] }
  let table = String(decoding: bytes, as: UTF8.self)
  return table.split(separator: "\n").count { $0.hasSuffix(" \(path)") }
}
