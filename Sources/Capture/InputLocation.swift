import Glibc

/// Where an input's bytes come from, found out before FFmpeg sees it: its own messages for these cases say less,
/// and it takes a file called `a:b.mp4` for a protocol.
enum InputLocation: Equatable {
  /// A regular file.
  case file(path: String)
  /// Bytes from a descriptor that may keep us waiting (a pipe, a FIFO, a terminal) or is standard input.
  case descriptor(Int32, owned: Bool)
  /// Whatever FFmpeg makes of it.
  case url(String)

  init(_ input: String) throws(CaptureError) {
    if input == "-" {
      self = .descriptor(STDIN_FILENO, owned: false)
      return
    }
    guard !input.isEmpty else { throw CaptureError(.noSuchInput, input: input, "an empty name") }
    if let scheme = InputLocation.scheme(of: input) {
      guard scheme == "file" else {
        self = .url(input)
        return
      }
      self = try InputLocation.local(String(input.dropFirst("file://".count)), input: input)
      return
    }
    self = try InputLocation.local(input, input: input)
  }

  /// The part before `://`, in lower case; nil where the input is a path.
  static func scheme(of input: String) -> String? {
    guard let end = input.utf8.firstIndex(of: UInt8(ascii: ":")), input[end...].hasPrefix("://") else { return nil }
    let scheme = input[..<end].lowercased()
    let isValid = scheme.utf8.enumerated().allSatisfy { index, byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"): true
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."): index > 0
      default: false
      }
    }
    return isValid && !scheme.isEmpty ? scheme : nil
  }

  private static func local(_ path: String, input: String) throws(CaptureError) -> InputLocation {
    var status = stat()
    let found = SystemCall.retrying { Int(stat(path, &status)) }
    guard found >= 0 else {
      let code = Int32(-found)
      throw CaptureError(
        code == EACCES ? .unreadable : .noSuchInput, input: input, SystemCall.describe(errno: code))
    }
    switch status.st_mode & S_IFMT {
    case S_IFDIR: throw CaptureError(.unreadable, input: input, "expected a video or a picture, found a folder")
    case S_IFREG:
      guard status.st_size > 0 else { throw CaptureError(.unreadable, input: input, "the file is empty") }
      guard access(path, R_OK) == 0 else {
        throw CaptureError(.unreadable, input: input, SystemCall.describe(errno: errno))
      }
      return .file(path: path)
    case S_IFCHR where CameraSource.isVideo(status.st_rdev):
      throw CaptureError(
        .unreadable, input: input, "expected a file, found a camera; \"ferd stream\" reads cameras")
    case S_IFIFO, S_IFCHR:
      // Without O_NONBLOCK, opening a FIFO waits for its writer where no cancellation can reach it.
      let descriptor = SystemCall.retrying { Int(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)) }
      guard descriptor >= 0 else {
        throw CaptureError(.unreadable, input: input, SystemCall.describe(errno: Int32(-descriptor)))
      }
      return .descriptor(Int32(descriptor), owned: true)
    default:
      throw CaptureError(.unreadable, input: input, "expected a file or a pipe, found a socket or block device")
    }
  }
}
