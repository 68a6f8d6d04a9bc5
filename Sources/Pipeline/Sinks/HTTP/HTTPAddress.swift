/// Where HTTP is served.
public struct HTTPAddress: Equatable, Sendable {
  /// A name or an address; IPv6 without brackets.
  public var host: String
  /// 0 = one that is free.
  public var port: Int

  public static let loopback = "127.0.0.1"

  public init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  /// - Parameter text: `HOST:PORT`, `[IPv6]:PORT`, or a port alone, which means this machine only.
  public init(parsing text: String) throws(SinkError) {
    func refuse(_ found: String) -> SinkError {
      .invalidAddress(text, "expected HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080, found \(found)")
    }
    guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { throw refuse("spaces or other odd characters") }
    let host: Substring
    let port: Substring
    if text.hasPrefix("[") {
      guard let bracket = text.firstIndex(of: "]") else { throw refuse("no closing bracket") }
      host = text[text.index(after: text.startIndex)..<bracket]
      let rest = text[text.index(after: bracket)...]
      guard rest.hasPrefix(":") else { throw refuse("no port") }
      guard host.contains(":") else { throw refuse("no IPv6 address in the brackets") }
      port = rest.dropFirst()
    } else if let colon = text.lastIndex(of: ":") {
      host = text[..<colon]
      port = text[text.index(after: colon)...]
      guard !host.contains(":") else { throw refuse("several colons without brackets") }
    } else {
      host = ""
      port = text[...]
    }
    guard !port.isEmpty, port.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(port),
      number <= 65_535
    else { throw refuse(port.isEmpty ? "no port" : "the port \"\(port)\"") }
    self.init(host: host.isEmpty ? Self.loopback : String(host), port: number)
  }
}

extension HTTPAddress: CustomStringConvertible {
  public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
