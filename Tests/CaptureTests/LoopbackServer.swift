import Foundation
import Glibc

/// A TCP server on the loopback address that hands each connection to a closure on a thread of its own.
final class LoopbackServer: Sendable {
  let port: Int
  private let listener: Int32

  /// - Parameter serve: gets the connection, which is closed when it returns.
  init(serve: @escaping @Sendable (Connection) -> Void) throws {
    signal(SIGPIPE, SIG_IGN)
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, length) == 0 && listen(listener, 8) == 0 && getsockname(listener, $0, &length) == 0
      }
    }
    guard listener >= 0, isBound else { throw POSIXError(.EADDRNOTAVAIL) }
    self.listener = listener
    port = Int(UInt16(bigEndian: address.sin_port))
    Thread.detachNewThread {
      while true {
        let descriptor = accept(listener, nil, nil)
        guard descriptor >= 0 else {
          // Here, not where it is shut down: its number must not become another server's while this thread may
          // still accept with it.
          close(listener)
          return
        }
        Thread.detachNewThread {
          serve(Connection(descriptor: descriptor))
          // Closing with unread bytes would take back what the client has not read yet.
          shutdown(descriptor, Int32(SHUT_WR))
          var rest: UInt8 = 0
          while read(descriptor, &rest, 1) > 0 {}
          close(descriptor)
        }
      }
    }
  }

  deinit {
    shutdown(listener, Int32(SHUT_RDWR))
  }

  /// One client.
  struct Connection: Sendable {
    let descriptor: Int32

    /// The lines up to an empty one; nil where the client is gone.
    func readHead() -> [String]? {
      var bytes: [UInt8] = []
      var byte: UInt8 = 0
      while !bytes.suffix(4).elementsEqual([13, 10, 13, 10]) {
        guard read(descriptor, &byte, 1) == 1 else { return nil }
        bytes.append(byte)
      }
      return String(decoding: bytes, as: UTF8.self).split(separator: "\r\n").map(String.init)
    }

    @discardableResult
    func send(_ data: Data) -> Bool {
      data.withUnsafeBytes { buffer in
        var done = 0
        while done < buffer.count {
          let count = write(descriptor, buffer.baseAddress! + done, buffer.count - done)
          guard count > 0 else { return false }
          done += count
        }
        return true
      }
    }

    @discardableResult
    func send(_ text: String) -> Bool { send(Data(text.utf8)) }
  }
}
