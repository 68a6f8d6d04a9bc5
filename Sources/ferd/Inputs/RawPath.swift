import Foundation

/// A path as the kernel knows it: bytes, which need not be UTF-8.
///
/// Swift's strings replace what is not UTF-8, and then name another file; such a file is opened here, by its bytes, and
/// handed on under the name of the descriptor.
struct RawPath: Equatable, Hashable {
  var bytes: [UInt8]

  init(bytes: [UInt8]) { self.bytes = bytes }

  init(_ text: String) { bytes = Array(text.utf8) }

  /// For output and messages; what is not UTF-8 shows as U+FFFD.
  var displayName: String { String(decoding: bytes, as: UTF8.self) }

  /// For names of files made after this one: in a path that is not UTF-8, what is not ASCII stands as %XX, so that
  /// different names stay different.
  var fileName: String {
    if isValidUTF8 { return displayName }
    return bytes.map { byte in
      byte < 0x80 ? String(UnicodeScalar(byte)) : "%" + String(byte, radix: 16, uppercase: true)
    }.joined()
  }

  var isValidUTF8: Bool { String(validating: bytes, as: UTF8.self) != nil }

  /// Ends with a zero byte, for the C library.
  var terminated: [CChar] { bytes.map { CChar(bitPattern: $0) } + [0] }

  func appending(_ component: [UInt8]) -> RawPath {
    RawPath(bytes: bytes.last == UInt8(ascii: "/") ? bytes + component : bytes + [UInt8(ascii: "/")] + component)
  }

  /// The part behind the last slash.
  var lastComponent: [UInt8] {
    Array(bytes.split(separator: UInt8(ascii: "/")).last ?? [])
  }

  /// The parts between slashes, without empty ones and `.`.
  var components: [[UInt8]] {
    bytes.split(separator: UInt8(ascii: "/")).map(Array.init).filter { $0 != [UInt8(ascii: ".")] }
  }

  var kind: Kind {
    var status = stat()
    guard stat(terminated, &status) == 0 else { return .missing }
    return switch status.st_mode & S_IFMT {
    case S_IFDIR: .folder
    case S_IFREG: .file
    default: .other
    }
  }

  enum Kind {
    /// Also what a link points to, or what lies in a folder that may not be entered.
    case missing
    case folder
    case file
    /// A pipe, a device, a socket.
    case other
  }
}

/// A path that Swift code can open, for as long as this object lives.
final class OpenablePath: Sendable {
  let path: String
  private let descriptor: Int32?

  init(_ raw: RawPath) throws(CommandFailure) {
    if raw.isValidUTF8 {
      path = raw.displayName
      descriptor = nil
      return
    }
    let opened = open(raw.terminated, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard opened >= 0 else {
      let code = errno
      throw CommandFailure(
        code == ENOENT ? .noSuchInput : .unreadable, "\(raw.displayName): \(String(cString: strerror(code)))")
    }
    path = "/proc/self/fd/\(opened)"
    descriptor = opened
  }

  deinit {
    if let descriptor { close(descriptor) }
  }
}

/// The program's arguments by their bytes.
struct RawArguments {
  /// Arguments that are not UTF-8, by what Swift made of them, in order.
  private var damaged: [String: [RawPath]] = [:]

  init(_ arguments: [[UInt8]]) {
    for bytes in arguments {
      let path = RawPath(bytes: bytes)
      if !path.isValidUTF8 { damaged[path.displayName, default: []].append(path) }
    }
  }

  /// The running program's.
  static var ofProgram: RawArguments {
    RawArguments(
      (0..<Int(CommandLine.argc)).compactMap { index in
        CommandLine.unsafeArgv[index].map { pointer in
          Array(UnsafeRawBufferPointer(start: pointer, count: strlen(pointer)))
        }
      })
  }

  /// What the user really typed for an argument that arrived as `text`.
  mutating func path(for text: String) -> RawPath {
    guard var paths = damaged[text], !paths.isEmpty else { return RawPath(text) }
    let path = paths.removeFirst()
    damaged[text] = paths
    return path
  }
}
