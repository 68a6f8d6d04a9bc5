public import FaceCrop
public import Pixels

/// Detects faces and follows them from frame to frame.
public final class TrackingFaceFinder: FaceFinder {
  private let detector: FaceDetector
  private let trackerOptions: FaceTracker.Options
  /// Look for faces in every so-manieth frame of a video.
  private let detectEvery: Int
  private var tracker: FaceTracker
  private var framesSinceDetection = 0
  private var detections: [DetectedFace] = []
  private var tracked: [TrackedFace] = []

  /// - Parameters:
  ///   - detector: with the tracker's `keepScore` as its threshold: doubtful faces keep tracks that are known.
  ///   - detectEvery: 1 = every frame; between detections faces are told where they are expected.
  public init(
    detector: FaceDetector, trackerOptions: FaceTracker.Options = FaceTracker.Options(), detectEvery: Int = 1
  ) {
    precondition(detectEvery >= 1, "a detection in every \(detectEvery)th frame")
    self.detector = detector
    self.trackerOptions = trackerOptions
    self.detectEvery = detectEvery
    tracker = FaceTracker(options: trackerOptions)
  }

  public func beginStream(isStillPicture: Bool) {
    var options = trackerOptions
    if isStillPicture { options.confirmationHits = 1 }
    tracker = FaceTracker(options: options)
    framesSinceDetection = 0
  }

  public func findFaces(
    in luma: LumaPlane, timeNanoseconds: Int64, into faces: inout [FaceAnnotation]
  ) throws {
    if framesSinceDetection == 0 {
      try detector.detect(in: luma, into: &detections)
      tracker.update(detections, timeNanoseconds: timeNanoseconds, into: &tracked)
    } else {
      tracker.expected(atNanoseconds: timeNanoseconds, into: &tracked)
    }
    framesSinceDetection = (framesSinceDetection + 1) % detectEvery
    for face in tracked {
      faces.append(
        FaceAnnotation(
          track: face.track, box: face.face.box, detectionScore: face.face.score, landmarks: face.face.landmarks))
    }
  }
}

/// For pictures that are face crops already: one face that fills the picture, without a detector.
public final class WholePictureFinder: FaceFinder {
  public init() {}

  public func beginStream(isStillPicture: Bool) {}

  public func findFaces(
    in luma: LumaPlane, timeNanoseconds: Int64, into faces: inout [FaceAnnotation]
  ) throws {
    faces.append(
      FaceAnnotation(
        track: 1, box: Rect(x: 0, y: 0, width: Float(luma.width), height: Float(luma.height)), detectionScore: 1,
        landmarks: nil))
  }
}
