import Foundation
import Inference
import Pixels
import Threads

@testable import Capture
@testable import Pipeline

/// A camera of plain pictures.
final class ClockedCamera: FrameSource {
  private final class Storage: FrameStorage {
    let sample = UnsafeMutablePointer<UInt8>.allocate(capacity: 1)
    deinit { sample.deallocate() }
    func clear() {}
  }

  struct Script: Sendable {
    var frames = 100
    /// Milliseconds from one frame to the next.
    var period = 5.0
    /// Numbers that the driver loses.
    var lost: Set<Int> = []
    /// What it breaks off with at its end; nil = the end of the input.
    var failure: CaptureError?
    /// Does not come back from reading this frame for five seconds, whoever cancels.
    var hangsAt = Int.max
    var isLive = true
  }

  let info: SourceInfo
  let decodeErrors = 0
  private let script: Script
  private let cancellation: CaptureCancellation
  private var next = 0
  private var start: Int64?

  init(_ script: Script, cancellation: CaptureCancellation) {
    self.script = script
    self.cancellation = cancellation
    info = SourceInfo(
      name: "camera", width: 64, height: 48, frameRate: 1000 / script.period, estimatedFrameCount: nil,
      isStillPicture: false, isLive: script.isLive, isReopened: script.isLive)
  }

  func makeFrame() -> Frame { Frame(storage: Storage()) }

  func read(into frame: Frame) throws(CaptureError) -> Bool {
    frame.clear()
    while script.lost.contains(next) { next += 1 }
    if next == script.hangsAt { usleep(5_000_000) }
    guard next < script.frames else {
      if let failure = script.failure { throw failure }
      return false
    }
    let time = Int64(Double(next) * script.period * 1e6)
    if start == nil { start = MonotonicClock.now() }
    if script.isLive {
      guard MonotonicClock.sleep(until: start! + time, cancellation: cancellation) else { return false }
      frame.captureNanoseconds = start! + time
    }
    let storage = frame.storage as! Storage
    storage.sample.pointee = UInt8(truncatingIfNeeded: next)
    frame.sequence = next
    frame.presentationTimeNanoseconds = time
    frame.luma = LumaPlane(base: storage.sample, width: 1, height: 1, bytesPerRow: 0, range: .full)
    next += 1
    return true
  }
}

/// Finds one face that stays, in a time of its own.
final class SlowFinder: LiveFaceFinder {
  var scanInterval = 1
  private(set) var lastScan = FaceScan.none
  private(set) var forgottenCount = 0
  /// Numbers continue where another finder's ended.
  private(set) var track = 1
  var milliseconds = 0.0
  var failsAtFrame = Int.max
  private var frames = 0

  func prepare(width: Int, height: Int) {}
  func beginStream(isStillPicture: Bool, frameRate: Double?) { track = 1 }
  func take(over other: any LiveFaceFinder) { track = (other as! SlowFinder).track }
  func forgetTracks() {
    forgottenCount += 1
    track += 1
  }

  func findFaces(in luma: LumaPlane, timeNanoseconds: Int64, into faces: inout [FaceAnnotation]) throws {
    if frames == failsAtFrame { throw FinderFailure() }
    frames += 1
    usleep(UInt32(milliseconds * 1000))
    lastScan = .full
    faces.append(
      FaceAnnotation(
        track: track, box: Rect(x: 0, y: 0, width: 1, height: 1), detectionScore: 1, landmarks: nil))
  }
}

struct FinderFailure: Error {}

final class SlowClassifier: FaceClassifier {
  let labels: [String]
  let bias: BiasCorrection
  var milliseconds = 0.0

  init(labels: [String] = ["a", "b"], bias: Float = 1, milliseconds: Double = 0) {
    self.labels = labels
    self.bias = try! BiasCorrection([labels[0]: Double(bias)], labels: labels)
    self.milliseconds = milliseconds
  }

  func classify(_ faces: [FaceAnnotation], in luma: LumaPlane, into probabilities: inout [Float]) {
    usleep(UInt32(milliseconds * 1000))
    for _ in faces { probabilities += labels.map { _ in 1 / Float(labels.count) } }
  }
}

/// Keeps all lines, with the times at which they came.
final class LineCollector: LiveOutput {
  private struct State {
    var lines: [BroadcastLine] = []
    var times: [Int64] = []
  }

  private let state = Guarded(State())
  /// Called with each line, on the publishing thread.
  private let onLine: @Sendable (BroadcastLine) -> Void

  init(onLine: @escaping @Sendable (BroadcastLine) -> Void = { _ in }) { self.onLine = onLine }

  func publish(_ line: BroadcastLine) {
    state.withLock {
      $0.lines.append(line)
      $0.times.append(MonotonicClock.now())
    }
    onLine(line)
  }

  var lines: [BroadcastLine] { state.withLock { $0.lines } }
  var times: [Int64] { state.withLock { $0.times } }

  func objects(_ kind: BroadcastLine.Kind) -> [[String: Any]] {
    lines.filter { $0.kind == kind }.compactMap {
      try? JSONSerialization.jsonObject(with: Data($0.bytes)) as? [String: Any]
    }
  }

  /// The numbers that lines stand for, in their order.
  var numbers: [Int] {
    lines.flatMap { line in
      line.kind == .frame || line.kind == .gap ? Array(line.firstSequence...line.sequence) : []
    }
  }
}
