public import FaceCrop
public import Pixels

/// Detects faces and follows them from frame to frame.
///
/// The detector does not look at every frame of a video with many frames a second. In between faces are told where they
/// are expected or, in live streams, looked for in these regions; but a picture that has changed noticeably is looked at
/// in any case. Where a stream changes its resolution on the way, faces keep their tracks: they are followed in pixels of
/// the first frame.
public final class TrackingFaceFinder: LiveFaceFinder {
  /// The detector must tell the doubtful faces, too, with which the tracker keeps a face that it knows.
  public static let detectionThreshold = FaceTracker.Options().keepScore
  /// How often the detector looks where the user says nothing: heads hardly turn faster.
  static let detectionsPerSecond = 12.0
  /// How long a track lasts without its face where every frame is looked at: a quarter of a second.
  private static let longestMiss: Int64 = 250_000_000

  private let detector: FaceDetector
  private let trackerOptions: FaceTracker.Options
  private let detectEvery: Int?
  private var isStillPicture = false
  private let looksAtRegions: Bool
  /// Frames from one look at the whole picture to the next, at most.
  public var scanInterval = 1
  public private(set) var lastScan = FaceScan.none
  private var tracker: FaceTracker
  private var change = PictureChange()
  /// Of the stream's first frame; nil before it.
  private var firstSize: (width: Int, height: Int)?
  private var framesSinceLook = 0
  private var detections: [DetectedFace] = []
  private var expected: [DetectedFace] = []
  private var tracked: [TrackedFace] = []

  /// - Parameters:
  ///   - detector: with a score threshold of `detectionThreshold`.
  ///   - detectEvery: look at every so-manieth frame at least; nil = so often that it is `detectionsPerSecond`.
  ///   - looksAtRegions: looks for known faces in the frames in between, too.
  public init(
    detector: FaceDetector, trackerOptions: FaceTracker.Options = FaceTracker.Options(), detectEvery: Int? = nil,
    looksAtRegions: Bool = false
  ) {
    precondition(detectEvery ?? 1 >= 1, "a detection in every \(detectEvery ?? 1)th frame")
    self.detector = detector
    var options = trackerOptions
    if looksAtRegions {
      // Two frames in succession are no time at all where every frame is looked at.
      options.maximumMissedNanoseconds = max(options.maximumMissedNanoseconds, Self.longestMiss)
    }
    self.trackerOptions = options
    self.detectEvery = detectEvery
    self.looksAtRegions = looksAtRegions
    tracker = FaceTracker(options: options)
  }

  public func prepare(width: Int, height: Int) throws {
    try LumaImage(width: width, height: height, filledWith: 128).withPlane { plane throws in
      try detector.detect(in: plane, into: &detections)
      guard looksAtRegions else { return }
      let center = Rect(x: Float(width) / 2, y: Float(height) / 2, width: 1, height: 1)
      let point = center.center
      let face = DetectedFace(
        box: center,
        landmarks: FaceLandmarks(
          rightEye: point, leftEye: point, nose: point, rightMouthCorner: point, leftMouthCorner: point), score: 1)
      _ = try detector.detect(in: plane, around: [face], into: &detections)
    }
  }

  public func forgetTracks() {
    tracker.reset()
    change.reset()
  }

  public func take(over other: any LiveFaceFinder) {
    scanInterval = other.scanInterval
    guard let other = other as? TrackingFaceFinder else { return }
    tracker = FaceTracker(options: trackerOptions, continuing: other.tracker)
    firstSize = other.firstSize
    // The new detector may see faces that the old one did not.
    change.reset()
  }

  public func beginStream(isStillPicture: Bool, frameRate: Double?) {
    self.isStillPicture = isStillPicture
    var options = trackerOptions
    if isStillPicture { options.confirmationHits = 1 }
    tracker = FaceTracker(options: options)
    change.reset()
    firstSize = nil
    framesSinceLook = 0
    scanInterval = detectEvery ?? Self.interval(frameRate: frameRate)
    lastScan = .none
  }

  /// Frames from one look to the next for a video of so many frames a second.
  static func interval(frameRate: Double?) -> Int {
    guard let frameRate, frameRate.isFinite else { return 1 }
    // Films run at 24,000 / 1,001 frames a second: nearly twice is twice.
    return Int((frameRate / detectionsPerSecond + 0.005).clamped(to: 1...4))
  }

  public func findFaces(
    in luma: LumaPlane, timeNanoseconds: Int64, into faces: inout [FaceAnnotation]
  ) throws {
    framesSinceLook += 1
    let firstSize = firstSize ?? (luma.width, luma.height)
    self.firstSize = firstSize
    let (scaleX, scaleY) = (
      Float(luma.width) / Float(firstSize.width), Float(luma.height) / Float(firstSize.height)
    )
    let isScaled = scaleX != 1 || scaleY != 1
    let isScan = scanInterval == 1 || change.isNoticeable(in: luma) || framesSinceLook >= scanInterval
    lastScan = isScan ? .full : try scanRegions(of: luma, time: timeNanoseconds, scaleX: scaleX, scaleY: scaleY)
    switch lastScan {
    case .full:
      if isStillPicture {
        try detector.detectThoroughly(in: luma, into: &detections)
      } else {
        try detector.detect(in: luma, into: &detections)
      }
      if isScaled { scaleDetections(x: 1 / scaleX, y: 1 / scaleY) }
      tracker.update(detections, timeNanoseconds: timeNanoseconds, into: &tracked)
      change.look()
      framesSinceLook = 0
    case .regions:
      if isScaled { scaleDetections(x: 1 / scaleX, y: 1 / scaleY) }
      tracker.update(detections, timeNanoseconds: timeNanoseconds, startsTracks: false, into: &tracked)
    case .none:
      tracker.expected(atNanoseconds: timeNanoseconds, into: &tracked)
    }
    for found in tracked {
      let face = isScaled ? found.face.scaled(x: scaleX, y: scaleY) : found.face
      var annotation = FaceAnnotation(
        track: found.track, box: face.box, detectionScore: face.score, landmarks: face.landmarks)
      annotation.isDetected = lastScan != .none
      faces.append(annotation)
    }
  }

  /// Fills `detections` with the known faces that are where they are expected.
  ///
  /// - Returns: what can be told of the frame then: nothing new where there are no faces, or too many for that; `full`
  ///   where a face is not in its place, which must be looked into.
  private func scanRegions(of luma: LumaPlane, time: Int64, scaleX: Float, scaleY: Float) throws -> FaceScan {
    guard looksAtRegions else { return .none }
    let seen = tracker.expectedFaces(atNanoseconds: time, into: &expected)
    guard !expected.isEmpty, detector.isWorthwhile(regions: expected.count, in: luma) else { return .none }
    if scaleX != 1 || scaleY != 1 {
      for index in expected.indices { expected[index] = expected[index].scaled(x: scaleX, y: scaleY) }
    }
    return try detector.detect(in: luma, around: expected, required: seen, into: &detections) ? .regions : .full
  }

  private func scaleDetections(x: Float, y: Float) {
    for index in detections.indices { detections[index] = detections[index].scaled(x: x, y: y) }
  }
}
