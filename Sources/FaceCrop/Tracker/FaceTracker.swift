import Pixels

/// Gives the faces of consecutive frames numbers that stay: a value, without clock, input or output.
///
/// Detections are assigned to tracks in two rounds, as in ByteTrack (Zhang et al., 2022): first the sure ones, then the
/// doubtful ones to the tracks that are left. A doubtful detection so keeps a track alive but never starts one. Within
/// a round the pair that fits best is taken first.
public struct FaceTracker: Sendable {
  public struct Options: Equatable, Sendable {
    /// A detection at least so sure starts a track that is told at once.
    public var immediateScore: Float = 0.7
    /// One at least so sure starts a track that is told when `confirmationHits` frames have seen it at least so surely, or
    /// at once in a stream's first frame.
    public var startScore: Float = 0.5
    /// One at least so sure continues a track; give the detector this threshold.
    public var keepScore: Float = 0.3
    /// 1 = every track is told at once.
    public var confirmationHits = 2
    /// A track ends after more frames without its face than this…
    public var maximumMissedFrames = 2
    /// …unless it was seen within this time, in nanoseconds: useful for high frame rates. 0 = only frames count.
    public var maximumMissedNanoseconds: Int64 = 0
    /// Intersection over union at which a detection fits a track.
    public var minimumOverlap: Float = 0.25
    /// Distance of the centres, in mean sizes of the two boxes, at which a detection of similar size (`maximumSizeRatio`)
    /// fits too: a face may move by more than its overlap between two frames. It grows by half for each missed frame.
    public var maximumDistance: Float = 0.7
    public var maximumSizeRatio: Float = 1.7
    /// Whether a track expects its face to go on moving as it did.
    public var predictsMotion = true
    /// Share of the former box and landmarks in those that are told, 0 (as detected) to below 1. It steadies crops, and
    /// lets boxes lag behind.
    public var smoothing: Float = 0
    /// Whether faces missed for the moment are told where they are expected.
    public var reportsMissedFaces = false

    public init() {}

    /// For a detector whose evaluation showed that faces from this score on can be trusted: that starts a track, three
    /// tenths of the way from there to certainty starts one at once, and three fifths of it continue one.
    public init(scoreThreshold: Float) {
      precondition(0..<1 ~= scoreThreshold, "a score threshold of \(scoreThreshold)")
      startScore = scoreThreshold
      immediateScore = scoreThreshold + 0.3 * (1 - scoreThreshold)
      keepScore = 0.6 * scoreThreshold
    }
  }

  public let options: Options
  private var tracks: [Track] = []
  private var lastNumber = 0
  private var lastTime: Int64 = 0
  private var isFirstFrame = true
  /// Which detections have found their track; kept for its memory.
  private var isTaken: [Bool] = []

  public init(options: Options = Options()) {
    precondition(
      0..<1 ~= options.smoothing && options.confirmationHits >= 1 && options.maximumMissedFrames >= 0
        && options.keepScore <= options.startScore && options.startScore <= options.immediateScore,
      "tracker options \(options)")
    self.options = options
  }

  /// Goes on with another tracker's tracks and numbers, under other options.
  public init(options: Options, continuing other: FaceTracker) {
    self.init(options: options)
    tracks = other.tracks
    lastNumber = other.lastNumber
    lastTime = other.lastTime
    isFirstFrame = other.isFirstFrame
  }

  /// Forgets all tracks, as after a seek; numbers go on counting.
  public mutating func reset() {
    tracks.removeAll(keepingCapacity: true)
    isFirstFrame = true
  }

  /// Takes the detections of the next frame and replaces `faces` by those that are to be told, by track number.
  ///
  /// - Parameters:
  ///   - timeNanoseconds: of the frame, on a clock that does not go back.
  ///   - startsTracks: false where the detector looked for the faces of `expectedFaces` alone.
  public mutating func update(
    _ detections: [DetectedFace], timeNanoseconds: Int64, startsTracks: Bool = true, into faces: inout [TrackedFace]
  ) {
    lastTime = max(lastTime, timeNanoseconds)
    let time = lastTime
    isTaken.removeAll(keepingCapacity: true)
    for _ in detections { isTaken.append(false) }
    for index in tracks.indices {
      tracks[index].expect(at: time, moving: options.predictsMotion)
    }
    assign(detections, from: options.startScore, to: .infinity, time: time)
    assign(detections, from: options.keepScore, to: options.startScore, time: time)
    endLostTracks(time: time)
    if startsTracks {
      for (index, face) in detections.enumerated() where !isTaken[index] && face.score >= options.startScore {
        tracks.append(Track(face: face, time: time))
      }
    }
    for index in tracks.indices where tracks[index].number == 0 {
      guard
        isFirstFrame || tracks[index].hits >= options.confirmationHits
          || tracks[index].bestScore >= options.immediateScore
      else { continue }
      lastNumber += 1
      tracks[index].number = lastNumber
    }
    isFirstFrame = false
    tell(into: &faces)
  }

