import Foundation
import Inference
import TestSupport
import Testing

/// `ferd tune-bias` as a process, with a model whose best factors can be told in advance.
struct TuneBiasTests {
  private func schema(_ name: String) throws -> JSONSchema {
    try JSONSchema(contentsOf: TestData.repository.appending(path: "docs/\(name).schema.json"))
  }

  private func factors(_ object: ParsedJSON) throws -> [String: Double] {
    try #require(object["factors"]?.object).compactMapValues(\.number)
  }

  @Test(arguments: ["grid_search", "optuna", "evolutionary"])
  func findsFactorsThatHoldForUnseenPictures(method: String) throws {
    let place = try BiasPictures()
    let result = try place.run(
      "--image_dir", place.data, "--classes", "happy,neutral", "--method", method, "--trials", "300")
    try #require(result.status == 0, "\(result.errors)")
    let line = try #require(try result.objects().first)
    #expect(result.lines.count == 1)
    #expect(try schema("bias").problems(with: line) == [])
    #expect(try ParsedJSON.parse(place.contents("bias/bias.json")) == line)
    #expect(line["recommended"] == .boolean(true))
    // Between the logits of differences of 14 and 16: exp(2.5 - 20 * 14 / 255) and exp(2.5 - 20 * 16 / 255), but the
    // regularisation draws towards the lower end.
    let found = try factors(line)
    let ratio = try #require(found["happy"]) / (try #require(found["neutral"]))
    #expect(ratio > 3.4 && ratio < 4.1, "\(found)")
    #expect(found["angry"] == 1 && found["sad"] == 1)
    let estimate = try #require(line["cross_validated"])
    #expect(try #require(estimate["before"]?.number) < 0.8 && (try #require(estimate["after"]?.number)) > 0.97)
    #expect(try #require(estimate["interval"]?[0]?.number) > 0.1)
    #expect(line["images"]?.integer == 126 && line["images_by_class"]?["happy"]?.integer == 60)
    #expect(result.errors.contains("The factors are recommended."), "\(result.errors)")
    let page = String(decoding: try place.contents("bias/report.html"), as: UTF8.self)
    #expect(page.contains("The factors are recommended.") && page.contains("gnuplot is not installed"))
  }

  @Test func theFileWorksWhereverAModelIsUsed() throws {
    let place = try BiasPictures()
    #expect(try place.run("--image-dir", place.data, "--classes", "happy,neutral", "--quiet").status == 0)
    let file = place.folder.path("bias/bias.json")
    // A difference of 25 is happy, but the model says neutral.
    try place.write(25, to: "crop.pgm")
    let predict = ["predict", "--cropped", "--model", place.models.model, "--image", place.folder.path("crop.pgm")]
    for (more, emotion) in [([], "neutral"), (["--bias", file], "happy")] {
      let objects = try FerdProcess.run(predict + more).objects()
      #expect(objects[1]["faces"]?[0]?["emotion"]?.string == emotion)
    }
    for (bias, range) in [("none", 0.5...0.8), (file, 0.98...1)] {
      let evaluated = try FerdProcess.run([
        "evaluate", "--data-dir", place.data, "--model", place.models.model, "--precision", "f32", "--bias", bias,
      ])
      // Mirrored, a picture brighter on the left is one brighter on the right: a single view is asked for.
      let scores = try #require(try ParsedJSON.parse(evaluated.output)["single_view"])
      #expect(range.contains(try #require(scores["accuracy"]?.number)), "\(bias)")
    }
  }

