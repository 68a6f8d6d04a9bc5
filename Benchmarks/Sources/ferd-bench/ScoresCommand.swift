import ArgumentParser
import Foundation
import Inference
import Training

/// Writes down what a model makes of face crops, for searches of bias factors by any program.
struct ScoresCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scores",
    abstract: "Print each picture's true class and its probabilities (flip-averaged, without bias) as CSV.")

  @Option(help: "Folder with one folder per class, or with train/, validation/ and test/ of such folders.")
  var dataDir: String

  @Option(help: "Ensemble folder or model file.")
  var model = "models/default"

  @Option var threads = 2

  func run() throws {
    let path = model
    let makeEnsemble = { @Sendable in try EmotionEnsemble(path: path, precision: .f32) }
    let labels = try makeEnsemble().labels
    let listing = try FolderListing.read(dataDir, labels: ClassLabels(labels), needsAllClasses: false)
    guard let files = listing.splits[.validation] ?? listing.splits[.train] else {
      throw ValidationError("\(dataDir): no pictures")
    }
    let evaluation = try EnsembleEvaluation.run(
      files, folder: URL(filePath: dataDir), labels: labels, threads: threads, makeEnsemble: makeEnsemble)
    var text = "truth,\(labels.joined(separator: ","))\n"
    for (index, file) in evaluation.files.enumerated() {
      let row = evaluation.flipAveraged[index * labels.count..<(index + 1) * labels.count]
      text += "\(file.label),\(row.map { String($0) }.joined(separator: ","))\n"
    }
    FileHandle.standardOutput.write(Data(text.utf8))
  }
}

extension BiasScores {
  /// From a table as `scores` prints it.
  init(table path: String) throws {
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
    var truth: [Int?] = []
    var probabilities: [Float] = []
    for line in lines.dropFirst() {
      let cells = line.split(separator: ",")
      truth.append(Int(cells[0]))
      probabilities += try cells.dropFirst().map {
        guard let value = Float($0) else { throw ValidationError("\(path): expected a number, found \($0)") }
        return value
      }
    }
    let labels = lines.first?.split(separator: ",").dropFirst().map { String($0) } ?? []
    try self.init(labels: labels, probabilities: probabilities, truth: truth)
  }
}
