import FaceCrop
public import Foundation
public import Inference
import Pixels
import Threads

/// What an ensemble makes of a folder of face crops.
public struct EnsembleEvaluation: Sendable {
  /// Pictures that could be read, in the order of all rows below.
  public let files: [PictureFile]
  public let unreadable: [(path: String, problem: String)]
  /// `[files, labels]`, the pictures as they are.
  public let singleView: [Float]
  /// `[files, labels]`, the mean of each picture and its mirror image.
  public let flipAveraged: [Float]
  /// Of flip-averaged classification, decoding not counted.
  public let imagesPerSecond: Double
  /// In the order of the columns.
  public let labels: [String]

  /// - Parameters:
  ///   - makeEnsemble: Called on each thread, as ensembles are not shared.
  ///   - threads: Each takes a part of the pictures.
  /// - Throws: `TrainingError` where not one picture can be read, `InferenceError` for the model.
  public static func run(
    _ files: [PictureFile], folder: URL, threads: Int, makeEnsemble: @Sendable () throws -> EmotionEnsemble
  ) throws -> EnsembleEvaluation {
    let first = try makeEnsemble()
    let labels = ClassLabels(first.labels)
    var sets: [Int: PictureSet] = [:]
    for member in first.members {
      guard member.inputHeight == member.inputWidth else {
        throw InferenceError.invalidModel(
          node: ModelSpec.inputName, "expected a square input, it is \(member.inputWidth)x\(member.inputHeight)")
      }
      guard sets[member.inputHeight] == nil else { continue }
      sets[member.inputHeight] = try PictureSet.read(
        files, folder: folder, labels: labels, imageSize: member.inputHeight)
    }
    let pictures = sets
    let any = pictures.first!.value
    let start = ContinuousClock.now
    let size = max(1, (any.count + threads - 1) / threads)
    let parts = stride(from: 0, to: any.count, by: size).map { $0..<min(any.count, $0 + size) }
    let results = Guarded<[Int: Result<Views, any Error>]>([:])
    DispatchQueue.concurrentPerform(iterations: parts.count) { index in
      let result = Result { try classify(parts[index], of: pictures, with: try makeEnsemble()) }
      results.withLock { $0[index] = result }
    }
    var views = Views()
    for index in parts.indices {
      let part = try results.withLock { $0[index]! }.get()
      views.single += part.single
      views.averaged += part.averaged
    }
    // Both views were made twice: once alone, once for the mean.
    let seconds = (ContinuousClock.now - start) / .seconds(1) * 2 / 3
    return EnsembleEvaluation(
      files: any.files, unreadable: any.unreadable, singleView: views.single, flipAveraged: views.averaged,
      imagesPerSecond: Double(any.count) / seconds, labels: first.labels)
  }

  private struct Views {
    var single: [Float] = []
    var averaged: [Float] = []
  }

  private static func classify(
    _ range: Range<Int>, of sets: [Int: PictureSet], with ensemble: EmotionEnsemble
  ) throws -> Views {
    var views = Views()
    let resizer = Resizer()
    for start in stride(from: range.lowerBound, to: range.upperBound, by: ensemble.maximumCount) {
      let count = min(ensemble.maximumCount, range.upperBound - start)
      for member in ensemble.members {
        let set = sets[member.inputHeight]!
        let normalisation = member.record.normalisation
        for index in 0..<count {
          member.withInput(index) {
            set.draw(
              start + index, size: member.inputHeight, normalisation: normalisation, resizer: resizer, into: $0)
          }
        }
      }
      try ensemble.run(count: count, appendingTo: &views.single)
      try ensemble.run(count: count, averagingFlips: true, appendingTo: &views.averaged)
    }
    return views
  }

  public enum View: Sendable {
    case single, flipAveraged
  }

  /// `[files, labels]`
  ///
  /// - Parameter bias: nil = the ensemble's probabilities as they are.
  public func probabilities(_ view: View, bias: BiasCorrection?) -> [Float] {
    var probabilities = view == .single ? singleView : flipAveraged
    if let bias {
      let classes = labels.count
      probabilities.withUnsafeMutableBufferPointer { rows in
        for index in files.indices {
          bias.apply(to: UnsafeMutableBufferPointer(rebasing: rows[index * classes..<(index + 1) * classes]))
        }
      }
    }
    return probabilities
  }

  /// - Parameter bias: nil = the ensemble's probabilities as they are.
  public func metrics(_ view: View, bias: BiasCorrection?) -> ClassificationMetrics {
    ClassificationMetrics(
      probabilities: probabilities(view, bias: bias), truth: files.map(\.label), classes: labels.count)
  }

  /// The one JSON object that `ferd evaluate` prints: flip-averaged and corrected at the top level, `raw` without
  /// correction, `single_view` without flip averaging. The order of the fields is fixed.
  public func json(bias: BiasCorrection) -> String {
    let top = fields(metrics(.flipAveraged, bias: bias))
    let raw = fields(metrics(.flipAveraged, bias: nil))
    let single = fields(metrics(.single, bias: bias))
    return "{\(top),\"images_per_second\":\(imagesPerSecond),\"raw\":{\(raw)},\"single_view\":{\(single)}}"
  }

  private func fields(_ metrics: ClassificationMetrics) -> String {
    let classes = zip(labels, metrics.perClass).map { label, scores in
      "\(Self.quoted(label)):{\"precision\":\(scores.precision),\"recall\":\(scores.recall),\"f1\":\(scores.f1),"
        + "\"support\":\(scores.support)}"
    }
    let rows = metrics.confusion.map { "[\($0.map(String.init).joined(separator: ","))]" }
    return "\"images\":\(metrics.images),\"accuracy\":\(metrics.accuracy),\"macro_recall\":\(metrics.macroRecall),"
      + "\"macro_f1\":\(metrics.macroF1),\"ece\":\(metrics.ece),\"nll\":\(metrics.nll),"
      + "\"per_class\":{\(classes.joined(separator: ","))},\"confusion\":[\(rows.joined(separator: ","))]"
  }

  private static func quoted(_ text: String) -> String {
    // A string always has a JSON form.
    String(decoding: (try? JSONEncoder().encode(text)) ?? Data(), as: UTF8.self)
  }
}
