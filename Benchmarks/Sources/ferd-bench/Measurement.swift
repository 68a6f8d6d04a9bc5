import Foundation

/// Durations of repeated runs of one thing, in seconds.
struct Measurement {
  private(set) var durations: [Double] = []

  /// Warms up, then runs `work` for at least `seconds` and at least five times.
  init(seconds: Double, warmUps: Int = 10, _ work: () throws -> Void) rethrows {
    let clock = ContinuousClock()
    for _ in 0..<warmUps { try work() }
    let end = clock.now + .seconds(seconds)
    while clock.now < end || durations.count < 5 {
      let duration = try clock.measure(work)
      durations.append(duration / .seconds(1))
    }
  }

  /// In seconds.
  var median: Double {
    let sorted = durations.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }

  /// In seconds.
  var minimum: Double { durations.min() ?? .nan }
}

/// One printed line: what was measured, on what, and the figures.
struct Figure: Encodable {
  var what: String
  var engine = "ferd"
  var network: String?
  var precision: String?
  var batch: Int?
  var threads: Int
  var medianMs: Double?
  var minMs: Double?
  var imagesPerSecond: Double?
  var peakMegabytes: Double?
  var detail: String?

  enum CodingKeys: String, CodingKey {
    case what, engine, network, precision, batch, threads, detail
    case medianMs = "median_ms"
    case minMs = "min_ms"
    case imagesPerSecond = "images_per_second"
    case peakMegabytes = "peak_mb"
  }

  func printLine() throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    var rounded = self
    for key in [\Figure.medianMs, \.minMs, \.imagesPerSecond, \.peakMegabytes] {
      rounded[keyPath: key] = self[keyPath: key].map { ($0 * 1e4).rounded() / 1e4 }
    }
    // Past the buffer of `print`: a reader in a pipe sees each figure as it comes.
    FileHandle.standardOutput.write(try encoder.encode(rounded) + Data("\n".utf8))
  }
}
