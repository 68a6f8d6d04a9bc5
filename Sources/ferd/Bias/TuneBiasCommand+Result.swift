import Foundation
import Inference
import Training

extension TuneBiasCommand {
  /// Searches, and writes what was found: the file first, then everything made of it.
  func searchAndWrite(_ material: Material, _ model: BiasModel, signals: StopSignals) throws {
    let (scores, settings) = (material.scores, material.settings)
    let start = ContinuousClock.now
    var bar = ProgressBar(
      name: "searching", total: settings.trials, isWanted: !quiet, resultsGoToStandardOutput: false)
    let result: BiasResult
    do {
      var done = 0
      result = try BiasSearch.run(scores, settings: settings, isStopped: { signals.signal != nil }) { _ in
        done += 1
        bar.update(done: done)
      }
    } catch {
      bar.finish()
      throw error
    }
    bar.finish()
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let file = BiasFile(
      result, scores: scores, settings: settings,
      origin: BiasOrigin(
        model: model.identity, modelParts: model.parts, precision: model.precisions,
        view: averageFlips ? "flip-averaged" : "single", isDetected: detect, dataChecksum: material.checksum,
        version: Ferd.version))
    try Self.makeFolder(of: biasPath)
    try file.write(to: biasPath)
    try StandardOutput.write(file.line + "\n")
    for line in BiasReport.summary(result, objective: settings.objective).split(separator: "\n") {
      note(String(line))
    }
    let isUsed = result.factors != result.factors.map { _ in 1 } || result.temperature != 1
    note("\(isUsed ? "factors" : "best found"): \(spoken(result, isUsed: isUsed, labels: scores.labels))")
    note("wrote \(biasPath)")
    try writeReport(material, result, model, seconds: seconds)
    guard apply else { return }
    guard !result.isInterrupted else { return note("interrupted: nothing was applied") }
    try model.apply(factors: result.factors, temperature: result.temperature)
    note("wrote the factors into \(model.path)/\(EnsembleDescription.fileName)")
  }

  private func spoken(_ result: BiasResult, isUsed: Bool, labels: [String]) -> String {
    let temperature = isUsed ? result.temperature : result.candidateTemperature
    let factors = zip(labels, isUsed ? result.factors : result.candidate).map { label, factor in
      "\(label) \(String(format: "%.3g", factor))"
    }
    return factors.joined(separator: ", ")
      + (temperature == 1 ? "" : String(format: "; temperature %.3g", temperature))
  }

  private func writeReport(_ material: Material, _ result: BiasResult, _ model: BiasModel, seconds: Double) throws {
    let (scores, settings) = (material.scores, material.settings)
    let framing = detect ? "the largest face of each" : "taken as face crops"
    var facts = [
      ReportFact(
        "Pictures",
        "\(scores.count) of \(material.name)\(material.part.map { ", part \($0.rawValue)" } ?? ""), \(framing)"),
      ReportFact("Model", "\(model.identity) (\(model.path))"),
      ReportFact(
        "Arithmetic",
        "\(model.precisions); \(averageFlips ? "the mean of each picture and its mirror image" : "each picture once")"
      ),
      ReportFact("Answers from the cache", "\(material.known)"),
      ReportFact("Objective", settings.objective.text),
      ReportFact(
        "Search",
        "\(settings.method.rawValue), \(ReportText.count(result.trials.count, "trial")) on all pictures, factors "
          + "\(settings.smallestFactor) to \(settings.largestFactor), \(settings.folds) folds, seed \(settings.seed), "
          + String(format: "%.1f s", seconds)),
    ]
    if let exclude { facts.insert(ReportFact("Left out", "what \(exclude) names"), at: 1) }
    if material.faceless > 0 {
      facts.insert(
        ReportFact("Without a face", "\(ReportText.count(material.faceless, "picture")), left out"), at: 1)
    }
    let gnuplot = Gnuplot.find()
    let report = BiasReport(
      command: CommandLine.arguments, facts: facts, version: Ferd.version, scores: scores, settings: settings,
      result: result, unreadable: material.unreadable, gnuplot: gnuplot)
    for warning in try report.write(to: URL(fileURLWithPath: outputDir), gnuplot: gnuplot) { warn(warning) }
    note("wrote \(outputDir)/report.html")
  }

  /// Shows what the factors in the output folder do to one picture.
  func preview(_ image: String) throws {
    guard FileManager.default.fileExists(atPath: biasPath) else {
      throw CommandFailure(
        .noSuchInput, "\(biasPath): no factors yet; name pictures to search on with --image-dir")
    }
    let model = try BiasModel(model)
    let correction = try BiasCorrection(contentsOf: biasPath, labels: model.labels)
    let origin = try BiasFileOrigin.read(biasPath)
    if let parts = origin.modelFiles, Set(parts.map(\.sha256)) != Set(model.parts.map(\.sha256)) {
      warn("\(biasPath) was made for another model than \(model.identity)")
    }
    note("with the factors in \(biasPath)")
    if correction.isNeutral {
      note("they are all 1" + (origin.recommended == false ? ", as none was recommended" : ""))
    }
    let picture = try scoring(of: model).picture(image)
    let preview = BiasPreview(correction: correction, labels: model.labels)
    try StandardOutput.write(preview.line(image: image, picture) + "\n")
    for line in preview.notes(image: image, picture) { note(line) }
  }
}
