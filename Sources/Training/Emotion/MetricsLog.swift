import Foundation
import Inference

/// `metrics.jsonl`: one line for each finished epoch.
struct MetricsLog {
  let path: String

  init(folder: URL) { path = folder.appending(path: "metrics.jsonl").path }

  func append(_ record: EpochRecord) throws(TrainingError) {
    var lines = read()
    lines.append(Self.line(record))
    try write(lines)
  }

  /// Takes away what a killed run told after its last checkpoint: it comes again.
  func truncate(afterEpoch epoch: Int) throws(TrainingError) {
    let lines = read()
    guard lines.count > epoch else { return }
    try write(Array(lines.prefix(epoch)))
  }

  var records: [EpochRecord] {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return read().compactMap { try? decoder.decode(EpochRecord.self, fromForeign: Data($0.utf8)) }
  }

  private func read() -> [String] {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return [] }
    return text.split(separator: "\n").map(String.init)
  }

  private func write(_ lines: [String]) throws(TrainingError) {
    try FileAccess.replace(path, with: [Array(lines.map { $0 + "\n" }.joined().utf8)]) {
      TrainingError.inputOutput(path: path, $0)
    }
  }

  private static func line(_ record: EpochRecord) -> String {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys]
    // All numbers are finite: the loss was checked, the metrics are ratios.
    guard let data = try? encoder.encode(record) else { preconditionFailure("metrics that are no numbers") }
    return String(decoding: data, as: UTF8.self)
  }
}