  @Test func theSameSeedFindsTheSameWhateverTheJobsAndTheCache() throws {
    let place = try BiasPictures()
    func find(_ output: String, _ more: String...) throws -> Data {
      let result = try place.run(
        ["--image-dir", place.data, "--classes", "happy,neutral", "--trials", "150", "--quiet"] + more,
        output: output)
      #expect(result.status == 0, "\(result.errors)")
      return try place.contents("\(output)/bias.json")
    }
    func fromCache(_ output: String) throws -> Int {
      let page = String(decoding: try place.contents("\(output)/report.html"), as: UTF8.self)
      let cell = try #require(page.firstMatch(of: #/Answers from the cache</td><td>(\d+)/#))
      return try #require(Int(cell.1))
    }
    let first = try find("a", "--jobs", "1")
    #expect(try fromCache("a") == 0)
    #expect(try find("b", "--jobs", "3") == first)
    #expect(try fromCache("b") == 126)
    #expect(try find("c", "--seed", "5") != first)

    let caches = try FileManager.default.contentsOfDirectory(atPath: place.folder.path("cache/ferd"))
    #expect(caches.count == 1)
    let cache = place.folder.url.appending(path: "cache/ferd/\(caches[0])")
    var bytes = try Data(contentsOf: cache)
    bytes[bytes.count / 2] ^= 4
    try bytes.write(to: cache)
    #expect(try find("d") == first)
    #expect(try fromCache("d") == 0)
    // It was made anew.
    #expect(try find("e") == first)
    #expect(try fromCache("e") == 126)
    #expect(!place.folder.contents.contains { $0.hasSuffix(".tmp") })
  }

  @Test func nothingIsRecommendedWhereTheGainMayBeChance() throws {
    let place = try BiasPictures()
    // What is happy and what neutral is drawn by lot.
    for index in 0..<40 {
      try place.write(20 + index * 7 % 25, to: "lot/\(index * 13 % 5 < 2 ? "happy" : "neutral")/\(index).pgm")
    }
    let arguments = ["--image-dir", place.folder.path("lot"), "--classes", "happy,neutral", "--trials", "200"]
    let result = try place.run(arguments)
    let line = try #require(try result.objects().first)
    #expect(line["recommended"] == .boolean(false))
    #expect(Set(try factors(line).values) == [1])
    #expect(line["candidate"]?["happy"]?.number != 1)
    #expect(result.errors.contains("may be chance"), "\(result.errors)")

    let forced = try #require(try place.run(arguments + ["--force"], output: "forced").objects().first)
    #expect(forced["recommended"] == .boolean(false) && forced["factors"] == line["candidate"])
  }

  @Test func applyPutsTheFactorsIntoTheEnsemble() throws {
    let place = try BiasPictures()
    let arguments = ["--image-dir", place.data, "--classes", "happy,neutral", "--apply"]
    let before = try EnsembleDescription.read(fromFolder: place.models.ensemble)
    let result = try place.run(arguments)
    #expect(result.status == 0, "\(result.errors)")
    let found = try factors(try #require(try result.objects().first))
    let after = try EnsembleDescription.read(fromFolder: place.models.ensemble)
    #expect(after.bias == found && before.bias != found && after.members == before.members)
    // The ensemble's file is another one now, but what its networks said holds.
    #expect(try place.run(arguments).status == 0)
    let page = String(decoding: try place.contents("bias/report.html"), as: UTF8.self)
    #expect(page.contains("Answers from the cache</td><td>126"))
    #expect(try EnsembleDescription.read(fromFolder: place.models.ensemble) == after)

    let single = try place.run(arguments, model: place.models.model)
    #expect(single.status == 64 && single.errors.contains("is a single model file"), "\(single.errors)")
  }

  @Test func testShowsOnePictureBeforeAndAfter() throws {
    let place = try BiasPictures()
    try place.write(25, to: "crop.pgm")
    let crop = place.folder.path("crop.pgm")
    let early = try place.run("--test", crop)
    #expect(early.status == 66 && early.errors.contains("no factors yet"), "\(early.errors)")

    let searched = try place.run("--test", crop, "--image-dir", place.data, "--classes", "happy,neutral")
    #expect(searched.status == 0 && searched.lines.count == 2, "\(searched.errors)")
    let shown = try place.run("--test", crop)
    #expect(shown.status == 0 && shown.lines == [searched.lines[1]])
    let line = try ParsedJSON.parse(shown.lines[0])
    #expect(try schema("bias-test").problems(with: line).isEmpty)
    let face = try #require(line["faces"]?[0])
    #expect(face["before"]?["emotion"]?.string == "neutral" && face["after"]?["emotion"]?.string == "happy")
    #expect(face["box"]?.object == ["x": .number(0), "y": .number(0), "w": .number(48), "h": .number(48)])
    #expect(shown.errors.contains("before neutral") && shown.errors.contains("; after happy"), "\(shown.errors)")
    // As predict says it without factors.
    let predicted = try FerdProcess.run([
      "predict", "--cropped", "--model", place.models.model, "--precision", "f32", "--image", crop,
    ]).objects()
    for (name, score) in try #require(face["before"]?["scores"]?.object) {
      #expect(abs((score.number ?? 2) - (predicted[1]["faces"]?[0]?["raw"]?[name]?.number ?? 0)) < 1e-4)
    }

    // Another model is told of.
    let other = place.folder.url.appending(path: "other.safetensors")
    var file = try ModelFile.read(from: place.models.model)
    file.record.training = "otherwise"
    try file.write(to: other.path)
    let foreign = try place.run(["--test", crop], model: other.path)
    #expect(foreign.status == 0 && foreign.errors.contains("was made for another model"), "\(foreign.errors)")
    #expect(try place.run("--test", place.folder.path("none.png")).status == 66)
  }

