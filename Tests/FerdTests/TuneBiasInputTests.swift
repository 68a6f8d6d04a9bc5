import Capture
import Foundation
import Inference
import TestSupport
import Testing

/// What `ferd tune-bias` takes for pictures and truth, what it refuses, and how it ends early.
struct TuneBiasInputTests {
  private func schema(_ name: String) throws -> JSONSchema {
    try JSONSchema(contentsOf: TestData.repository.appending(path: "docs/\(name).schema.json"))
  }

  @Test func picturesWithoutClassesMeetATargetDistribution() throws {
    let place = try BiasPictures()
    for (index, difference) in (BiasPictures.happy + BiasPictures.neutral).enumerated() {
      try place.write(difference, to: "flat/\(index % 4)/\(index).pgm", mark: index)
    }
    try Data("not a picture".utf8).write(to: place.folder.url.appending(path: "flat/notes.txt"))
    let result = try place.run(
      "--image-dir", place.folder.path("flat"), "--classes", "happy,neutral", "--target-distribution",
      "happy=0.6,neutral=0.4", "--trials", "300")
    #expect(result.status == 0, "\(result.errors)")
    let line = try #require(try result.objects().first)
    #expect(try schema("bias").problems(with: line).isEmpty)
    #expect(line["objective"]?.string == "distribution" && line["images_by_class"] == nil)
    #expect(
      line["target_distribution"]?["happy"]?.number == 0.6 && line["target_distribution"]?["sad"]?.number == 0)
    #expect(try #require(line["on_all"]?["before"]?.number) < 0.7)
    #expect(try #require(line["on_all"]?["after"]?.number) > 0.98)
    let page = String(decoding: try place.contents("bias/report.html"), as: UTF8.self)
    #expect(page.contains("target (%)") && page.contains("Not all pictures have a known emotion"))

