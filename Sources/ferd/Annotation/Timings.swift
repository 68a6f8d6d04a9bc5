import Foundation
import Pipeline

/// What each step of the pipeline and the program as a whole cost, for `--timings`.
struct Timings {
  /// Frame after which all memory is taken that a stream needs.
  private static let warmFrame = 5000

  private let start = ContinuousClock.now
  /// Kilobytes in memory at `warmFrame`.
  private var warmMemory: Int?

  /// To be called after each frame.
  mutating func note(frame: Int) {
    if frame == Self.warmFrame { warmMemory = Self.residentKilobytes }
  }

  func show(_ outcome: AnnotationPipeline.Outcome, of name: String) {
    let frames = max(1, outcome.summary.frames)
    for time in outcome.times {
      Diagnostics.note(
        String(
          format: "%@: %@: busy %.3f s (%.3f ms a frame), processor %.3f s", name, time.name, time.busySeconds,
          time.busySeconds * 1000 / Double(frames), time.processorSeconds))
    }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    Diagnostics.note(
      String(format: "%@: %d frames in %.3f s, %.1f a second", name, frames, seconds, Double(frames) / seconds))
    var memory = "\(name): \(Self.residentKilobytes) kB in memory"
    if let warmMemory { memory += ", \(warmMemory) kB after \(Self.warmFrame) frames" }
    Diagnostics.note(memory)
  }

  /// From /proc/self/status; 0 where there is none.
  private static var residentKilobytes: Int {
    guard let text = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix("VmRSS:") })
    else { return 0 }
    return line.split(separator: " ").compactMap { Int($0) }.first ?? 0
  }
}
