import Glibc

/// Listening sockets that systemd passed on (sd_listen_fds(3)): descriptors from 3 on, their number in `LISTEN_FDS`, for
/// the process in `LISTEN_PID`, with names in `LISTEN_FDNAMES`.
enum InheritedSocket {
  private static let firstDescriptor: Int32 = 3

  /// - Parameter name: as in the socket unit's `FileDescriptorName=`; nil = the only one.
  static func find(name: String?) throws(SinkError) -> Int32 {
    let address = "systemd:\(name ?? "")"
    let all = inherited()
    guard !all.isEmpty else {
      throw .invalidAddress(address, "expected a socket from systemd (LISTEN_FDS), found none")
    }
    let chosen = name.map { name in all.filter { $0.name == name } } ?? all
    guard let socket = chosen.first, chosen.count == 1 else {
      let names = all.map(\.name).joined(separator: ", ")
      throw .invalidAddress(address, "expected one socket, found \(chosen.count) (systemd passed on: \(names))")
    }
    guard isListening(socket.descriptor) else {
      throw .invalidAddress(address, "expected a UNIX stream socket that listens (ListenStream=/path)")
    }
    prepare(socket.descriptor)
    return socket.descriptor
  }

  /// The one that was bound to that path; nil = there is none, and the path is ours to make.
  static func find(boundTo path: String) -> Int32? {
    let found = inherited().first { isListening($0.descriptor) && Self.path(of: $0.descriptor) == path }
    guard let found else { return nil }
    prepare(found.descriptor)
    return found.descriptor
  }

  private static func inherited() -> [(descriptor: Int32, name: String)] {
    guard let process = environment("LISTEN_PID").flatMap({ Int32($0) }), process == getpid(),
      let count = environment("LISTEN_FDS").flatMap({ Int32($0) }), (1...1024).contains(count)
    else { return [] }
    let names = (environment("LISTEN_FDNAMES") ?? "").split(separator: ":", omittingEmptySubsequences: false)
    return (0..<count).map { index in
      (firstDescriptor + index, Int(index) < names.count ? String(names[Int(index)]) : "unknown")
    }
  }

  private static func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

  private static func isListening(_ descriptor: Int32) -> Bool {
    option(descriptor, SO_DOMAIN) == AF_UNIX && option(descriptor, SO_TYPE) == Int32(SOCK_STREAM.rawValue)
      && option(descriptor, SO_ACCEPTCONN) == 1
  }

  private static func option(_ descriptor: Int32, _ option: Int32) -> Int32? {
    var value: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    return getsockopt(descriptor, SOL_SOCKET, option, &value, &size) == 0 ? value : nil
  }

  private static func path(of descriptor: Int32) -> String? {
    var address = sockaddr_un()
    var size = socklen_t(MemoryLayout<sockaddr_un>.size)
    let status = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
    }
    guard status == 0, address.sun_family == sa_family_t(AF_UNIX) else { return nil }
    return withUnsafeBytes(of: address.sun_path) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }

  private static func prepare(_ descriptor: Int32) {
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
  }
}
