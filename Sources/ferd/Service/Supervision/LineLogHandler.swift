import Foundation
import Logging
import Threads

/// Writes each event of the log as one line to standard error: time, level, what happened, and its circumstances as
/// `key=value`.
///
/// Where standard error is the journal, which has its own clock, the time is left out and the level stands in front as the
/// journal understands it (sd-daemon(3)).
struct LineLogHandler: LogHandler {
  /// What all handlers of the program share.
  final class Shared: Sendable {
    fileprivate let level: Guarded<Logger.Level>
    fileprivate let isJournal: Bool
    fileprivate let write: @Sendable (String) -> Void

    /// - Parameter write: takes a line with its end.
    init(level: Logger.Level, isJournal: Bool, write: @escaping @Sendable (String) -> Void) {
      self.level = Guarded(level)
      self.isJournal = isJournal
      self.write = write
    }

    /// For standard error.
    convenience init(level: Logger.Level, environment: [String: String] = ProcessInfo.processInfo.environment) {
      self.init(level: level, isJournal: Self.isJournal(STDERR_FILENO, environment)) { line in
        // Where standard error is gone, there is nobody left to tell.
        let bytes = Array(line.utf8)
        while Foundation.write(STDERR_FILENO, bytes, bytes.count) < 0, errno == EINTR {}
      }
    }

    /// For all loggers that have none of their own.
    func setLevel(_ level: Logger.Level) { self.level.withLock { $0 = level } }

    /// `JOURNAL_STREAM` names the device and inode of the stream to the journal (systemd.exec(5)).
    static func isJournal(_ descriptor: Int32, _ environment: [String: String]) -> Bool {
      var status = stat()
      guard let stream = environment["JOURNAL_STREAM"], fstat(descriptor, &status) == 0 else { return false }
      return stream == "\(status.st_dev):\(status.st_ino)"
    }
  }

  private let shared: Shared
  private let label: String
  private var ownLevel: Logger.Level?
  var metadata: Logger.Metadata = [:]

  init(label: String, shared: Shared) {
    self.label = label
    self.shared = shared
  }

  var logLevel: Logger.Level {
    get { ownLevel ?? shared.level.withLock { $0 } }
    set { ownLevel = newValue }
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    var line =
      shared.isJournal ? "<\(Self.priority(of: event.level))>" : "\(Self.timestamp()) \(event.level.rawValue) "
    line += "\(label): \(Diagnostics.printable(event.message.description))"
    var circumstances = metadata.merging(event.metadata ?? [:]) { $1 }
    if let error = event.error { circumstances["error"] = "\(error)" }
    for (key, value) in circumstances.sorted(by: { $0.key < $1.key }) {
      line += " \(key)=\(Self.text(of: value))"
    }
    shared.write(line + "\n")
  }

  /// In quotes where it could be taken for more than one value.
  private static func text(of value: Logger.Metadata.Value) -> String {
    let text = Diagnostics.printable("\(value)")
    let isPlain = !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && !"\"=\\".utf8.contains($0) }
    guard !isPlain else { return text }
    return "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
  }

  /// Of syslog(3).
  private static func priority(of level: Logger.Level) -> Int32 {
    switch level {
    case .trace, .debug: LOG_DEBUG
    case .info: LOG_INFO
    case .notice: LOG_NOTICE
    case .warning: LOG_WARNING
    case .error: LOG_ERR
    case .critical: LOG_CRIT
    }
  }

  /// ISO 8601 with milliseconds, in UTC.
  private static func timestamp() -> String {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    var seconds = time.tv_sec
    var parts = tm()
    gmtime_r(&seconds, &parts)
    return String(
      format: "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
      parts.tm_hour, parts.tm_min, parts.tm_sec, time.tv_nsec / 1_000_000)
  }
}
