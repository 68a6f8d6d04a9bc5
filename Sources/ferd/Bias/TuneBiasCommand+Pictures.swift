import ArgumentParser
import FaceCrop
import Foundation
import Inference
import Pipeline
import Threads
import Training

extension TuneBiasCommand {
  /// What a search works on.
  struct Material {
    /// Of the folder, for messages.
    var name: String
    var part: DataSplit?
    var scores: BiasScores
    var settings: BiasSearchSettings
    /// SHA-256 over paths, contents and classes.
    var checksum: String
    var unreadable: [(path: String, problem: String)]
    /// Pictures in which no face was found.
    var faceless: Int
    /// Pictures that went through the networks earlier.
    var known: Int
  }

  /// The pictures that the user named.
  func pictures(_ imageDir: String, _ labels: ClassLabels) throws -> BiasPictures {
    var pictures: BiasPictures
    if let groundTruthFile {
      let truth = try GroundTruth.read(groundTruthFile)
      let folder = URL(fileURLWithPath: imageDir)
      guard RawPath(imageDir).kind == .folder else {
        throw CommandFailure(.noSuchInput, "\(imageDir): no such folder")
      }
      pictures = BiasPictures(
        folder: folder, files: try truth.files(in: folder, labels: labels, path: groundTruthFile))
    } else {
      pictures = try BiasPictures.read(imageDir, split: split, labels: labels)
    }
    if let exclude {
      pictures.exclude(try ExclusionList.read(exclude))
      guard !pictures.paths.isEmpty else {
        throw CommandFailure(.unreadable, "\(imageDir): every picture is excluded")
      }
    }
    if usesTruth, !pictures.isTruthKnown {
      throw CommandFailure(
        .wrongUsage,
        "\(imageDir) has no folders of classes, so nobody knows what its pictures show: name a --ground-truth-file")
    }
    return pictures
  }

  func check(_ pictures: BiasPictures, _ settings: BiasSearchSettings, _ labels: [String]) throws {
    let name = imageDir ?? ""
    guard pictures.paths.count >= 2 else {
      throw CommandFailure(
        .unreadable, "\(name): expected at least 2 pictures to search on, found \(pictures.paths.count)")
    }
    if settings.objective.needsTruth || settings.searchesTemperature {
      try pictures.check(classes: settings.searchedClasses, labels: labels, path: name)
    }
  }

  /// Writes the truth that the folders' names tell.
  func writeGroundTruth(_ imageDir: String, _ labels: ClassLabels) throws {
    let path = groundTruthFile ?? "\(outputDir)/ground_truth.json"
    guard force || !FileManager.default.fileExists(atPath: path) else {
      throw CommandFailure(.wrongUsage, "\(path) is there already; --force replaces it")
    }
    guard try FolderListing.hasClasses(imageDir, labels: labels) else {
      throw CommandFailure(
        .unreadable,
        "\(imageDir): no folder is called after a class; the classes are \(labels.names.joined(separator: ", "))")
    }
    let listing = try FolderListing.read(imageDir, labels: labels, needsAllClasses: false)
    let part = try listing.part(split, path: imageDir)
    let truth = GroundTruth(listing.splits[part ?? .train] ?? [], labels: labels)
    try Self.makeFolder(of: path)
    try truth.write(to: path)
    note("wrote \(path): \(ReportText.count(truth.images.count, "picture"))")
  }

  static func makeFolder(of path: String) throws {
    guard let end = path.lastIndex(of: "/"), end > path.startIndex else { return }
    let folder = String(path[..<end])
    try FileAccess.makeFolder(folder) { CommandFailure(.inputOutput, "\(folder): \($0)") }
  }

  // MARK: Scores

  /// Sends the pictures through the networks, each once.
  ///
  /// - Throws: `ExitCode` after a signal; what was classified until then is in the cache.
  func material(
    of pictures: BiasPictures, _ model: BiasModel, _ settings: BiasSearchSettings, signals: StopSignals
  ) throws -> Material {
    let name = imageDir ?? ""
    let scoring = try scoring(of: model) { signals.signal != nil }
    var cache = ScoreCache(folder: cacheFolder, key: model.cacheKey(view: try view()))
    let known = cache
    let bar = Guarded(
      ProgressBar(
        name: "classifying", total: pictures.paths.count, isWanted: !quiet, resultsGoToStandardOutput: false))
    let result = Result {
      try scoring.run(pictures.paths, folder: pictures.folder, cache: &cache) { done in
        bar.withLock { $0.update(done: done) }
      }
    }
    bar.withLock { $0.finish() }
    if cache.isChanged {
      do throws(TrainingError) {
        try cache.write()
      } catch {
        warn("the networks' answers are not kept for the next time: \(error)")
      }
    }
    let outcomes = try result.get()
    if let status = signals.status, outcomes.contains(where: { $0 == nil }) {
      let done = outcomes.count { $0 != nil }
      note(
        "stopped after \(done) of \(outcomes.count) pictures, whose answers are kept; the same command goes on from "
          + "there")
      throw ExitCode(status.rawValue)
    }
    return try assemble(outcomes, pictures, model, settings, known: known, name: name)
  }

