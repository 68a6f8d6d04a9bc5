import Glibc

/// Who may connect to a socket file.
public struct SocketPermissions: Equatable, Sendable {
  /// Of the file; connecting takes the right to write.
  public var mode: UInt32
  /// Of the file: a name or a number; nil = the process's own.
  public var group: String?

  public init(mode: UInt32 = 0o600, group: String? = nil) {
    self.mode = mode
    self.group = group
  }
}

/// A UNIX socket that listens, and what of it must be removed at the end.
struct ListeningSocket {
  /// Non-blocking, closed on exec; belongs to whoever takes it.
  let descriptor: Int32
  private let file: SocketFile?

  /// - Throws: `SinkError`: what lies at the path is in use or no socket, the group is unknown, the system refuses.
  static func open(_ endpoint: SocketEndpoint, permissions: SocketPermissions) throws(SinkError) -> ListeningSocket
  {
    switch endpoint {
    case .systemd(let name):
      let inherited = try InheritedSocket.find(name: name)
      return ListeningSocket(descriptor: inherited, file: nil)
    case .abstract(let name):
      let descriptor = try makeSocket(endpoint)
      do throws(SinkError) {
        try bind(descriptor, to: [0] + Array(name.utf8), endpoint: endpoint)
        try startListening(descriptor, endpoint: endpoint)
      } catch {
        close(descriptor)
        throw error
      }
      return ListeningSocket(descriptor: descriptor, file: nil)
    case .file(let path):
      if let inherited = InheritedSocket.find(boundTo: path) {
        return ListeningSocket(descriptor: inherited, file: nil)
      }
      return try open(path: path, permissions: permissions)
    }
  }

  /// Removes the file, unless somebody has put another one there.
  func removeFile() { file?.remove() }

  private static func open(path: String, permissions: SocketPermissions) throws(SinkError) -> ListeningSocket {
    let endpoint = SocketEndpoint.file(path)
    let group = try permissions.group.map { name throws(SinkError) in try groupNumber(name, endpoint) }
    // Two programs that start at once must not take each other's new socket for a stale one.
    let folder = FolderLock(ofFile: path)
    defer { folder.release() }
    try SocketFile.removeStale(path)
    let descriptor = try makeSocket(endpoint)
    do throws(SinkError) {
      // Linux creates the file with the mode of the descriptor less the umask: there is no moment in which it has
      // more. (The umask itself belongs to the whole process, where other threads make files, too.)
      try check(fchmod(descriptor, mode_t(0o600 & permissions.mode)), "cannot set the mode", endpoint)
      try bind(descriptor, to: Array(path.utf8), endpoint: endpoint)
    } catch {
      close(descriptor)
      throw error
    }
    let file = SocketFile(path)
    do throws(SinkError) {
      if let group {
        try check(lchown(path, uid_t.max, group), "cannot give the file to group \(permissions.group!)", endpoint)
      }
      try check(chmod(path, mode_t(permissions.mode)), "cannot set the mode of the file", endpoint)
      try startListening(descriptor, endpoint: endpoint)
    } catch {
      file?.remove()
      close(descriptor)
      throw error
    }
    return ListeningSocket(descriptor: descriptor, file: file)
  }

  private static func makeSocket(_ endpoint: SocketEndpoint) throws(SinkError) -> Int32 {
    let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    let descriptor = socket(AF_UNIX, type, 0)
    try check(descriptor, "cannot make a socket", endpoint)
    return descriptor
  }

  private static func bind(_ descriptor: Int32, to name: [UInt8], endpoint: SocketEndpoint) throws(SinkError) {
    let status = withSocketAddress(name) { Glibc.bind(descriptor, $0, $1) }
    guard status != 0 else { return }
    if errno == EADDRINUSE { throw .addressInUse("\(endpoint)", "somebody else has this socket") }
    throw .failed("\(endpoint)", "cannot make the socket: \(String(cString: strerror(errno)))")
  }

  private static func startListening(_ descriptor: Int32, endpoint: SocketEndpoint) throws(SinkError) {
    try check(listen(descriptor, 128), "cannot listen", endpoint)
  }

  private static func check(_ status: Int32, _ problem: String, _ endpoint: SocketEndpoint) throws(SinkError) {
    guard status < 0 else { return }
    throw .failed("\(endpoint)", "\(problem): \(String(cString: strerror(errno)))")
  }

  private static func groupNumber(_ name: String, _ endpoint: SocketEndpoint) throws(SinkError) -> gid_t {
    if let number = gid_t(name) { return number }
    var entry = group()
    var found: UnsafeMutablePointer<group>?
    var buffer = [CChar](repeating: 0, count: 1 << 16)
    let status = getgrnam_r(name, &entry, &buffer, buffer.count, &found)
    guard status == 0, found != nil else {
      throw .failed("\(endpoint)", "expected the name of a group, found \"\(name)\", which does not exist")
    }
    return entry.gr_gid
  }
}

/// Calls `body` with the address of a UNIX socket: a path, or NUL and an abstract name.
func withSocketAddress<Result>(
  _ name: [UInt8], _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
) -> Result {
  var address = sockaddr_un()
  address.sun_family = sa_family_t(AF_UNIX)
  precondition(name.count < MemoryLayout.size(ofValue: address.sun_path), "\(name.count) bytes for a socket's name")
  withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
  let isAbstract = name.first == 0
  // A path ends at its NUL, an abstract name with its length.
  let length = MemoryLayout<sa_family_t>.size + name.count + (isAbstract ? 0 : 1)
  return withUnsafePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(length)) }
  }
}
