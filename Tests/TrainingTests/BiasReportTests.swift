import Foundation
import TestSupport
import Testing

@testable import Training

/// What a search leaves behind: the file and the report.
struct BiasReportTests {
  private static let labels = ["<angry>", "sad&", "c\nd"]

  /// A class that is called too rarely: its probabilities are too low by a factor.
  private static func scores(count: Int = 240, knowsTruth: Bool = true) throws -> BiasScores {
    var random = RandomGenerator(seed: 3)
    var probabilities: [Float] = []
    var truth: [Int?] = []
    for index in 0..<count {
      let label = index % 3
      var row = (0..<3).map { expf(random.normal() + ($0 == label ? 2 : 0) - ($0 == 1 ? 1.5 : 0)) }
      let sum = row.reduce(0, +)
      row = row.map { $0 / sum }
      probabilities += row
      truth.append(knowsTruth ? label : nil)
    }
    return try BiasScores(labels: labels, probabilities: probabilities, truth: truth)
  }

  private static let origin = BiasOrigin(
    model: "m@123",
    modelParts: [.init(file: "m.safetensors", sha256: String(repeating: "a", count: 64), weight: 1)],
    precision: "f32", view: "single", isDetected: false, dataChecksum: String(repeating: "b", count: 64),
    version: "0.1.0")

  private func search(
    _ scores: BiasScores, objective: BiasObjective = BiasObjective(), classes: [Int] = [0, 1, 2]
  ) throws -> (settings: BiasSearchSettings, result: BiasResult) {
    let settings = BiasSearchSettings(objective: objective, searchedClasses: classes, trials: 60)
    return (settings, try BiasSearch.run(scores, settings: settings))
  }

  private func write(
    _ scores: BiasScores, _ settings: BiasSearchSettings, _ result: BiasResult, gnuplot: Gnuplot? = nil
  ) throws -> (page: String, folder: TemporaryFolder) {
    let folder = try TemporaryFolder()
    let report = BiasReport(
      command: ["ferd", "tune-bias", "--image-dir", "my <data>"], facts: [ReportFact("Model", "<m>")],
      version: "0.1.0", scores: scores, settings: settings, result: result,
      unreadable: [("x<y>.png", "broken & bad")], gnuplot: gnuplot)
    let warnings = try report.write(to: folder.url, gnuplot: gnuplot)
    #expect(warnings.count == (gnuplot == nil ? 1 : 0), "\(warnings)")
    return (try String(contentsOf: folder.url.appending(path: "report.html"), encoding: .utf8), folder)
  }

  @Test func theFileFollowsItsSchema() throws {
    let schema = try JSONSchema(contentsOf: TestData.repository.appending(path: "docs/bias.schema.json"))
    let scores = try Self.scores()
    let target = [0.2, 0.3, 0.5]
    for objective in [
      BiasObjective(), BiasObjective(weights: [.nll: 0.3, .macroF1: 0.7]),
      BiasObjective(weights: [.distribution: 1], targetDistribution: target),
    ] {
      let (settings, result) = try search(scores, objective: objective)
      let file = BiasFile(result, scores: scores, settings: settings, origin: Self.origin)
      let line = try ParsedJSON.parse(file.line)
      #expect(schema.problems(with: line).isEmpty, "\(schema.problems(with: line))")
      #expect(line["objective"]?.string == objective.text)
      let folder = try TemporaryFolder()
      try file.write(to: folder.path + "/bias.json")
      #expect(try ParsedJSON.parse(Data(contentsOf: folder.url.appending(path: "bias.json"))) == line)
      let origin = try BiasFileOrigin.read(folder.path + "/bias.json")
      #expect(origin.modelFiles == Self.origin.modelParts && origin.recommended == result.recommended)
      // A schema that lets everything pass would be of no use.
      for (part, replacement) in [
        ("\"v\":1", "\"v\":2"), ("\"recommended\":", "\"rec\":"), ("\"seed\":0", "\"seed\":-1"),
        ("\"folds\":5", "\"folds\":1.5"), ("\"view\":\"single\"", "\"view\":\"double\""),
        ("\"interval\":[", "\"interval\":[0,"), ("\"weight\":1", "\"weight\":0"),
      ] {
        let damaged = file.line.replacing(part, with: replacement)
        #expect(damaged != file.line, "\(part)")
        #expect(!schema.problems(with: try ParsedJSON.parse(damaged)).isEmpty, "\(part)")
      }
    }
  }