  /// Replaces `faces` by where the tracked faces are expected at a time, for frames in which nobody looks for faces.
  ///
  /// Such frames are not counted as missed. `missedFrames` of the faces is that of the last frame with detections.
  public func expected(atNanoseconds time: Int64, into faces: inout [TrackedFace]) {
    faces.removeAll(keepingCapacity: true)
    for track in tracks where track.number > 0 && (track.missedFrames == 0 || options.reportsMissedFaces) {
      var copy = track
      copy.expect(at: max(time, lastTime), moving: options.predictsMotion)
      faces.append(TrackedFace(track: copy.number, face: copy.expected, missedFrames: copy.missedFrames))
    }
    faces.sort { $0.track < $1.track }
  }

  /// Replaces `faces` by where the faces of all tracks, also of those that are not told yet, are expected at a time.
  ///
  /// - Returns: how many of them, the first ones, the last frame has seen.
  public func expectedFaces(atNanoseconds time: Int64, into faces: inout [DetectedFace]) -> Int {
    faces.removeAll(keepingCapacity: true)
    var seen = 0
    for isSeen in [true, false] {
      for track in tracks where (track.missedFrames == 0) == isSeen {
        var copy = track
        copy.expect(at: max(time, lastTime), moving: options.predictsMotion)
        faces.append(copy.expected)
        if isSeen { seen += 1 }
      }
    }
    return seen
  }

  /// One round: detections of `low <= score < high` to the tracks that this frame has not seen yet.
  private mutating func assign(_ detections: [DetectedFace], from low: Float, to high: Float, time: Int64) {
    while true {
      var best: (track: Int, detection: Int, fit: Float)?
      for (detection, face) in detections.enumerated()
      where !isTaken[detection] && face.score >= low && face.score < high {
        for track in tracks.indices where !tracks[track].isSeen {
          guard let fit = fit(face, tracks[track]) else { continue }
          if best.map({ fit > $0.fit }) ?? true { best = (track, detection, fit) }
        }
      }
      guard let best else { return }
      isTaken[best.detection] = true
      let detection = detections[best.detection]
      tracks[best.track].see(
        detection, time: time, smoothing: options.smoothing, confirms: detection.score >= options.startScore)
    }
  }

  /// How well a detection fits a track, nil = not at all.
  private func fit(_ face: DetectedFace, _ track: Track) -> Float? {
    let (a, b) = (face.box, track.expected.box)
    let overlap = a.overlap(with: b)
    let sizes = (a.size, b.size)
    let (dx, dy) = (a.center.x - b.center.x, a.center.y - b.center.y)
    let distance = (dx * dx + dy * dy).squareRoot() / max((sizes.0 + sizes.1) / 2, 1e-6)
    let reach = options.maximumDistance * (1 + 0.5 * Float(track.missedFrames))
    let isNear =
      distance <= reach && max(sizes.0, sizes.1) <= options.maximumSizeRatio * min(sizes.0, sizes.1)
    guard overlap >= options.minimumOverlap || isNear else { return nil }
    return overlap - distance
  }

  /// Counts the frame for the tracks that it has not seen and drops those that are over.
  private mutating func endLostTracks(time: Int64) {
    for index in tracks.indices where !tracks[index].isSeen { tracks[index].missedFrames += 1 }
    let options = options
    tracks.removeAll { track in
      guard !track.isSeen else { return false }
      // What nobody has been told of must be seen in successive frames.
      return track.number == 0
        || (track.missedFrames > options.maximumMissedFrames
          && time - track.lastSeen >= options.maximumMissedNanoseconds)
    }
  }

  private func tell(into faces: inout [TrackedFace]) {
    faces.removeAll(keepingCapacity: true)
    for track in tracks where track.number > 0 && (track.isSeen || options.reportsMissedFaces) {
      faces.append(
        TrackedFace(
          track: track.number, face: track.isSeen ? track.face : track.expected, missedFrames: track.missedFrames))
    }
    faces.sort { $0.track < $1.track }
  }
}

extension Rect {
  /// Side of the square of the same area.
  fileprivate var size: Float { area.squareRoot() }
}
