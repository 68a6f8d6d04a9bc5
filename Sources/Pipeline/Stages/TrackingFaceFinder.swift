public import FaceCrop
public import Pixels

/// Detects faces and follows them from frame to frame.
///
/// The detector does not look at every frame of a video with many frames a second. In between faces are told where they
/// are expected, but a picture that has changed noticeably is looked at in any case. Where a stream changes its resolution
/// on the way, faces keep their tracks: they are followed in pixels of the first frame.
public final class TrackingFaceFinder: FaceFinder {
  /// The detector must tell the doubtful faces, too, with which the tracker keeps a face that it knows.
  public static let detectionThreshold = FaceTracker.Options().keepScore
  /// How often the detector looks where the user says nothing: heads hardly turn faster.
  static let detectionsPerSecond = 12.0

  private let detector: FaceDetector
  private let trackerOptions: FaceTracker.Options
  private let detectEvery: Int?
  /// Frames from one look to the next, at most.
  private var interval = 1
  private var tracker: FaceTracker
  private var change = PictureChange()
  /// Of the stream's first frame; nil before it.
  private var firstSize: (width: Int, height: Int)?
  private var framesSinceLook = 0
  private var detections: [DetectedFace] = []
  private var tracked: [TrackedFace] = []

  /// - Parameters:
  ///   - detector: with a score threshold of `detectionThreshold`.
  ///   - detectEvery: look at every so-manieth frame at least; nil = so often that it is `detectionsPerSecond`.
  public init(
    detector: FaceDetector, trackerOptions: FaceTracker.Options = FaceTracker.Options(), detectEvery: Int? = nil
  ) {
    precondition(detectEvery ?? 1 >= 1, "a detection in every \(detectEvery ?? 1)th frame")
    self.detector = detector
    self.trackerOptions = trackerOptions
    self.detectEvery = detectEvery
    tracker = FaceTracker(options: trackerOptions)
  }

  public func beginStream(isStillPicture: Bool, frameRate: Double?) {
    var options = trackerOptions
    if isStillPicture { options.confirmationHits = 1 }
    tracker = FaceTracker(options: options)
    change.reset()
    firstSize = nil
    framesSinceLook = 0
    interval = detectEvery ?? Self.interval(frameRate: frameRate)
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
    let isLook = interval == 1 || change.isNoticeable(in: luma) || framesSinceLook >= interval
    if isLook {
      try detector.detect(in: luma, into: &detections)
      if isScaled {
        for index in detections.indices {
          detections[index] = detections[index].scaled(x: 1 / scaleX, y: 1 / scaleY)
        }
      }
      tracker.update(detections, timeNanoseconds: timeNanoseconds, into: &tracked)
      change.look()
      framesSinceLook = 0
    } else {
      tracker.expected(atNanoseconds: timeNanoseconds, into: &tracked)
    }
    for found in tracked {
      let face = isScaled ? found.face.scaled(x: scaleX, y: scaleY) : found.face
      var annotation = FaceAnnotation(
        track: found.track, box: face.box, detectionScore: face.score, landmarks: face.landmarks)
      annotation.isDetected = isLook
      faces.append(annotation)
    }
  }
}
