/// One finished output line on its way to everybody who reads the stream; its bytes are shared, not copied.
public struct BroadcastLine: Sendable {
  public enum Kind: String, Sendable {
    case hello, frame, gap, end
  }

  public let kind: Kind
  /// Number of the frame, or of the last one of a gap; 0 for the other kinds.
  public let sequence: Int
  /// The same as `sequence`, but for a gap its first frame.
  public let firstSequence: Int
  /// Of a frame.
  public let faceCount: Int
  /// The whole line with its line break.
  public let bytes: [UInt8]

  /// - Parameter firstSequence: of a gap; nil = a gap of one frame.
  public init(kind: Kind, sequence: Int, firstSequence: Int? = nil, faceCount: Int = 0, bytes: [UInt8]) {
    precondition(bytes.last == UInt8(ascii: "\n"), "a line without its end")
    precondition((firstSequence ?? sequence) <= sequence, "a gap from \(firstSequence ?? 0) to \(sequence)")
    self.kind = kind
    self.sequence = sequence
    self.firstSequence = firstSequence ?? sequence
    self.faceCount = faceCount
    self.bytes = bytes
  }
}

/// Where a live stream's lines go: one `hello`, frames and gaps in order, one `end`. A later `hello` tells that what
/// the first one said has changed; numbers go on.
public protocol LiveOutput: AnyObject, Sendable {
  /// Called by one thread. Returns at once for cameras; for files it may wait for slow readers.
  func publish(_ line: BroadcastLine)
}

/// Makes lines of `docs/output.schema.json` for a `LiveOutput`.
public struct BroadcastLineEncoder: Sendable {
  private var encoder = JSONLinesEncoder()
  private var buffer = LineBuffer()

  public init() {}

  /// A copy without the buffer's spare room.
  private var finishedBytes: [UInt8] { buffer.bytes.withUnsafeBufferPointer { Array($0) } }

  public mutating func hello(_ header: StreamHeader) -> BroadcastLine {
    buffer.removeAll()
    encoder.hello(header, into: &buffer)
    return BroadcastLine(kind: .hello, sequence: 0, bytes: finishedBytes)
  }

  /// Must follow a `hello`.
  public mutating func frame(_ annotation: FrameAnnotation) -> BroadcastLine {
    buffer.removeAll()
    encoder.frame(annotation, into: &buffer)
    return BroadcastLine(
      kind: .frame, sequence: annotation.sequence, faceCount: annotation.faces.count, bytes: finishedBytes)
  }

  public mutating func gap(_ gap: StreamGap) -> BroadcastLine {
    buffer.removeAll()
    encoder.gap(gap, into: &buffer)
    return BroadcastLine(
      kind: .gap, sequence: gap.lastSequence, firstSequence: gap.firstSequence, bytes: finishedBytes)
  }

  public mutating func end(_ summary: StreamSummary) -> BroadcastLine {
    buffer.removeAll()
    encoder.end(summary, into: &buffer)
    return BroadcastLine(kind: .end, sequence: 0, bytes: finishedBytes)
  }
}
