import Foundation

/// How far one input is, as a line on the terminal that is drawn over and over.
struct ProgressBar {
  /// What is drawn, as a value so that it can be tested.
  struct State {
    var name: String
    var done: Int
    /// nil where nobody knows.
    var total: Int?
    var elapsedSeconds: Double

    /// At most `width` columns.
    func text(width: Int) -> String {
      let rate = elapsedSeconds > 0 ? Double(done) / elapsedSeconds : 0
      let shownRate = rate >= 10 ? String(Int(rate.rounded())) : String(format: "%.1f", rate)
      guard let total, total > 0 else { return fit("\(done) frames  \(shownRate)/s", width) }
      let share = min(1, Double(done) / Double(total))
      let percent = String(format: "%3d%%", Int((share * 100).rounded(.down)))
      let left = rate > 0 ? Self.clock(max(0, Double(total - done)) / rate) : "--:--"
      let tail = "\(percent) \(done)/\(total)  \(shownRate)/s  \(left) left"
      let barWidth = min(30, width - tail.count - min(name.count, 24) - 5)
      guard barWidth >= 5 else { return fit(tail, width) }
      let filled = Int((share * Double(barWidth)).rounded(.down))
      let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: barWidth - filled)
      return fit("[\(bar)] \(tail)", width)
    }

    private func fit(_ tail: String, _ width: Int) -> String {
      let room = width - tail.count - 2
      guard room >= 4 else { return String(tail.prefix(max(0, width))) }
      let shown = name.count <= room ? name : "…" + name.suffix(room - 1)
      return "\(shown)  \(tail)"
    }

    /// Minutes and seconds, with hours where needed.
    static func clock(_ seconds: Double) -> String {
      guard seconds.isFinite, seconds < 360_000 else { return "--:--" }
      let whole = Int(seconds.rounded(.up))
      let minutes = String(format: "%d:%02d", whole / 60 % 60, whole % 60)
      return whole < 3600 ? minutes : String(format: "%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60)
    }
  }

  private let name: String
  private let total: Int?
  private let isShown: Bool
  private let start = ContinuousClock.now
  private var lastDrawn: ContinuousClock.Instant?

  /// - Parameter isWanted: false for `--quiet`. It stays invisible, too, where standard error is no terminal, and
  ///   where result lines go to a terminal, whose display it would tear apart.
  init(name: String, total: Int?, isWanted: Bool, resultsGoToStandardOutput: Bool) {
    self.name = Diagnostics.printable(name)
    self.total = total
    isShown =
      isWanted && isatty(STDERR_FILENO) == 1 && !(resultsGoToStandardOutput && isatty(STDOUT_FILENO) == 1)
  }

  /// Draws at most eight times a second.
  mutating func update(done: Int) {
    guard isShown else { return }
    let now = ContinuousClock.now
    if let lastDrawn, now - lastDrawn < .milliseconds(125) { return }
    lastDrawn = now
    let elapsed = (now - start) / .seconds(1)
    let state = State(name: name, done: done, total: total, elapsedSeconds: elapsed)
    put("\r\u{1B}[K" + state.text(width: Self.terminalWidth - 1))
  }

  /// Takes the line away.
  mutating func finish() {
    if isShown, lastDrawn != nil { put("\r\u{1B}[K") }
    lastDrawn = nil
  }

  private func put(_ text: String) {
    try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
  }

  private static var terminalWidth: Int {
    var size = winsize()
    guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 10 else { return 80 }
    return Int(size.ws_col)
  }
}