    for (more, message) in [
      (["--objective", "accuracy"], "needs pictures whose emotion is known"),
      (["--use-ground-truth"], "name a --ground-truth-file"),
      (["--target-distribution", "data"], "needs pictures whose emotion is known"),
      (["--temperature"], "needs pictures whose emotion is known"),
      (["--split", "test"], "has no parts"),
    ] {
      let refused = try place.run(["--image-dir", place.folder.path("flat")] + more)
      #expect(refused.status == 64 && refused.errors.contains(message), "\(more): \(refused.errors)")
    }
  }

  @Test func groundTruthIsWrittenAndRead() throws {
    let place = try BiasPictures(prefix: "test/")
    let file = place.folder.path("truth/all.json")
    let created = try place.run(
      "--create_ground_truth", "--image-dir", place.data, "--ground-truth-file", file)
    #expect(created.status == 0 && created.output.isEmpty, "\(created.errors)")
    let truth = try ParsedJSON.parse(place.contents("truth/all.json"))
    #expect(try schema("ground-truth").problems(with: truth).isEmpty)
    #expect(truth["images"]?.object?.count == 126)
    #expect(truth["images"]?["test/happy/007.pgm"]?.string == "happy")
    let again = try place.run("--create-ground-truth", "--image-dir", place.data, "--ground-truth-file", file)
    #expect(again.status == 64 && again.errors.contains("is there already"), "\(again.errors)")

    let options = ["--image-dir", place.data, "--classes", "happy,neutral", "--trials", "100"]
    let byFile = try place.run(options + ["--use-ground-truth", "--ground-truth-file", file], output: "a")
    #expect(byFile.status == 0, "\(byFile.errors)")
    let byFolder = try place.run(options, output: "b")
    #expect(byFile.lines == byFolder.lines)
    // Only the named pictures, and others than their folders say.
    var some: [String: ParsedJSON] = [:]
    for index in 0..<20 { some["test/neutral/\(String(format: "%03d", index)).pgm"] = .string("happiness") }
    for index in 0..<10 { some["test/happy/\(String(format: "%03d", index)).pgm"] = .string("neutral") }
    func write(_ images: [String: ParsedJSON], _ version: Double = 1) throws {
      let text = images.map { "\"\($0)\":\"\($1.string ?? "")\"" }.joined(separator: ",")
      try Data("{\"v\":\(version),\"images\":{\(text)}}".utf8).write(to: URL(fileURLWithPath: file))
    }
    try write(some)
    let partial = try #require(try place.run(options + ["--ground-truth-file", file], output: "c").objects().first)
    #expect(partial["images"]?.integer == 30 && partial["images_by_class"]?["happy"]?.integer == 20)

    for (change, status, message) in [
      (("test/happy/none.png", "happy"), 66, "names 1 picture that is not in"),
      (("test/happy/001.pgm", "glad"), 65, "is \"glad\", which is none of"),
      (("../secret.png", "happy"), 65, "expected paths below the folder"),
    ] as [((String, String), Int32, String)] {
      var images = some
      images[change.0] = .string(change.1)
      try write(images)
      let refused = try place.run(options + ["--ground-truth-file", file])
      #expect(refused.status == status && refused.errors.contains(message), "\(refused.errors)")
    }
    try write(some, 2)
    #expect(try place.run(options + ["--ground-truth-file", file]).status == 65)
    #expect(try place.run(options + ["--ground-truth-file", place.folder.path("none.json")]).status == 66)
  }

  @Test func facesAreFoundFirst() throws {
    let place = try BiasPictures()
    for index in 0..<24 {
      let column = index % 4
      let bright = UInt8(215 + index)
      let face = TestFace(column: column, row: 1, leftLuma: index < 12 ? 255 : bright, rightLuma: bright)
      let file = place.folder.url.appending(path: "wild/\(index < 12 ? "happy" : "neutral")/\(index).png")
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try writePicture(TestClips.picture([face]), to: file.path)
    }
    try writePicture(TestClips.picture([]), to: place.folder.path("wild/happy/nobody.png"))
    let options = [
      "--image-dir", place.folder.path("wild"), "--classes", "happy,neutral", "--detect", "--detector",
      place.models.detector, "--trials", "100",
    ]
    let result = try place.run(options)
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.errors.contains("no face was found in 1 picture"), "\(result.errors)")
    let line = try #require(try result.objects().first)
    #expect(line["images"]?.integer == 24 && line["detected"] == .boolean(true))
    // From the cache, that there is no face, too.
    #expect(try place.run(options).lines == result.lines)
    let page = String(decoding: try place.contents("bias/report.html"), as: UTF8.self)
    #expect(page.contains("Answers from the cache</td><td>25"))
    let shown = try place.run(
      "--test", place.folder.path("wild/happy/0.png"), "--detect", "--detector", place.models.detector)
    let face = try #require(try shown.objects().first?["faces"]?[0])
    #expect(face["box"]?["w"]?.integer == 32, "\(shown.errors)")
  }

  @Test func whatCannotBeReadIsLeftOut() throws {
    let place = try BiasPictures()
    try Data("no picture".utf8).write(to: place.folder.url.appending(path: "data/happy/broken.png"))
    // Nobody writes into it.
    try #require(mkfifo(place.folder.path("data/happy/pipe.png"), 0o600) == 0)
    try Data("happy/000.pgm\nneutral/000.pgm\n".utf8).write(to: place.folder.url.appending(path: "list.txt"))
    let result = try place.run(
      "--image-dir", place.data, "--classes", "happy,neutral", "--trials", "50", "--exclude",
      place.folder.path("list.txt"))
    #expect(result.status == 0 && result.errors.contains("happy/broken.png is left out"), "\(result.errors)")
    #expect(result.errors.contains("happy/pipe.png is left out"), "\(result.errors)")
    #expect(try #require(try result.objects().first)["images"]?.integer == 124)
    let page = String(decoding: try place.contents("bias/report.html"), as: UTF8.self)
    #expect(page.contains("happy/broken.png"))
  }

  @Test(
    arguments: [
      (["--classes", "happy,glad"], 64, "--classes names \"glad\", which is none of"),
      (["--classes", "happy,happiness"], 64, "names \"happy\" twice"),
      (["--target-distribution", "happy=0.7,sad=0.4"], 64, "they sum to 1.1"),
      (["--target-distribution", "glad=0.1"], 64, "\"glad\", which is none of"),
      (["--target-distribution", "happy=-0.1"], 64, "expected a share of 0 to 1"),
      (["--target-distribution", "much"], 64, "--target-distribution"),
      (["--objective", "macro-recall", "--target-distribution", "uniform"], 64, "belongs to the objective"),
      (["--objective", "fame"], 64, "--objective"),
      (["--objective", "accuracy=0"], 64, "--objective"),
      (["--method", "guess"], 64, "--method"),
      (["--trials", "0"], 64, "--trials takes"), (["--folds", "1"], 64, "--folds takes"),
      (["--jobs", "0"], 64, "--jobs takes"), (["--smallest-factor", "2"], 64, "--smallest-factor takes"),
      (["--folds", "100", "--classes", "happy,neutral", "--split", "train"], 64, "has no parts"),
      ([], 65, "no picture of the class angry"),
      (["--exclude", "/nowhere.txt"], 66, "/nowhere.txt"),
      (["--model", "/nowhere"], 66, "no such model"),
    ] as [([String], Int32, String)])
  func mistakesAreExplained(options: [String], status: Int32, message: String) throws {
    let place = try BiasPictures()
    let result = try place.run(["--image-dir", place.data] + options)
    #expect(result.status == status, "\(result.status) \(result.errors)")
    #expect(result.errors.contains(message), "\(result.errors)")
    #expect(!FileManager.default.fileExists(atPath: place.folder.path("bias")))
  }

  @Test func foldersThatCannotServeAreExplained() throws {
    let place = try BiasPictures()
    let folder = place.folder.url
    for name in ["empty", "one/happy", "broken/happy", "broken/neutral"] {
      try FileManager.default.createDirectory(at: folder.appending(path: name), withIntermediateDirectories: true)
    }
    try place.write(20, to: "one/happy/1.pgm")
    for name in ["happy", "neutral"] {
      for index in 0..<3 {
        try Data("broken \(index)".utf8).write(to: folder.appending(path: "broken/\(name)/\(index).png"))
      }
    }
    for (name, status, message) in [
      ("none", 66, "no such folder"), ("empty", 65, "no picture in this folder"),
      ("one", 65, "expected at least 2 pictures"), ("broken", 65, "not one picture could be read"),
      ("ensemble/ensemble.json", 65, "is no folder"),
    ] as [(String, Int32, String)] {
      let result = try place.run("--image-dir", place.folder.path(name), "--classes", "happy")
      #expect(result.status == status && result.errors.contains(message), "\(name): \(result.errors)")
      #expect(result.output.isEmpty)
    }
    #expect(try place.run().status == 64)
  }

  @Test func scoresThatAreNoNumbersAreRefused() throws {
    let place = try BiasPictures()
    var file = try ModelFile.read(from: place.models.model)
    // Overflows to infinity, and infinity less infinity is no number.
    file.tensors["linear.weight"]!.values = [Float](repeating: 3e38, count: 28)
    let path = place.folder.path("wild.safetensors")
    try file.write(to: path)
    let result = try place.run(["--image-dir", place.data, "--classes", "happy,neutral"], model: path)
    #expect(
      result.status == 65 && result.errors.contains("the model's scores are no probabilities"), "\(result.errors)")
    #expect(!FileManager.default.fileExists(atPath: place.folder.path("bias/bias.json")))
  }

  @Test(arguments: [(SIGINT, 130), (SIGTERM, 143)] as [(Int32, Int32)])
  func anInterruptedSearchKeepsWhatItFound(signal: Int32, status: Int32) throws {
    let place = try BiasPictures()
    let before = try Data(contentsOf: URL(fileURLWithPath: place.models.ensemble + "/ensemble.json"))
    let output = place.folder.url.appending(path: "output")
    try Data().write(to: output)
    let process = try FerdProcess.start(
      place.arguments([
        "--image-dir", place.data, "--classes", "happy,neutral", "--trials", "10000000", "--jobs", "1", "--apply",
      ]), output: try FileHandle(forWritingTo: output), errors: FileHandle.nullDevice,
      environment: place.environment())
    // The cache is written just before the search.
    let end = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < end, process.isRunning {
      if FileManager.default.fileExists(atPath: place.folder.path("cache/ferd")),
        place.folder.contents.contains(where: { $0.hasSuffix(".cache") })
      {
        break
      }
      usleep(5000)
    }
    usleep(500_000)
    kill(process.processIdentifier, signal)
    process.waitUntilExit()
    #expect(FerdProcess.status(of: process) == status)
    let line = try ParsedJSON.parse(Data(contentsOf: output))
    #expect(try schema("bias").problems(with: line).isEmpty)
    #expect(line["interrupted"] == .boolean(true) && line["cross_validated"] == nil)
    #expect(line["recommended"] == .boolean(false) && (line["trials"]?.integer ?? 0) > 2)
    #expect(try ParsedJSON.parse(place.contents("bias/bias.json")) == line)
    let page = String(decoding: try place.contents("bias/report.html"), as: UTF8.self)
    #expect(page.contains("The search was interrupted"))
    // Nothing is put into the ensemble.
    #expect(try Data(contentsOf: URL(fileURLWithPath: place.models.ensemble + "/ensemble.json")) == before)
  }
}
