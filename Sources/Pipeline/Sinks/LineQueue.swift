import NIOCore

/// How much may wait for a reader.
public struct LineQueueLimits: Equatable, Sendable {
  public var lines: Int
  public var bytes: Int

  /// 512 lines are 17 seconds at 30 frames a second.
  public init(lines: Int = 512, bytes: Int = 1 << 20) {
    precondition(lines > 0 && bytes > 0, "a queue for \(lines) lines of \(bytes) bytes")
    self.lines = lines
    self.bytes = bytes
  }
}

/// A bounded queue of one reader's lines: what is too much goes, oldest first, and a gap stands for it.
///
/// Only frames and gaps go. A `hello` stays, unless a later one takes its place, and so does `end`.
struct LineQueue<Payload> {
  struct Entry {
    var kind: BroadcastLine.Kind
    var firstSequence: Int
    var lastSequence: Int
    /// In bytes.
    var size: Int
    var payload: Payload

    init(_ line: BroadcastLine, size: Int, payload: Payload) {
      kind = line.kind
      firstSequence = line.firstSequence
      lastSequence = line.sequence
      self.size = size
      self.payload = payload
    }
  }

  enum Item {
    case line(Payload)
    /// The lines that were lost between what was taken before and what will be taken next.
    case gap(StreamGap)
  }

  private let limits: LineQueueLimits
  /// The latest `hello` that had waited behind lost lines.
  private var hello: Entry?
  private var lost: ClosedRange<Int>?
  private var entries = CircularBuffer<Entry>()
  private var bytes = 0

  init(limits: LineQueueLimits) { self.limits = limits }

  /// Lines that wait; a gap counts as one.
  var count: Int { entries.count + (hello == nil ? 0 : 1) + (lost == nil ? 0 : 1) }
  var isEmpty: Bool { count == 0 }
  var isFull: Bool { entries.count >= limits.lines || bytes >= limits.bytes }

  /// - Returns: the number of lines that were lost for it.
  mutating func append(_ entry: Entry) -> Int {
    entries.append(entry)
    bytes += entry.size
    var lostLines = 0
    while entries.count > limits.lines || bytes > limits.bytes, loseOldest() { lostLines += 1 }
    return lostLines
  }

  mutating func popFirst() -> Item? {
    if let entry = hello.take() { return .line(entry.payload) }
    if let range = lost.take() {
      return .gap(
        StreamGap(firstSequence: range.lowerBound, lastSequence: range.upperBound, reason: StreamGap.slowReader))
    }
    guard let entry = entries.popFirst() else { return nil }
    bytes -= entry.size
    return .line(entry.payload)
  }

  /// Gives up every frame and gap that waits, so that little is left to be read.
  ///
  /// - Returns: their number.
  mutating func loseAll() -> Int {
    var lostLines = 0
    while loseOldest() { lostLines += 1 }
    return lostLines
  }

  private mutating func loseOldest() -> Bool {
    while let entry = entries.first {
      switch entry.kind {
      case .end: return false
      case .hello:
        entries.removeFirst()
        bytes -= entry.size
        hello = entry
      case .frame, .gap:
        entries.removeFirst()
        bytes -= entry.size
        let first = lost.map { min($0.lowerBound, entry.firstSequence) } ?? entry.firstSequence
        lost = first...max(lost?.upperBound ?? entry.lastSequence, entry.lastSequence)
        return true
      }
    }
    return false
  }
}

extension StreamGap {
  /// The reader of the lines did not keep up.
  static let slowReader = "slow-reader"
}

extension LineQueue.Item where Payload == [UInt8] {
  /// The line to be written.
  var bytes: [UInt8] {
    switch self {
    case .line(let bytes): bytes
    case .gap(let gap): encodedGap(gap)
    }
  }
}

/// The line that tells of a gap.
func encodedGap(_ gap: StreamGap) -> [UInt8] {
  var encoder = BroadcastLineEncoder()
  return encoder.gap(gap).bytes
}
