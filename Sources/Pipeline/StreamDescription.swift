/// What a stream's lines have in common: its first line.
public struct StreamHeader: Equatable, Sendable {
  /// The program's version.
  public var version: String
  /// The input as the user gave it.
  public var source: String
  /// Width of the upright picture in pixels.
  public var width: Int
  /// Height of the upright picture in pixels.
  public var height: Int
  /// Names of the classes, in the order of every score vector.
  public var labels: [String]
  /// Name and checksum of the ensemble, such as `default@1f3c90ab12cd`.
  public var model: String
  /// One factor for each label.
  public var bias: [Float]
  /// Of the correction: p' = p^(1/T) · b / Σ p^(1/T) · b; 1 = none.
  public var temperature: Float
  /// Of live streams: which frames and faces are worked on.
  public var policy: StreamPolicy?

  public init(
    version: String, source: String, width: Int, height: Int, labels: [String], model: String, bias: [Float],
    temperature: Float = 1, policy: StreamPolicy? = nil
  ) {
    precondition(bias.count == labels.count, "\(bias.count) bias factors for \(labels.count) labels")
    self.version = version
    self.source = source
    self.width = width
    self.height = height
    self.labels = labels
    self.model = model
    self.bias = bias
    self.temperature = temperature
    self.policy = policy
  }
}

/// What a live stream does when there is no time for everything.
public struct StreamPolicy: Equatable, Sendable {
  public var frames: FramePolicy
  /// Frames from one look at the whole picture to the next; nil = as there is time for.
  public var detectEvery: Int?
  /// Frames from one classification of a face to the next; nil = as there is time for, all in turn.
  public var reclassifyEvery: Int?

  public init(frames: FramePolicy, detectEvery: Int? = nil, reclassifyEvery: Int? = nil) {
    self.frames = frames
    self.detectEvery = detectEvery
    self.reclassifyEvery = reclassifyEvery
  }
}

/// Why a stream ended.
public enum StreamEndReason: String, CaseIterable, Sendable {
  /// The input is over.
  case endOfInput = "eof"
  /// SIGINT or SIGTERM.
  case signal
  /// Reading or writing failed on the way; the message is on standard error.
  case error
  /// Whoever read the lines went away; only the other readers of a live stream ever see it.
  case readerGone = "reader-gone"
}

/// What came of a stream: its last line.
public struct StreamSummary: Equatable, Sendable {
  /// Lines of type `frame`.
  public var frames = 0
  /// Faces in all of them.
  public var faces = 0
  /// Parts of the input that could not be decoded.
  public var decodeErrors = 0
  /// Frames that were lost; always 0 for files.
  public var dropped = 0
  public var reason = StreamEndReason.endOfInput

  public init() {}
}

/// A run of frames or lines that was lost.
public struct StreamGap: Equatable, Sendable {
  /// First lost frame.
  public var firstSequence: Int
  /// Last lost frame.
  public var lastSequence: Int
  /// Such as `slow-reader`.
  public var reason: String

  public init(firstSequence: Int, lastSequence: Int, reason: String) {
    self.firstSequence = firstSequence
    self.lastSequence = lastSequence
    self.reason = reason
  }
}
