/// Where a UNIX socket is.
public enum SocketEndpoint: Equatable, Sendable {
  /// A file.
  case file(String)
  /// A name in Linux' abstract namespace: no file, no permissions, everybody on the machine may connect (unix(7)).
  case abstract(String)
  /// A listening socket that systemd passed on (sd_listen_fds(3)); nil = the only one.
  case systemd(name: String?)

  /// What fits into an address on all systems, with its final NUL.
  static let maximumLength = 103

  /// - Parameter text: a path, `@NAME` or `systemd:[NAME]`.
  public init(parsing text: String) throws(SinkError) {
    if text.hasPrefix("systemd:") {
      let name = String(text.dropFirst("systemd:".count))
      self = .systemd(name: name.isEmpty ? nil : name)
      return
    }
    let isAbstract = text.hasPrefix("@")
    let name = isAbstract ? String(text.dropFirst()) : text
    guard !name.isEmpty else {
      throw .invalidAddress(text, "expected the path of a socket, @NAME or systemd:, found nothing")
    }
    guard name.utf8.count <= Self.maximumLength else {
      throw .invalidAddress(
        text,
        "expected at most \(Self.maximumLength) bytes, found \(name.utf8.count): shorten the path of the socket")
    }
    guard !name.utf8.contains(0) else {
      throw .invalidAddress(text.replacing("\0", with: "?"), "expected a path without NUL")
    }
    self = isAbstract ? .abstract(name) : .file(name)
  }
}

extension SocketEndpoint: CustomStringConvertible {
  public var description: String {
    switch self {
    case .file(let path): path
    case .abstract(let name): "@\(name)"
    case .systemd(let name): "systemd:\(name ?? "")"
    }
  }
}
