import Capture
import Dispatch
import FaceCrop
import Foundation
import Inference
import Pipeline
import Pixels
import Synchronization
import Threads
import Training

/// Sends pictures through the networks, each once, the way `ferd annotate` and `ferd predict` do.
struct PictureScoring: Sendable {
  /// What became of one picture.
  enum Outcome: Sendable {
    case entry(ScoreCache.Entry, hash: String)
    case unreadable(String)
  }

  /// Called on each thread that finds something to classify.
  var makeFinder: @Sendable () throws -> any FaceFinder
  var makeClassifier: @Sendable () throws -> EnsembleClassifier
  /// True = the mean of each face and its mirror image.
  var averagesFlips: Bool
  var threads: Int
  var isStopped: @Sendable () -> Bool

  /// Pictures that a thread takes at a time.
  private static let chunk = 32

  /// - Parameters:
  ///   - paths: relative to `folder`.
  ///   - cache: gets everything that was found out, also where an error is thrown.
  ///   - onProgress: called on any thread with the number of pictures done.
  /// - Returns: By path; nil for pictures that were not reached before it was stopped.
  /// - Throws: what the models throw; `CommandFailure` for results that are no numbers.
  func run(
    _ paths: [String], folder: URL, cache: inout ScoreCache, onProgress: @escaping @Sendable (Int) -> Void
  ) throws -> [Outcome?] {
    let known = cache
    let next = Atomic<Int>(0)
    let state = Guarded(
      (outcomes: [Outcome?](repeating: nil, count: paths.count), failure: (any Error)?.none, done: 0))
    let chunks = (paths.count + Self.chunk - 1) / Self.chunk
    DispatchQueue.concurrentPerform(iterations: max(1, min(threads, chunks))) { _ in
      let worker = Worker(self, paths: paths, folder: folder, known: known)
      while true {
        let start = next.add(Self.chunk, ordering: .relaxed).oldValue
        guard start < paths.count, state.withLock({ $0.failure == nil }) else { break }
        let found: [(Int, Outcome)]
        do {
          found = try worker.score(start..<min(paths.count, start + Self.chunk))
        } catch {
          state.withLock { if $0.failure == nil { $0.failure = error } }
          break
        }
        let done = state.withLock { state in
          for (index, outcome) in found { state.outcomes[index] = outcome }
          state.done += found.count
          return state.done
        }
        onProgress(done)
      }
    }
    let (outcomes, failure) = state.withLock { ($0.outcomes, $0.failure) }
    for case .entry(let entry, let hash)? in outcomes { cache.use(entry, for: hash) }
    if let failure { throw failure }
    return outcomes
  }

  /// A picture with all its faces, the largest first.
  struct Picture {
    /// In pixels.
    var width: Int
    var height: Int
    var faces: [Pipeline.FaceAnnotation]
    /// Probabilities of each face, not corrected.
    var scores: [[Float]]
  }

  /// One picture, not from the cache.
  func picture(_ path: String) throws -> Picture {
    try Worker(self, paths: [], folder: URL(fileURLWithPath: "/"), known: nil).picture(path)
  }

  /// What one thread needs.
  private final class Worker {
    private let scoring: PictureScoring
    private let paths: [String]
    private let folder: URL
    private let known: ScoreCache?
    private let reader = PictureReader()
    /// Made when the first picture is not in the cache.
    private var models: (finder: any FaceFinder, classifier: EnsembleClassifier)?
    /// Faces that were placed for the next run.
    private var placed: [(index: Int, faces: Int, hash: String)] = []
    private var found: [(Int, Outcome)] = []
    private var faces: [Pipeline.FaceAnnotation] = []

    init(_ scoring: PictureScoring, paths: [String], folder: URL, known: ScoreCache?) {
      self.scoring = scoring
      self.paths = paths
      self.folder = folder
      self.known = known
    }

    func score(_ range: Range<Int>) throws -> [(Int, Outcome)] {
      found.removeAll(keepingCapacity: true)
      for index in range {
        guard !scoring.isStopped() else { break }
        try score(index)
      }
      try classify()
      return found
    }

    private func score(_ index: Int) throws {
      let path = folder.appending(path: paths[index]).path
      let image: LumaImage
      let hash: String
      do {
        hash = ScoreCache.hash(of: try FileAccess.read(path, limit: 1 << 30))
        if let entry = known?[hash] {
          found.append((index, .entry(entry, hash: hash)))
          return
        }
        image = try reader.read(path)
      } catch let error as CaptureError {
        found.append((index, .unreadable(error.message)))
        return
      } catch let error as InferenceError {
        guard case .unreadableFile(_, let problem) = error else { throw error }
        found.append((index, .unreadable(problem)))
        return
      }
      let models = try self.models ?? (scoring.makeFinder(), scoring.makeClassifier())
      self.models = models
      try image.withPlane { luma in
        try find(in: luma, models.finder)
        guard let face = faces.first else {
          found.append((index, .entry(ScoreCache.Entry(faces: 0, scores: []), hash: hash)))
          return
        }
        models.classifier.place(face, of: luma, at: placed.count)
        placed.append((index, faces.count, hash))
      }
      if placed.count == models.classifier.maximumCount { try classify() }
    }

    /// The faces of a picture, the largest first.
    private func find(in luma: LumaPlane, _ finder: any FaceFinder) throws {
      faces.removeAll(keepingCapacity: true)
      try finder.beginStream(isStillPicture: true, frameRate: nil)
      try finder.findFaces(in: luma, timeNanoseconds: 0, into: &faces)
      faces.sort { ($0.box.area, $1.track) > ($1.box.area, $0.track) }
    }

    private func classify() throws {
      guard !placed.isEmpty, let classifier = models?.classifier else { return }
      var scores: [Float] = []
      try classifier.run(count: placed.count, averagingFlips: scoring.averagesFlips, into: &scores)
      let classes = classifier.labels.count
      for (row, face) in placed.enumerated() {
        let values = Array(scores[row * classes..<(row + 1) * classes])
        try check(values, paths[face.index])
        found.append((face.index, .entry(ScoreCache.Entry(faces: face.faces, scores: values), hash: face.hash)))
      }
      placed.removeAll(keepingCapacity: true)
    }

    private func check(_ scores: [Float], _ path: String) throws {
      guard !scores.allSatisfy({ $0 >= 0 && $0.isFinite }) else { return }
      throw CommandFailure(.unreadable, "\(path): the model's scores are no probabilities: \(scores)")
    }

    func picture(_ path: String) throws -> Picture {
      let image = try reader.read(path)
      let (finder, classifier) = (try scoring.makeFinder(), try scoring.makeClassifier())
      var scores: [Float] = []
      try image.withPlane { luma in
        try find(in: luma, finder)
        try classifier.classify(faces, in: luma, averagingFlips: scoring.averagesFlips, into: &scores)
      }
      try check(scores, path)
      let classes = classifier.labels.count
      return Picture(
        width: image.width, height: image.height, faces: faces,
        scores: faces.indices.map { Array(scores[$0 * classes..<($0 + 1) * classes]) })
    }
  }
}