  @Test func aTemperatureMakesConfidencesHonestWhereverTheFileIsUsed() throws {
    let place = try BiasPictures()
    // Every third picture shows the other emotion, of which the model knows nothing: it is too sure.
    for index in 0..<60 {
      let isHappy = index % 2 == 0
      let name = (index % 3 == 0) != isHappy ? "happy" : "neutral"
      try place.write(isHappy ? 80 : -3, to: "doubt/\(name)/\(index).pgm", mark: index)
    }
    let result = try place.run(
      "--image-dir", place.folder.path("doubt"), "--classes", "happy,neutral", "--objective", "nll",
      "--temperature",
      "--trials", "300", "--apply")
    try #require(result.status == 0, "\(result.errors)")
    let line = try #require(try result.objects().first)
    #expect(line["recommended"] == .boolean(true))
    let temperature = try #require(line["temperature"]?.number)
    #expect(temperature > 1.2, "\(temperature)")
    #expect(try EnsembleDescription.read(fromFolder: place.models.ensemble).temperature == temperature)

    let file = place.folder.path("bias/bias.json")
    try place.write(20, to: "crop.pgm")
    // From the file and from the ensemble that it was put into.
    for model in [[place.models.model, "--bias", file], [place.models.ensemble]] {
      let objects = try FerdProcess.run(
        ["predict", "--cropped", "--precision", "f32", "--image", place.folder.path("crop.pgm"), "--model"] + model
      ).objects()
      #expect(abs((objects[0]["temperature"]?.number ?? 0) - temperature) < 1e-5)
      let face = try #require(objects[1]["faces"]?[0])
      let raw = try #require(face["raw"]?.object).compactMapValues(\.number)
      let weights = try raw.mapValues { pow($0, 1 / temperature) }.merging(factors(line)) { $0 * $1 }
      for (name, weight) in weights {
        let expected = weight / weights.values.reduce(0, +)
        #expect(abs((face["scores"]?[name]?.number ?? 0) - expected) < 3e-3, "\(name)")
      }
    }
  }

  @Test func theOriginalsOptionsOfPredictWork() throws {
    let place = try BiasPictures()
    try place.write(25, to: "crop.pgm")
    let result = try FerdProcess.run([
      "predict", "--cropped", "--model", place.models.model, "--image", place.folder.path("crop.pgm"),
      "--angry_bias", "4.5", "--neutral-bias", "2.8",
    ])
    #expect(result.status == 0, "\(result.errors)")
    let objects = try result.objects()
    #expect(objects[0]["bias"]?["angry"]?.number == 4.5 && objects[0]["bias"]?["neutral"]?.number == 2.8)
    let face = try #require(objects[1]["faces"]?[0])
    let raw = try #require(face["raw"]?.object).compactMapValues(\.number)
    let scores = try #require(face["scores"]?.object).compactMapValues(\.number)
    let sum = raw.reduce(0) { $0 + $1.value * (["angry": 4.5, "neutral": 2.8][$1.key] ?? 1) }
    for (name, factor) in [("angry", 4.5), ("neutral", 2.8), ("happy", 1)] {
      #expect(abs(scores[name]! - raw[name]! * factor / sum) < 2e-4)
    }
  }
}
