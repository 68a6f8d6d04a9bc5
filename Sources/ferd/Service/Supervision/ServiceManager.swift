import Foundation

/// Tells systemd how the service fares: datagrams to the socket that `NOTIFY_SOCKET` names (sd_notify(3)).
///
/// Everything here does nothing where nobody supervises the program.
final class ServiceManager: Sendable {
  private let descriptor: Int32
  /// As `connect(2)` takes it.
  private let address: [UInt8]
  /// Nanoseconds within which systemd wants to hear that the service lives; nil where it does not watch.
  let watchdogNanoseconds: UInt64?

  /// - Returns: nil where no service manager is there, or where its address is none.
  init?(environment: [String: String], process: Int32 = getpid()) {
    guard let path = environment["NOTIFY_SOCKET"], let address = Self.socketAddress(path) else { return nil }
    descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    self.address = address
    // The watchdog of a process above this one is none of ours.
    let isForUs = environment["WATCHDOG_PID"].map { Int32($0) == process } ?? true
    watchdogNanoseconds =
      isForUs
      ? environment["WATCHDOG_USEC"].flatMap { UInt64($0) }.flatMap { $0 > 0 ? $0.multiplied(1000) : nil } : nil
  }

  deinit { close(descriptor) }

  /// Sends one datagram with these lines, such as `READY=1`.
  ///
  /// Never waits: a manager that does not read must not hold the service up.
  func send(_ lines: [String]) {
    guard !lines.isEmpty else { return }
    let message = Array(lines.joined(separator: "\n").utf8)
    address.withUnsafeBytes { bytes in
      let pointer = bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self)
      let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
      while sendto(descriptor, message, message.count, flags, pointer, socklen_t(bytes.count)) < 0, errno == EINTR {
      }
    }
  }

  /// `struct sockaddr_un` for a path, or for a name without a file, which begins with `@` and is not terminated.
  private static func socketAddress(_ path: String) -> [UInt8]? {
    var name = Array(path.utf8)
    guard name.count >= 2, name.count <= 107, name[0] == UInt8(ascii: "/") || name[0] == UInt8(ascii: "@") else {
      return nil
    }
    if name[0] == UInt8(ascii: "@") { name[0] = 0 } else { name.append(0) }
    return withUnsafeBytes(of: sa_family_t(AF_UNIX)) { Array($0) } + name
  }
}

extension UInt64 {
  /// nil where it does not fit.
  fileprivate func multiplied(_ factor: UInt64) -> UInt64? {
    let (product, isTooLarge) = multipliedReportingOverflow(by: factor)
    return isTooLarge ? nil : product
  }
}
