/// Why frames have no line.
enum GapReason: String, Sendable {
  /// There was no time to work on them.
  case overload
  /// The source lost them: its driver, its decoder or the network.
  case dropped
  /// The source was away and has been opened again.
  case reconnect
}

/// Remembers which numbers the source left out, and why, until the lines get there. Numbers that are missing for no such
/// reason were left out by the pipeline.
struct GapLedger: Equatable {
  private struct Entry: Equatable {
    var first: Int
    var last: Int
    var reason: GapReason
  }

  /// Losses that nobody has asked for are summed up beyond so many.
  private static let limit = 1024

  private var entries: [Entry] = []

  init() {}

  /// To be told in ascending order.
  mutating func note(_ range: ClosedRange<Int>, _ reason: GapReason) {
    if let last = entries.last {
      precondition(range.lowerBound > last.last, "\(range) after \(last.last)")
      if (last.reason == reason && last.last + 1 == range.lowerBound) || entries.count >= Self.limit {
        entries[entries.count - 1].last = range.upperBound
        return
      }
    }
    entries.append(Entry(first: range.lowerBound, last: range.upperBound, reason: reason))
  }

  /// Splits a range of missing numbers by reason and forgets about it.
  ///
  /// - Parameter range: must follow all those asked for before.
  mutating func gaps(in range: Range<Int>, into gaps: inout [StreamGap]) {
    gaps.removeAll(keepingCapacity: true)
    var next = range.lowerBound
    func add(upTo end: Int, _ reason: GapReason) {
      if next < end { gaps.append(StreamGap(firstSequence: next, lastSequence: end - 1, reason: reason.rawValue)) }
      next = max(next, end)
    }
    var done = 0
    for entry in entries {
      guard entry.first < range.upperBound else { break }
      add(upTo: entry.first, .overload)
      add(upTo: min(entry.last + 1, range.upperBound), entry.reason)
      if entry.last >= range.upperBound {
        entries[done].first = range.upperBound
        break
      }
      done += 1
    }
    entries.removeFirst(done)
    add(upTo: range.upperBound, .overload)
  }
}