  private func assemble(
    _ outcomes: [PictureScoring.Outcome?], _ pictures: BiasPictures, _ model: BiasModel,
    _ settings: BiasSearchSettings, known: ScoreCache, name: String
  ) throws -> Material {
    var kept: [Int] = []
    var probabilities: [Float] = []
    var unreadable: [(path: String, problem: String)] = []
    var (faceless, crowded, knownCount) = (0, 0, 0)
    var identity = ""
    for (index, outcome) in outcomes.enumerated() {
      switch outcome {
      case .entry(let entry, let hash)?:
        if known[hash] != nil { knownCount += 1 }
        if entry.faces > 1 { crowded += 1 }
        guard entry.faces > 0 else {
          faceless += 1
          continue
        }
        kept.append(index)
        probabilities += entry.scores
        let label = pictures.truth[index].map { model.labels[$0] } ?? ""
        identity += "\(pictures.paths[index])\u{0}\(hash)\u{0}\(label)\n"
      case .unreadable(let problem)?: unreadable.append((pictures.paths[index], problem))
      case nil: break
      }
    }
    for (path, problem) in unreadable.prefix(20) { warn("\(path) is left out: \(problem)") }
    if unreadable.count > 1 { warn("\(unreadable.count) pictures cannot be read and are left out") }
    if faceless > 0 { warn("no face was found in \(ReportText.count(faceless, "picture"))") }
    if crowded > 0 { note("\(ReportText.count(crowded, "picture")) with several faces: the largest one counts") }
    guard !kept.isEmpty else {
      throw CommandFailure(
        .unreadable,
        "\(name): \(faceless > 0 ? "not one face was found" : "not one picture could be read")")
    }
    var used = pictures
    used.keep(kept)
    // Without what could not be used, a class may have become empty and the truth's shares are others.
    try check(used, settings, model.labels)
    return Material(
      name: name, part: pictures.part,
      scores: try BiasScores(labels: model.labels, probabilities: probabilities, truth: used.truth),
      settings: try search.settings(
        labels: model.labels, truth: used.truth, usesTruth: usesTruth, isForced: force),
      checksum: ScoreCache.hash(of: Array(identity.utf8)), unreadable: unreadable, faceless: faceless,
      known: knownCount)
  }

  func scoring(
    of model: BiasModel, isStopped: @escaping @Sendable () -> Bool = { false }
  ) throws -> PictureScoring {
    let (detects, options, precision) = (detect, detector, model.precision)
    return PictureScoring(
      makeFinder: {
        detects
          ? try AnnotationEngine.finder(options, precision: precision, detectEvery: 1) : WholePictureFinder()
      },
      makeClassifier: model.makeClassifier, averagesFlips: averageFlips, threads: workers, isStopped: isStopped)
  }

  /// What scores depend on beside model and picture.
  private func view() throws -> String {
    let view = averageFlips ? "flip-averaged" : "single"
    guard detect else { return "\(view), crops" }
    let file = try ModelFile.read(from: try detector.path())
    let precision = (model.precision ?? file.record.preferredPrecision).rawValue
    let size = detector.detectSize ?? FaceDetector.Options().detectSize
    // Which faces are found depends on the program, too.
    return "\(view), largest face by ferd \(Ferd.version) with \(file.checksum ?? "") in \(precision) at \(size)"
  }

  private var cacheFolder: String {
    if let cacheDir { return cacheDir }
    let environment = ProcessInfo.processInfo.environment
    // The XDG specification has relative paths passed over.
    if let folder = environment["XDG_CACHE_HOME"], folder.hasPrefix("/") { return "\(folder)/ferd" }
    if let home = environment["HOME"], home.hasPrefix("/"), home != "/" { return "\(home)/.cache/ferd" }
    return outputDir
  }
}
