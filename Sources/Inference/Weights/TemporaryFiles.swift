import Glibc

/// The files that become others once they are whole: `model.safetensors.4711.123456.tmp` (process, random number).
///
/// Whoever writes one holds a lock on it. One without a lock was left behind by a process that was killed.
enum TemporaryFiles {
  /// More than it takes from making a file to locking it.
  private static let secondsToLock = 5

  static func name(for path: String) -> String { "\(path).\(getpid()).\(UInt32.random(in: 0 ... .max)).tmp" }

  /// Shows that somebody is writing the file, for as long as it is open. Where a file system has no locks, nothing is ever
  /// removed either.
  static func claim(_ descriptor: Int32) { flock(descriptor, LOCK_EX | LOCK_NB) }

  /// Removes what killed processes left of `path`.
  static func removeAbandoned(of path: String) {
    let start = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
    let folder = start == path.startIndex ? "." : String(path[..<start])
    let prefix = "\(path[start...])."
    guard let listing = opendir(folder) else { return }
    defer { closedir(listing) }
    while let entry = readdir(listing) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard name.hasPrefix(prefix), isTemporary(name.dropFirst(prefix.count)) else { continue }
      removeUnlocked("\(folder)/\(name)")
    }
  }

  /// True for two numbers and the ending.
  private static func isTemporary(_ rest: Substring) -> Bool {
    let parts = rest.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 3 && parts[2] == "tmp"
      && parts[..<2].allSatisfy {
        !$0.isEmpty && $0.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
      }
  }

  private static func removeUnlocked(_ path: String) {
    let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    // A file that was just made may not be locked yet.
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      time(nil) - status.st_mtim.tv_sec > secondsToLock, flock(descriptor, LOCK_EX | LOCK_NB) == 0
    else { return }
    unlink(path)
  }
}