  @Test func objectivesAreWrittenAsTheyAreTaken() {
    #expect(BiasObjective().text == "macro-recall")
    #expect(BiasObjective(weights: [.nll: 0.3, .macroRecall: 0.7]).text == "macro-recall=0.7,nll=0.3")
    #expect(BiasObjective(weights: [.accuracy: 2]).text == "accuracy=2")
  }

  @Test func thePageTellsWhatWasFound() throws {
    let scores = try Self.scores()
    let (settings, result) = try search(scores)
    #expect(result.recommended)
    let (page, folder) = try write(scores, settings, result)
    for text in [
      "Bias report", "ferd tune-bias --image-dir &#39;my &lt;data&gt;&#39;", "factors are recommended.",
      "x&lt;y&gt;.png", "broken &amp; bad", "&lt;angry&gt;", "c␊d", "unseen pictures", "closed form",
      "gnuplot is not installed",
    ] { #expect(page.contains(text), "no \(text)") }
    #expect(!page.contains("<angry>") && !page.contains("<script"))
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.url.appending(path: "report").path)
    #expect(
      files.filter { $0.hasSuffix(".tsv") }.sorted() == [
        "confusion-after.tsv", "confusion-before.tsv", "distribution.tsv", "history.tsv", "importance.tsv",
        "pair-1-2.tsv", "pair-1-3.tsv", "pair-2-3.tsv", "recall.tsv", "reliability-after.tsv",
        "reliability-before.tsv",
      ])
    let history = try String(contentsOf: folder.url.appending(path: "report/history.tsv"), encoding: .utf8)
    #expect(history.split(separator: "\n").count == result.trials.count + 1)
    // The map's largest value is not far below what was found, and none is above.
    let map = try String(contentsOf: folder.url.appending(path: "report/pair-1-2.tsv"), encoding: .utf8)
    let values = map.split(separator: "\n").dropFirst().map { Double($0.split(separator: "\t")[2])! }
    #expect(values.count == BiasReport.landscapeSteps * BiasReport.landscapeSteps)
    #expect(values.max()! > result.valueBefore && values.max()! < result.value + 0.02)
  }

  @Test func landscapesHaveTheFirstClassUpwards() throws {
    let scores = try Self.scores()
    let (settings, result) = try search(scores)
    let (_, folder) = try write(scores, settings, result)
    let map = try String(contentsOf: folder.url.appending(path: "report/pair-1-3.tsv"), encoding: .utf8)
    let rows = map.split(separator: "\n").map { $0.split(separator: "\t") }
    #expect(rows[0][0] == "factor of c\\nd" && rows[0][1] == "factor of <angry>")
    // The value of a corner, counted anew: the factor of the third class is smallest, that of the first is largest.
    let row = try #require(rows.dropFirst().first { Double($0[0])! < 0.1001 && Double($0[1])! > 9.99 })
    let called = scores.called(factors: [10, result.candidate[1], 0.1])
    let recalls = (0..<3).map { label in
      Double(called.indices.count { scores.truth[$0] == label && called[$0] == label }) / 80
    }
    #expect(abs(Double(row[2])! - recalls.reduce(0, +) / 3) < 1e-6)
  }

  @Test func withoutTruthThereIsNothingAboutRight() throws {
    let scores = try Self.scores(knowsTruth: false)
    let (settings, result) = try search(scores, objective: BiasObjective(weights: [.distribution: 1]), classes: [1])
    let (page, folder) = try write(scores, settings, result)
    #expect(page.contains("Not all pictures have a known emotion") && page.contains("there is no pair"))
    #expect(page.contains("target (%)") && page.contains("not searched"))
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.url.appending(path: "report").path)
    #expect(
      files.filter { $0.hasSuffix(".tsv") }.sorted() == ["distribution.tsv", "history.tsv", "importance.tsv"])
  }

  @Test func interruptedSearchesSaySo() throws {
    let scores = try Self.scores()
    var (settings, result) = try search(scores)
    result.isInterrupted = true
    result.crossValidated = nil
    result.alternative?.crossValidated = nil
    result.recommended = false
    result.factors = [1, 1, 1]
    settings.trials = 1000
    let (page, _) = try write(scores, settings, result)
    #expect(page.contains("The search was interrupted") && page.contains("Nothing is recommended"))
    #expect(page.contains("after (candidate)") && !page.contains("unseen pictures"))
  }

  @Test func aLongHistoryKeepsAllThatWereBest() {
    let trials = (0..<10_000).map { number in
      BiasTrial(number: number, factors: [], temperature: 1, value: number == 7777 ? 2 : Double(number % 10) / 100)
    }
    let history = BiasReport.history(trials, limit: 100)
    #expect(history.count <= 112 && history.contains { $0.number == 7777 && $0.best == 2 })
    #expect(history.last?.number == 9999 && history.last?.best == 2)
    #expect(history.prefix(3).map(\.best) == [0, 0.01, 0.02])
  }

  @Test(.enabled(if: Gnuplot.find() != nil, "gnuplot is not installed")) func everyPictureIsDrawn() throws {
    let scores = try Self.scores()
    let (settings, result) = try search(scores)
    let (page, folder) = try write(scores, settings, result, gnuplot: Gnuplot.find())
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.url.appending(path: "report").path)
    #expect(files.count { $0.hasSuffix(".svg") } == 11)
    #expect(page.matches(of: #/<svg /#).count == 11 && !page.contains("class=\"missing\""))
    let map = try String(contentsOf: folder.url.appending(path: "report/pair-1-2.svg"), encoding: .utf8)
    // Cells, and the marks in their two colours.
    #expect(map.matches(of: #/<polygon|<path/#).count > 800)
    #expect(map.contains("181, 101,  29") || map.contains("#b5651d") || map.contains("#B5651D"))
  }
}

