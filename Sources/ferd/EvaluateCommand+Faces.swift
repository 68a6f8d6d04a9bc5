import Foundation
import Inference
import Pipeline
import Threads
import Training

extension EvaluateCommand {
  /// Finds the faces first, as `ferd tune-bias --detect` does: the largest one of each picture counts, and pictures
  /// without a face are left out and counted.
  ///
  /// - Parameter onProgress: Called on any thread with the number of pictures done, each of which comes twice: for the
  ///   single view and for the mean with the mirror image.
  func evaluateFaces(
    in files: [PictureFile], folder: URL, threads: Int, onProgress: @escaping @Sendable (Int) -> Void
  ) throws -> EnsembleEvaluation {
    let model = try BiasModel(self.model)
    let (options, precision) = (detector, self.model.precision)
    // Before the pictures are read, so that nobody waits for an error.
    _ = try AnnotationEngine.finder(options, precision: precision, detectEvery: 1)
    var seconds = 0.0
    let outcomes = try [false, true].map { averagesFlips in
      let scoring = PictureScoring(
        makeFinder: { try AnnotationEngine.finder(options, precision: precision, detectEvery: 1) },
        makeClassifier: model.makeClassifier, averagesFlips: averagesFlips, threads: threads, isStopped: { false })
      // Of its own, empty and never written: an evaluation measures what the networks do now.
      var cache = ScoreCache(folder: "/dev/null", key: model.cacheKey(view: ""))
      let start = ContinuousClock.now
      let result = try scoring.run(files.map(\.path), folder: folder, cache: &cache) { done in
        onProgress(averagesFlips ? files.count + done : done)
      }
      seconds = (ContinuousClock.now - start) / .seconds(1)
      return result
    }
    var kept: [PictureFile] = []
    var views: [[Float]] = [[], []]
    var unreadable: [(path: String, problem: String)] = []
    var faceless = 0
    for (index, file) in files.enumerated() {
      switch (outcomes[0][index], outcomes[1][index]) {
      case (.entry(let single, _)?, .entry(let averaged, _)?):
        guard single.faces > 0, averaged.faces > 0 else {
          faceless += 1
          continue
        }
        kept.append(file)
        views[0] += single.scores
        views[1] += averaged.scores
      case (.unreadable(let problem)?, _), (_, .unreadable(let problem)?): unreadable.append((file.path, problem))
      default: preconditionFailure("nobody stopped it")
      }
    }
    guard !kept.isEmpty else {
      throw CommandFailure(
        .unreadable, "\(dataDir): \(faceless > 0 ? "not one face was found" : "not one picture could be read")")
    }
    return EnsembleEvaluation(
      files: kept, unreadable: unreadable, singleView: views[0], flipAveraged: views[1],
      imagesPerSecond: Double(kept.count) / seconds, labels: model.labels, faceless: faceless)
  }
}
