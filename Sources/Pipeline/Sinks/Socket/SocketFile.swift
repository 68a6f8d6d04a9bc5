import Glibc

/// The file of a socket that this process made.
struct SocketFile {
  private let path: String
  private let device: dev_t
  private let inode: ino_t

  /// - Returns: nil where nothing is there.
  init?(_ path: String) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    self.path = path
    device = status.st_dev
    inode = status.st_ino
  }

  /// Removes it, unless it is gone or another file has taken its name.
  func remove() {
    let folder = FolderLock(ofFile: path)
    defer { folder.release() }
    var status = stat()
    guard lstat(path, &status) == 0, status.st_dev == device, status.st_ino == inode else { return }
    unlink(path)
  }

  /// Removes what a process that is gone left behind: a socket on which nobody listens.
  static func removeStale(_ path: String) throws(SinkError) {
    var status = stat()
    guard lstat(path, &status) == 0 else {
      if errno == ENOENT { return }
      throw .failed(path, "cannot be the path of a socket: \(String(cString: strerror(errno)))")
    }
    guard status.st_mode & S_IFMT == S_IFSOCK else {
      throw .invalidAddress(
        path, "expected a socket or nothing at this path, found another file, which stays as it is")
    }
    let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    let descriptor = socket(AF_UNIX, type, 0)
    guard descriptor >= 0 else { throw .failed(path, String(cString: strerror(errno))) }
    defer { close(descriptor) }
    let code = withSocketAddress(Array(path.utf8)) { connect(descriptor, $0, $1) == 0 ? 0 : errno }
    switch code {
    case ECONNREFUSED:
      guard unlink(path) == 0 || errno == ENOENT else {
        throw .failed(path, "cannot remove the stale socket: \(String(cString: strerror(errno)))")
      }
    case ENOENT: return
    // EAGAIN: its queue of connections is full. EPROTOTYPE: a socket of another type. Somebody has it.
    case 0, EAGAIN, EPROTOTYPE: throw .addressInUse(path, "another program serves this socket")
    default:
      throw .failed(
        path, "cannot tell whether another program serves this socket: \(String(cString: strerror(code)))")
    }
  }
}

/// Keeps other processes of ours from touching sockets in one folder.
struct FolderLock {
  private let descriptor: Int32

  /// Waits up to a second for it. Where the folder cannot be locked things go on without: the lock only guards against
  /// programs that start in the same moment.
  init(ofFile path: String) {
    let folder: String
    if let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) {
      folder = slash == path.startIndex ? "/" : String(path[..<slash])
    } else {
      folder = "."
    }
    descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    for _ in 0..<100 where flock(descriptor, LOCK_EX | LOCK_NB) != 0 { usleep(10_000) }
  }

  func release() {
    if descriptor >= 0 { close(descriptor) }
  }
}