struct GroundTruthTests {
  @Test func foldersTellTheTruth() throws {
    let folder = try TemporaryFolder()
    try folder.writeClasses(["happy", "Sadness"], count: 3, size: 4)
    let listing = try FolderListing.read(folder.path, needsAllClasses: false)
    let truth = GroundTruth(listing.splits[.train]!, labels: .emotions)
    try truth.write(to: folder.path + "/truth.json")
    let read = try GroundTruth.read(folder.path + "/truth.json")
    #expect(read == truth && read.images.count == 6 && read.images["Sadness/0002.pgm"] == "sad")
    let files = try read.files(in: folder.url, labels: .emotions, path: "truth.json")
    #expect(files.sorted { $0.path < $1.path } == listing.splits[.train]!.sorted { $0.path < $1.path })
  }

  @Test(arguments: [
    "", "[]", "{}", #"{"v":1}"#, #"{"v":2,"images":{"a":"happy"}}"#, #"{"v":1,"images":{}}"#,
    #"{"v":1,"images":{"a":1}}"#, #"{"v":"1","images":{"a":"happy"}}"#,
  ])
  func whatIsNoTruthIsRefused(text: String) throws {
    let folder = try TemporaryFolder()
    try folder.write(Array(text.utf8), to: "truth.json")
    #expect { try GroundTruth.read(folder.path + "/truth.json") } throws: {
      if case .invalidData(let path, _)? = $0 as? TrainingError { path.hasSuffix("truth.json") } else { false }
    }
  }

  @Test func picturesThatAreNotThereAreNamed() throws {
    let folder = try TemporaryFolder()
    try folder.write([1], to: "a.png")
    let truth = GroundTruth(images: ["a.png": "happy", "b.png": "sad", "c.png": "sad"])
    #expect { try truth.files(in: folder.url, labels: .emotions, path: "t.json") } throws: {
      guard case .noSuchInput(_, let problem)? = $0 as? TrainingError else { return false }
      return problem.contains("2 pictures that are not in") && problem.contains("\"b.png\", \"c.png\"")
    }
  }
}
