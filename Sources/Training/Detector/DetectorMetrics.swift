import Foundation

extension DetectorTrainer {
  /// Collects steps to one mean.
  public struct ProgressMean: Sendable {
    private var sum: Progress?
    private var count: Float = 0

    public init() {}

    public mutating func add(_ progress: Progress) {
      count += 1
      guard var sum else {
        self.sum = progress
        return
      }
      sum.step = progress.step
      sum.learningRate = progress.learningRate
      for path in Self.averaged { sum[keyPath: path] += progress[keyPath: path] }
      self.sum = sum
    }

    /// The newest step with the means of all since the last call; nil where there was none.
    public mutating func take() -> Progress? {
      guard var result = sum else { return nil }
      for path in Self.averaged { result[keyPath: path] /= count }
      sum = nil
      count = 0
      return result
    }

    private static var averaged: [WritableKeyPath<Progress, Float>] {
      [
        \.loss, \.score, \.box, \.landmarks, \.overlap, \.positives, \.gradientNorm, \.canvasesPerSecond,
      ]
    }
  }
}

extension DetectorTrainer.Progress {
  /// One line for a person.
  public func summary(of steps: Int) -> String {
    func short(_ value: Float) -> String { String(format: "%.4f", Double(value)) }
    return "step \(step)/\(steps) loss \(short(loss)) = score \(short(score)) + box \(short(box)) + landmarks "
      + "\(short(landmarks)), overlap \(short(overlap)), gradient \(short(gradientNorm)), rate \(short(learningRate)), "
      + "\(Int(canvasesPerSecond)) canvases/s"
  }
}

/// A file of one JSON object a line, flushed line by line.
public final class DetectorMetricsLog {
  private let handle: FileHandle
  private let path: String
  private let encoder = JSONEncoder()

  /// - Parameter isContinued: keeps what the file holds already.
  public init(path: String, isContinued: Bool) throws(TrainingError) {
    self.path = path
    encoder.outputFormatting = [.sortedKeys]
    if !isContinued || !FileManager.default.fileExists(atPath: path) {
      guard FileManager.default.createFile(atPath: path, contents: nil) else {
        throw .inputOutput(path: path, "cannot be written")
      }
    }
    guard let handle = FileHandle(forWritingAtPath: path) else {
      throw .inputOutput(path: path, "cannot be written")
    }
    self.handle = handle
    do {
      try handle.seekToEnd()
    } catch {
      throw .inputOutput(path: path, "\(error)")
    }
  }

  public func append(_ line: some Encodable) throws(TrainingError) {
    do {
      try handle.write(contentsOf: encoder.encode(line) + Data("\n".utf8))
    } catch {
      throw .inputOutput(path: path, "\(error)")
    }
  }
}
