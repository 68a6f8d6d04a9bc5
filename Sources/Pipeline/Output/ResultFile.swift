import Glibc

/// A result file that appears under its name only when it is complete.
///
/// Lines go to a file without a name (`O_TMPFILE`), which vanishes by itself with the process that wrote it, however
/// that one ends. File systems that cannot do so get a hidden temporary file beside the final one.
public final class ResultFile: LineSink {
  /// The final name.
  public let path: String
  private let descriptor: Int32
  /// nil while the file has no name.
  private var temporaryName: String?
  private let sink: DescriptorSink
  private var isFinished = false

  /// Starts the file; makes its folder, and those above, where they are missing.
  public init(path: String) throws(OutputError) {
    self.path = path
    let folder = Self.folder(of: path)
    try Self.makeFolder(folder)
    try Self.checkName(path)
    let nameless = open(folder, O_WRONLY | O_CLOEXEC | oTemporaryFile, 0o666)
    if nameless >= 0 {
      descriptor = nameless
    } else {
      let name = Self.temporaryName(beside: path)
      descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      guard descriptor >= 0 else { throw Self.failure(path, "cannot create a file in its folder") }
      temporaryName = name
    }
    sink = DescriptorSink(descriptor: descriptor, destination: path)
  }

  deinit {
    close(descriptor)
    if !isFinished, let temporaryName { unlink(temporaryName) }
  }

  public func write(_ line: LineBuffer) throws(OutputError) { try sink.write(line) }

  /// Makes the file appear under its name, in place of an older one. Without this call nothing appears.
  public func finish() throws(OutputError) {
    guard fsync(descriptor) == 0 else { throw Self.failure(path, "cannot write") }
    if temporaryName == nil {
      let name = Self.temporaryName(beside: path)
      guard linkat(AT_FDCWD, "/proc/self/fd/\(descriptor)", AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0 else {
        throw Self.failure(path, "cannot give the file a name")
      }
      temporaryName = name
    }
    guard rename(temporaryName!, path) == 0 else { throw Self.failure(path, "cannot rename the finished file") }
    isFinished = true
  }

  private static func failure(_ path: String, _ doing: String) -> OutputError {
    .failed(destination: path, "\(doing): \(String(cString: strerror(errno)))")
  }

  private static func folder(of path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  private static func makeFolder(_ folder: String) throws(OutputError) {
    var status = stat()
    if stat(folder, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { return }
    let parent = Self.folder(of: folder)
    if parent != folder, !folder.isEmpty { try makeFolder(parent) }
    if mkdir(folder, 0o777) != 0, errno != EEXIST { throw failure(folder, "cannot make the folder") }
    // Something that exists may still be no folder.
    guard stat(folder, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
      throw .failed(destination: folder, "expected a folder, found something else")
    }
  }

  /// What will not take the finished file is better told before hours of work than after them.
  private static func checkName(_ path: String) throws(OutputError) {
    var status = stat()
    if stat(path, &status) == 0 {
      guard status.st_mode & S_IFMT != S_IFDIR else {
        throw .failed(destination: path, "expected a place for a file, found a folder")
      }
    } else if errno != ENOENT {
      throw failure(path, "cannot be the name of a file")
    }
  }

  private static func temporaryName(beside path: String) -> String {
    let folder = folder(of: path)
    return "\(folder)/.ferd-\(getpid())-\(String(UInt64.random(in: 0...UInt64.max), radix: 36)).partial"
  }
}

/// `O_TMPFILE`, a macro that Swift does not import: `__O_TMPFILE | O_DIRECTORY` on all Linux architectures that Swift
/// runs on.
private let oTemporaryFile: Int32 = 0o20_000_000 | O_DIRECTORY
