/// How much of the work on a live stream's frames there is time for.
struct LoadPlan: Equatable {
  /// Frames from one look at the whole picture to the next.
  var scanInterval: Int
  /// A face that hardly changes is classified again after so many frames.
  var reclassifyInterval: Int
  /// Faces to be classified in one frame, new ones apart.
  var classificationLimit: Int
  /// Share of the source's frames that can be worked on when all this is as small as it may be; 1 = all.
  var keptShare: Double
}

/// Measures what the steps cost and tells how much of them there is time for: a value without clock or threads.
///
/// While there is time, faces are looked for 12 times a second in the whole picture and classified 10 times a second and
/// whenever they change. When there is less, first the looks at the whole picture become rarer, down to two in a second,
/// then fewer faces are classified in each frame, in turn; at last frames are left out.
struct LoadMeter {
  /// Share of the time that is spent; the rest is for decoding, writing and other programs.
  static let usableShare = 0.8
  static let classificationsPerSecond = 10.0
  static let leastScansPerSecond = 2.0

  /// A mean that follows slowly and is not thrown off by single large values.
  struct RunningMean: Equatable {
    /// The first values include what is done once: compiling networks, faulting memory in.
    static let ignored = 2
    private(set) var count = 0
    private(set) var value = 0.0

    /// nil before anything is known.
    var known: Double? { count > Self.ignored ? value : nil }

    mutating func add(_ sample: Double) {
      count += 1
      if count <= Self.ignored { return }
      guard count > Self.ignored + 1 else {
        value = sample
        return
      }
      // Quicker at first.
      let weight = max(0.05, 1 / Double(count - Self.ignored))
      value += weight * (min(sample, 4 * value + 1e-9) - value)
    }
  }

  private let processors: Double
  private let classifiers: Double
  /// All in seconds.
  private var sourcePeriod = RunningMean()
  private var keptPeriod = RunningMean()
  private var fullScan = RunningMean()
  private var regionScan = RunningMean()
  private var classification = RunningMean()
  /// Faces classified in a frame.
  private var classifiedFaces = RunningMean()

  /// - Parameters:
  ///   - processors: that the program may use.
  ///   - classifiers: threads that classify.
  init(processors: Int, classifiers: Int) {
    precondition(processors > 0 && classifiers > 0, "\(classifiers) classifiers on \(processors) processors")
    self.processors = Double(processors)
    self.classifiers = Double(classifiers)
  }

  /// A frame came from the source.
  ///
  /// - Parameter seconds: since the one before, on the stream's clock.
  mutating func noteSourceFrame(seconds: Double) { sourcePeriod.add(seconds) }

  /// A frame is being worked on.
  ///
  /// - Parameter seconds: since the one before, on the stream's clock.
  mutating func noteKeptFrame(seconds: Double) { keptPeriod.add(seconds) }

  mutating func noteScan(_ scan: FaceScan, seconds: Double) {
    if scan == .full { fullScan.add(seconds) } else { regionScan.add(seconds) }
  }

  mutating func noteClassification(faces: Int, seconds: Double) {
    classifiedFaces.add(Double(faces))
    if faces > 0 { classification.add(seconds / Double(faces)) }
  }

  func plan() -> LoadPlan {
    let period = sourcePeriod.known ?? 1.0 / 30
    let kept = max(period, keptPeriod.known ?? period)
    let full = fullScan.known ?? 0
    let region = min(regionScan.known ?? 0, full)
    func find(every interval: Int) -> Double { (full + Double(interval - 1) * region) / Double(interval) }

    // A single processor has the classification to do as well.
    let findTime = period * Self.usableShare * (processors > 1 ? 1 : 0.5)
    var interval = TrackingFaceFinder.interval(frameRate: 1 / kept)
    let longest = max(interval, Int(1 / (kept * Self.leastScansPerSecond)))
    while interval < longest, find(every: interval) > findTime { interval += 1 }

    let perFrame = find(every: interval)
    let face = classification.known ?? 0
    let classifyTime = Self.usableShare * period * min(classifiers, processors) - perFrame * min(1, 2 / processors)
    let limit = face > 0 ? max(1, Int(min(classifyTime / face, 1000))) : 1000
    let classify = face * (classifiedFaces.known ?? 0)
    let bottleneck = max(perFrame, classify / classifiers, (perFrame + classify) / processors)
    return LoadPlan(
      scanInterval: interval,
      reclassifyInterval: max(1, Int(1 / (kept * Self.classificationsPerSecond) + 0.005)),
      classificationLimit: limit,
      keptShare: bottleneck > 0 ? min(1, max(1.0 / 256, 0.95 * period / bottleneck)) : 1)
  }
}
