import Capture
import FaceCrop
public import Foundation
public import Inference
import Pixels
import Threads

/// What an ensemble makes of a folder of faces whose emotions are known.
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

  /// Pictures in which no face was found, where faces were looked for: they are not among the files.
  public let faceless: Int?

  /// - Parameter imagesPerSecond: Of flip-averaged classification.
  public init(
    files: [PictureFile], unreadable: [(path: String, problem: String)], singleView: [Float], flipAveraged: [Float],
    imagesPerSecond: Double, labels: [String], faceless: Int? = nil
  ) {
    precondition(singleView.count == files.count * labels.count && flipAveraged.count == singleView.count)
    self.files = files
    self.unreadable = unreadable
    self.singleView = singleView
    self.flipAveraged = flipAveraged
    self.imagesPerSecond = imagesPerSecond
    self.labels = labels
    self.faceless = faceless
  }

  /// Evaluates face crops. No more pictures are in memory than are classified at a time.
  ///
  /// - Parameters:
  ///   - labels: The ensemble's.
  ///   - threads: Each takes a part of the pictures.
  ///   - makeEnsemble: Called on each thread, as ensembles are not shared.
  ///   - onProgress: Called on any thread with the number of pictures done.
  /// - Throws: `TrainingError` where not one picture can be read, `InferenceError` for the model.
  public static func run(
    _ files: [PictureFile], folder: URL, labels: [String], threads: Int,
    makeEnsemble: @Sendable () throws -> EmotionEnsemble, onProgress: @Sendable (Int) -> Void = { _ in }
  ) throws -> EnsembleEvaluation {
    let size = max(1, (files.count + threads - 1) / threads)
    let parts = stride(from: 0, to: files.count, by: size).map { $0..<min(files.count, $0 + size) }
    let results = Guarded<[Int: Result<Part, any Error>]>([:])
    let done = Guarded(0)
    DispatchQueue.concurrentPerform(iterations: parts.count) { index in
      let result = Result {
        let worker = try Worker(files, folder: folder, ensemble: makeEnsemble())
        return try worker.run(parts[index]) { count in
          onProgress(
            done.withLock { done in
              done += count
              return done
            })
        }
      }
      results.withLock { $0[index] = result }
    }
    var whole = Part()
    for index in parts.indices { whole.append(try results.withLock { $0[index]! }.get()) }
    if whole.files.isEmpty, let (path, problem) = whole.unreadable.first {
      throw TrainingError.invalidData(
        path: folder.appending(path: path).path, "not one picture can be read; of this one: \(problem)")
    }
    // The threads work at the same time.
    let seconds = whole.seconds / Double(max(1, parts.count))
    return EnsembleEvaluation(
      files: whole.files, unreadable: whole.unreadable, singleView: whole.single, flipAveraged: whole.averaged,
      imagesPerSecond: Double(whole.files.count) / seconds, labels: labels)
  }

  /// What one thread finds out.
  private struct Part: Sendable {
    var files: [PictureFile] = []
    var unreadable: [(path: String, problem: String)] = []
    var single: [Float] = []
    var averaged: [Float] = []
    /// Of classification.
    var seconds = 0.0

    mutating func append(_ other: Part) {
      files += other.files
      unreadable += other.unreadable
      single += other.single
      averaged += other.averaged
      seconds += other.seconds
    }
  }

  /// What one thread needs.
  private final class Worker {
    private let files: [PictureFile]
    private let folder: URL
    private let ensemble: EmotionEnsemble
    private let reader = PictureReader()
    private let resizer = Resizer()
    private var part = Part()
    private var single: [Float] = []
    private var averaged: [Float] = []
    /// Pictures that wait in the networks' inputs.
    private var waiting = 0

    init(_ files: [PictureFile], folder: URL, ensemble: EmotionEnsemble) throws {
      for member in ensemble.members where member.inputHeight != member.inputWidth {
        throw InferenceError.invalidModel(
          node: ModelSpec.inputName, "expected a square input, it is \(member.inputWidth)x\(member.inputHeight)")
      }
      self.files = files
      self.folder = folder
      self.ensemble = ensemble
    }

    /// - Parameter onProgress: Called with the number of pictures done since the last call.
    func run(_ range: Range<Int>, onProgress: (Int) -> Void) throws -> Part {
      var told = range.lowerBound
      for index in range {
        do throws(CaptureError) {
          place(try reader.read(folder.appending(path: files[index].path).path))
          part.files.append(files[index])
        } catch {
          part.unreadable.append((files[index].path, error.message))
        }
        guard waiting == ensemble.maximumCount || index == range.upperBound - 1 else { continue }
        try classify()
        onProgress(index + 1 - told)
        told = index + 1
      }
      (part.single, part.averaged) = (single, averaged)
      return part
    }

    /// Stretched to a square where it is none, as in training.
    private func place(_ picture: LumaImage) {
      for member in ensemble.members {
        let size = member.inputHeight
        let normalisation = member.record.normalisation
        member.withInput(waiting) { input in
          guard picture.width != size || picture.height != size else {
            return picture.pixels.withUnsafeBufferPointer {
              normalisation.apply($0.baseAddress!, to: input.baseAddress!, count: $0.count)
            }
          }
          picture.withPlane {
            resizer.resize(
              $0, toWidth: size, height: size, normalisation: normalisation, into: input, destinationWidth: size)
          }
        }
      }
      waiting += 1
    }

    private func classify() throws {
      guard waiting > 0 else { return }
      let start = ContinuousClock.now
      try ensemble.run(count: waiting, appendingSingleTo: &single, averagedTo: &averaged)
      part.seconds += (ContinuousClock.now - start) / .seconds(1)
      waiting = 0
    }
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
    let noFace = faceless.map { ",\"no_face\":\($0)" } ?? ""
    return "{\(top)\(noFace),\"images_per_second\":\(imagesPerSecond),\"raw\":{\(raw)},\"single_view\":{\(single)}}"
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
