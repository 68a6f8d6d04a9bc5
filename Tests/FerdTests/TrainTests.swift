import Capture
import Foundation
import Inference
import TestSupport
import Testing
import Training

/// `ferd train` and `ferd evaluate` as processes, on small made-up pictures.
struct TrainTests {
  /// Twelve pictures of each emotion, bright in a row of its own.
  private static func writeData(_ folder: URL) throws {
    for (label, name) in ClassLabels.emotions.names.enumerated() {
      let place = folder.appending(path: name)
      try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
      for index in 0..<12 {
        var random = RandomGenerator(seed: 7, stream: UInt64(label * 100 + index))
        let pixels = (0..<256).map { UInt8(($0 / 16 * 7 / 16 == label ? 150 : 40) + random.uniform(0, 60)) }
        try Data(Array("P5\n16 16\n255\n".utf8) + pixels).write(to: place.appending(path: "\(index).pgm"))
      }
    }
  }

  private static let recipe = """
    {"widths": [8, 16], "imageSize": 16, "earlyImageSize": 16, "batchSize": 8, "epochs": 30, "learningRate": 0.05,
     "emaDecay": 0.9}
    """

  private static let gnuplotWarning =
    "gnuplot is not installed: the report has data files but no pictures (Debian: apt-get install gnuplot-nox)"

  private struct Place {
    let folder: TemporaryFolder
    var data: String { folder.path("data") }
    var recipe: String { folder.path("recipe.json") }

    init() throws {
      folder = try TemporaryFolder()
      try TrainTests.writeData(folder.url.appending(path: "data"))
      try Data(TrainTests.recipe.utf8).write(to: URL(fileURLWithPath: recipe))
    }

    func arguments(_ name: String, _ more: String...) -> [String] {
      [
        "train", "--data-dir", data, "--model-dir", folder.path(name), "--recipe", recipe, "--threads", "2",
        "--precision", "f32",
      ] + more
    }
  }

  /// Starts a run and waits until it has told of some epochs.
  private func startAndWait(_ place: Place, _ name: String, epochs: Int) throws -> Process {
    let process = try FerdProcess.start(
      place.arguments(name), output: FileHandle.nullDevice, errors: FileHandle.nullDevice)
    let metrics = URL(fileURLWithPath: place.folder.path("\(name)/metrics.jsonl"))
    let end = ContinuousClock.now + .seconds(120)
    while ContinuousClock.now < end, process.isRunning {
      let text = (try? String(contentsOf: metrics, encoding: .utf8)) ?? ""
      if text.split(separator: "\n").count >= epochs { return process }
      usleep(2000)
    }
    return process
  }

  @Test func aKilledAndResumedRunEndsLikeAnUninterruptedOne() throws {
    let place = try Place()
    let whole = try FerdProcess.run(place.arguments("whole"))
    #expect(whole.status == 0, "\(whole.errors)")

    let killed = try startAndWait(place, "broken", epochs: 3)
    kill(killed.processIdentifier, SIGKILL)
    killed.waitUntilExit()
    try #require(FerdProcess.status(of: killed) == 128 + SIGKILL, "it had ended before it was killed")
    #expect(!FileManager.default.fileExists(atPath: place.folder.path("broken/model.safetensors")))

    let stopped = try FerdProcess.start(
      place.arguments("broken", "--resume"), output: FileHandle.nullDevice, errors: FileHandle.nullDevice)
    usleep(400_000)
    kill(stopped.processIdentifier, SIGTERM)
    stopped.waitUntilExit()
    // It may have been too quick for the signal, or not yet listening to it; either way the run can go on.
    #expect([0, 143].contains(FerdProcess.status(of: stopped)))

    let resumed = try FerdProcess.run(place.arguments("broken", "--resume"))
    #expect(resumed.status == 0, "\(resumed.errors)")
    let files = try ["whole", "broken"].map {
      try ModelFile.read(from: place.folder.path("\($0)/model.safetensors"))
    }
    #expect(files[0].tensors == files[1].tensors)
    let checkpoints = try ["whole", "broken"].map {
      try Data(contentsOf: URL(fileURLWithPath: place.folder.path("\($0)/last.ckpt")))
    }
    #expect(checkpoints[0] == checkpoints[1])
  }

  @Test(arguments: [(SIGINT, 130), (SIGTERM, 143)] as [(Int32, Int32)])
  func asksForAnEndAreFollowed(signal: Int32, status: Int32) throws {
    let place = try Place()
    let process = try startAndWait(place, "run", epochs: 1)
    kill(process.processIdentifier, signal)
    process.waitUntilExit()
    #expect(FerdProcess.status(of: process) == status)
    #expect(FileManager.default.fileExists(atPath: place.folder.path("run/last.ckpt")))
    #expect(!place.folder.contents.contains { $0.hasSuffix(".tmp") })
    let page = try String(contentsOfFile: place.folder.path("run/report.html"), encoding: .utf8)
    #expect(page.contains("Stopped after") && page.contains("with --resume goes on"))
  }

  @Test func aFolderWithARunInItIsRefusedBeforeAnythingIsRead() throws {
    let place = try Place()
    let first = try FerdProcess.run(place.arguments("run", "--epochs", "1"))
    #expect(first.status == 0, "\(first.errors)")
    let model = try Data(contentsOf: URL(fileURLWithPath: place.folder.path("run/model.safetensors")))
    // Nothing to learn from: that would be told, were the pictures read first.
    try FileManager.default.removeItem(atPath: place.data)
    let again = try FerdProcess.run(place.arguments("run", "--epochs", "1"))
    #expect(again.status == 64 && again.errors.contains("holds a run already"), "\(again.status): \(again.errors)")
    #expect(try Data(contentsOf: URL(fileURLWithPath: place.folder.path("run/model.safetensors"))) == model)
  }

  @Test func aRunMayLieAmongItsPicturesAndCannotBeShortened() throws {
    let place = try Place()
    for name in ["data/run", "data/happy/run"] {
      let first = try FerdProcess.run(place.arguments(name, "--epochs", "3"))
      #expect(first.status == 0 && !first.errors.contains("left out"), "\(first.errors)")
      let model = try Data(contentsOf: URL(fileURLWithPath: place.folder.path("\(name)/model.safetensors")))
      let shorter = try FerdProcess.run(place.arguments(name, "--resume", "--epochs", "2"))
      #expect(shorter.status == 65, "\(shorter.status)")
      #expect(
        shorter.errors.contains("has finished 3 epochs; a run cannot be shortened to 2"), "\(shorter.errors)")
      let after = try Data(contentsOf: URL(fileURLWithPath: place.folder.path("\(name)/model.safetensors")))
      #expect(after == model)
      let longer = try FerdProcess.run(place.arguments(name, "--resume", "--epochs", "4"))
      #expect(longer.status == 0, "\(longer.errors)")
      try FileManager.default.removeItem(atPath: place.folder.path(name))
    }
  }

  @Test func aResumedRunNeedsNoWeightsToStartFrom() throws {
    let place = try Place()
    let first = try FerdProcess.run(place.arguments("run", "--epochs", "2"))
    #expect(first.status == 0, "\(first.errors)")
    let resumed = try FerdProcess.run(
      place.arguments("run", "--epochs", "3", "--resume", "--weights", "/nowhere.safetensors"))
    #expect(resumed.status == 0 && !resumed.errors.contains("nowhere"), "\(resumed.errors)")
    let again = try FerdProcess.run(place.arguments("run", "--epochs", "3", "--resume"))
    #expect(again.errors.contains("all 3 epochs are done"), "\(again.errors)")
  }

  @Test(arguments: [(SIGINT, 130), (SIGTERM, 143)] as [(Int32, Int32)])
  func aSignalWhilePicturesAreReadIsFollowedAtOnce(signal: Int32, status: Int32) throws {
    let place = try Place()
    // Large enough to take some seconds.
    let pixels = [UInt8](repeating: 90, count: 6000 * 6000)
    let large = URL(fileURLWithPath: place.data).appending(path: "sad/large.pgm")
    try Data(Array("P5\n6000 6000\n255\n".utf8) + pixels).write(to: large)
    for index in 0..<60 {
      try FileManager.default.createSymbolicLink(
        at: URL(fileURLWithPath: place.data).appending(path: "sad/large\(index).pgm"), withDestinationURL: large)
    }
    let process = try FerdProcess.start(
      place.arguments("run"), output: FileHandle.nullDevice, errors: FileHandle.nullDevice)
    let folder = place.folder.path("run")
    let end = ContinuousClock.now + .seconds(60)
    // The first thing that is made there is the file for decoded pictures.
    while ContinuousClock.now < end,
      (try? FileManager.default.contentsOfDirectory(atPath: folder))?.isEmpty ?? true
    { usleep(2000) }
    kill(process.processIdentifier, signal)
    process.waitUntilExit()
    #expect(process.terminationStatus == status)
    let left = try FileManager.default.contentsOfDirectory(atPath: folder)
    #expect(!left.contains { $0.hasSuffix(".cache") }, "it went on to the end of the pictures: \(left)")
  }

  @Test func recipesAndExclusionsMayComeThroughPipes() throws {
    let place = try Place()
    let pipe = place.folder.path("pipe")
    #expect(mkfifo(pipe, 0o600) == 0)
    let writer = Thread {
      try? FileHandle(forWritingAtPath: pipe)?.write(contentsOf: Data(TrainTests.recipe.utf8))
    }
    writer.start()
    let arguments = [
      "train", "--data-dir", place.data, "--model-dir", place.folder.path("run"), "--recipe", pipe, "--epochs", "1",
      "--exclude", "/dev/null",
    ]
    let result = try FerdProcess.run(arguments)
    #expect(result.status == 0, "\(result.errors)")
    let folder = try FerdProcess.run(place.arguments("other") + ["--recipe", place.data])
    #expect(folder.status == 66 && folder.errors.contains("not a regular file"), "\(folder.errors)")
  }

  @Test func aLossThatTheSamplingLeavesNothingToDoIsTold() throws {
    let place = try Place()
    let idle = try FerdProcess.run(
      place.arguments("a", "--epochs", "1", "--sampler", "balanced", "--loss", "class-weighted"))
    #expect(idle.errors.contains("class-weighted is plain cross-entropy here"), "\(idle.errors)")
    let plain = try FerdProcess.run(place.arguments("b", "--epochs", "1", "--sampler", "balanced"))
    #expect(!plain.errors.contains("plain cross-entropy"), "\(plain.errors)")
  }

  @Test func whatAPreTrainingOfAnotherNetworkLeftIsNamedAsSuch() throws {
    let place = try Place()
    let first = try FerdProcess.run(place.arguments("run", "--pretrain", "--epochs", "1"))
    #expect(first.status == 0, "\(first.errors)")
    try Data(#"{"backbone": "mobilenet_v3_small", "imageSize": 32, "batchSize": 8}"#.utf8)
      .write(to: URL(fileURLWithPath: place.recipe))
    let second = try FerdProcess.run(place.arguments("run", "--epochs", "1"))
    #expect(second.status == 65 && second.errors.contains("it was left by --pretrain"), "\(second.errors)")
  }

  @Test func aPreTrainingLeavesWeightsThatTheMainRunStartsFrom() throws {
    let place = try Place()
    let first = try FerdProcess.run(
      place.arguments("run", "--pretrain", "--epochs", "2", "--augmentation-level", "1"))
    #expect(first.status == 0, "\(first.errors)")
    #expect(first.errors.contains("in focus"))
    let files = place.folder.contents.filter { $0.hasPrefix("run/") }
    #expect(files.contains("run/pretrained.safetensors") && files.contains("run/pretrain/last.ckpt"))
    #expect(!files.contains("run/model.safetensors") && !files.contains("run/last.ckpt"))
    let page = try #require(files.first { $0.hasPrefix("run/pretrain") && $0.hasSuffix("report.html") })
    #expect(
      try String(contentsOf: place.folder.url.appending(path: page), encoding: .utf8).contains(
        "it is in pretrained.safetensors"))
    let pretrained = try ModelFile.read(from: place.folder.path("run/pretrained.safetensors"))
    #expect(pretrained.record.training?["recipe"]?["samplerPower"] == .number(1))

    let main = try FerdProcess.run(place.arguments("run", "--epochs", "1", "--learning-rate", "1e-9", "--no-ema"))
    #expect(main.status == 0, "\(main.errors)")
    #expect(main.errors.contains("pretrained.safetensors"))
    let model = try ModelFile.read(from: place.folder.path("run/model.safetensors"))
    for (name, tensor) in pretrained.tensors where name.hasSuffix("weight") {
      #expect(zip(tensor.values, model.tensors[name]!.values).allSatisfy { abs($0 - $1) < 1e-5 }, "\(name)")
    }
  }

  @Test func aModelTeachesAnother() throws {
    let place = try Place()
    let missing = try FerdProcess.run(place.arguments("run", "--distill", place.folder.path("none")))
    #expect(missing.status == 66 && missing.errors.contains("none: no such model"), "\(missing.errors)")
    let teacher = try FerdProcess.run(place.arguments("teacher", "--epochs", "2"))
    #expect(teacher.status == 0, "\(teacher.errors)")
    let learner = try FerdProcess.run(
      place.arguments(
        "run", "--epochs", "2", "--distill", place.folder.path("teacher/model.safetensors"), "--distill-share",
        "0.5"))
    #expect(learner.status == 0, "\(learner.errors)")
    let model = try ModelFile.read(from: place.folder.path("run/model.safetensors"))
    guard case .array(let teachers)? = model.record.training?["teachers"] else {
      Issue.record("no teachers in the record")
      return
    }
    #expect(teachers.count == 1)
    #expect(model.record.training?["recipe"]?["distillationShare"] == .number(0.5))
  }

  @Test(arguments: [
    ["--backbone", "fer48", "--backbones", "fer48", "resnet18"], ["--layer-rates", "1,2"],
    ["--backbones", "fer48", "vgg"],
    ["--accumulation", "0"], ["--restart-growth", "0"], ["--distill-share", "0.5"], ["--model-dir", ""],
    ["--data-dir", ""], ["--weights", "one.safetensors", "two.safetensors"],
  ]) func settingsThatContradictAreWrongUsage(_ options: [String]) throws {
    let place = try Place()
    let result = try FerdProcess.run(place.arguments("run") + options)
    #expect(result.status == 64, "\(options): \(result.status) \(result.errors)")
  }

  @Test func theModelOfARunCanBeEvaluated() throws {
    let place = try Place()
    let run = try FerdProcess.run(place.arguments("run", "--epochs", "12"))
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.errors.contains("epoch 12/12"))
    #expect(run.errors.contains("largest to smallest 1.0 : 1"))

    let model = place.folder.path("run/model.safetensors")
    try Data("angry/0.pgm\nsad/3.pgm\n".utf8).write(to: URL(fileURLWithPath: place.folder.path("exclude.txt")))
    try Data("no picture".utf8).write(to: URL(fileURLWithPath: place.data + "/fear/broken.png"))
    let result = try FerdProcess.run([
      "evaluate", "--data-dir", place.data, "--model", model, "--exclude", place.folder.path("exclude.txt"),
      "--happy-bias", "1000000", "--precision", "f32", "--report", place.folder.path("report <1>"),
    ])
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.errors.contains("fear/broken.png is left out"))
    let object = try #require(
      try JSONSerialization.jsonObject(with: result.output) as? [String: Any])
    let schema = try JSONSchema(
      contentsOf: TestData.repository.appending(path: "docs/evaluate.schema.json"))
    #expect(schema.problems(with: try ParsedJSON.parse(result.output)) == [])
    #expect(result.lines.count == 1)
    #expect(object["images"] as? Int == 82)
    let raw = try #require(object["raw"] as? [String: Any])
    #expect(try #require(raw["accuracy"] as? Double) > 0.6)
    // The absurd factor makes everything happy, but only where factors are applied.
    let happy = try #require((object["per_class"] as? [String: [String: Double]])?["happy"])
    #expect(happy["recall"] == 1 && happy["support"] == 12)
    #expect(try #require(object["accuracy"] as? Double) < 0.4)
    let confusion = try #require(object["confusion"] as? [[Int]])
    #expect(confusion.map { $0.reduce(0, +) } == [11, 12, 12, 12, 11, 12, 12])
    let page = try String(contentsOfFile: place.folder.path("report <1>/report.html"), encoding: .utf8)
    #expect(page.contains("--happy-bias 1000000") && page.contains("fear/broken.png"))
    // Everything is called happy, so 70 of 82 are wrong: the sheet is full.
    #expect(page.matches(of: #/src="data:image/png;base64,/#).count == 24)
    #expect(place.folder.contents.contains("report <1>/report/mistake-24.png"))
    #expect(place.folder.contents.contains("report <1>/report/reliability.tsv"))
  }

  @Test func withoutGnuplotThereAreNumbersAndAWarning() throws {
    let place = try Place()
    let run = try FerdProcess.run(
      place.arguments("run", "--epochs", "1", "--quiet"), environment: ["PATH": "/nowhere"])
    #expect(run.status == 0)
    #expect(run.errors == "ferd: warning: \(Self.gnuplotWarning)\n", "\(run.errors)")
    #expect(place.folder.contents.contains("run/report/loss.tsv"))
    #expect(!place.folder.contents.contains { $0.hasSuffix(".svg") })
    let page = try String(contentsOfFile: place.folder.path("run/report.html"), encoding: .utf8)
    #expect(page.contains("gnuplot is not installed") && page.contains("Finished after 1 of 1 epochs"))
  }

  @Test func trainingStartsFromAStateDictAndTellsWhatItTook() throws {
    let place = try Place()
    // As torchvision's weights come: for colour and a thousand classes.
    let source = Backbone.mobileNetV3Small.makeSpec(inputChannels: 3, classes: 1000)
    let path = place.folder.path("weights.pth")
    try Data(PyTorchWriter.file(HashedValues.parameters(of: source))).write(to: URL(fileURLWithPath: path))
    // So small a learning rate leaves the weights where they were.
    let run = try FerdProcess.run(
      place.arguments(
        "run", "--backbone", "mobilenet_v3_small", "--weights", path, "--epochs", "1", "--image-size", "32",
        "--learning-rate", "1e-9"))
    try #require(run.status == 0, "\(run.errors)")
    #expect(run.errors.contains("weights.pth: 208 of 210 parameters taken over"), "\(run.errors)")
    #expect(run.errors.contains("three summed for one: features.0.0.weight"))
    #expect(run.errors.contains("starting anew: classifier.3.weight, classifier.3.bias"))
    let model = try ModelFile.read(from: place.folder.path("run/model.safetensors"))
    #expect(model.spec.inputChannels == 1 && model.spec.name == "mobilenet_v3_small")
    let name = "features.10.block.1.0.weight"
    #expect(
      relativeError(model.tensors[name]!.values, HashedValues.parameter(name, shape: [576, 1, 5, 5]).values) < 1e-5)

    let other = try FerdProcess.run(place.arguments("other", "--weights", path))
    #expect(other.status == 65 && other.errors.contains("nothing in it fits the network fer48"), "\(other.errors)")
  }

  @Test func threeChannelsTakeWeightsForColourAsTheyAreAndMakeAModelLikeAnyOther() throws {
    let place = try Place()
    let source = Backbone.mobileNetV3Small.makeSpec(inputChannels: 3, classes: 1000)
    let path = place.folder.path("weights.pth")
    try Data(PyTorchWriter.file(HashedValues.parameters(of: source))).write(to: URL(fileURLWithPath: path))
    let parts = place.folder.url.appending(path: "parts")
    try FileManager.default.createDirectory(at: parts, withIntermediateDirectories: true)
    for part in ["train", "validation"] {
      try FileManager.default.copyItem(atPath: place.data, toPath: parts.appending(path: part).path)
    }
    let run = try FerdProcess.run(
      place.arguments(
        "run", "--backbone", "mobilenet_v3_small", "--weights", path, "--epochs", "1", "--image-size", "32",
        "--learning-rate", "1e-9", "--input-channels", "3", "--data-dir", parts.path))
    try #require(run.status == 0, "\(run.errors)")
    #expect(run.errors.contains("weights.pth: 208 of 210 parameters taken over"), "\(run.errors)")
    #expect(!run.errors.contains("fitted to the number of input channels"))
    let file = place.folder.path("run/model.safetensors")
    let model = try ModelFile.read(from: file)
    let stem = try #require(model.tensors["features.0.0.weight"])
    let given = HashedValues.parameter("features.0.0.weight", shape: [16, 3, 3, 3])
    #expect(stem.shape == given.shape && relativeError(stem.values, given.values) < 1e-5)
    #expect(model.record.training?["recipe"]?["inputChannels"] == .number(3))

    let evaluated = try FerdProcess.run([
      "evaluate", "--data-dir", parts.path, "--model", file, "--precision", "f32",
    ])
    try #require(evaluated.status == 0, "\(evaluated.errors)")
    let object = try ParsedJSON.parse(evaluated.output)
    for name in ["accuracy", "nll"] {
      guard case .number(let own)? = model.record.metrics?["f32"]?["flip_averaged"]?["validation"]?[name] else {
        Issue.record("no \(name) in the record")
        return
      }
      let found = try #require(object[name]?.number)
      #expect(abs(found - own) < 1e-5, "\(name): \(found), \(own) in training")
    }
  }

  @Test func otherClassesAndOddPicturesTrainAndEvaluate() throws {
    let folder = try TemporaryFolder()
    // Colour, sizes of all kinds, a file that is no picture.
    for (label, name) in ["Cat", "dog", "Emu"].enumerated() {
      let place = folder.url.appending(path: "data/train/\(name)")
      try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
      for index in 0..<(label == 2 ? 9 : 30) {
        var random = RandomGenerator(seed: 3, stream: UInt64(label * 100 + index))
        let (width, height) = (14 + index % 5 * 3, 17 + index % 3 * 4)
        let pixels = (0..<width * height).flatMap { pixel in
          let isBright = pixel / width * 3 / height == label
          return (0..<3).map { _ in UInt8((isBright ? 150 : 40) + random.uniform(0, 60)) }
        }
        try Data(Array("P6\n\(width) \(height)\n255\n".utf8) + pixels).write(
          to: place.appending(path: "\(index).ppm"))
      }
    }
    try Data("no picture".utf8).write(to: folder.url.appending(path: "data/train/dog/broken.jpg"))
    try Data(Self.recipe.utf8).write(to: URL(fileURLWithPath: folder.path("recipe.json")))
    let run = try FerdProcess.run([
      "train", "--data-dir", folder.path("data"), "--model-dir", folder.path("run"), "--recipe",
      folder.path("recipe.json"), "--labels", "cat,dog,emu", "--focus", "dog", "--sampler", "dynamic",
      "--augmentation-level", "1", "--epochs", "12", "--image-size", "24", "--threads", "2", "--precision", "f32",
    ])
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.errors.contains("train/dog/broken.jpg is left out"))
    #expect(run.errors.contains("largest to smallest"))
    #expect(run.errors.contains("an epoch shows cat 16, dog 31, emu 1"), "\(run.errors)")
    #expect(run.errors.contains("stronger augmentation for dog, emu"), "\(run.errors)")
    let model = folder.path("run/model.safetensors")
    #expect(try ModelFile.read(from: model).record.labels == ["cat", "dog", "emu"])

    let evaluated = try FerdProcess.run([
      "evaluate", "--data-dir", folder.path("data"), "--model", model, "--precision", "f32",
    ])
    #expect(evaluated.status == 0, "\(evaluated.errors)")
    let object = try #require(try JSONSerialization.jsonObject(with: evaluated.output) as? [String: Any])
    let classes = try #require(object["per_class"] as? [String: [String: Double]])
    #expect(classes.keys.sorted() == ["cat", "dog", "emu"] && object["images"] as? Int == 69)
    #expect(try #require(object["accuracy"] as? Double) > 0.8)
    let predicted = try FerdProcess.run([
      "predict", "--cropped", "--image", folder.path("data/train/Emu/1.ppm"), "--model", model, "--precision",
      "f32",
    ])
    #expect(predicted.status == 0, "\(predicted.errors)")
    let line = String(decoding: predicted.output, as: UTF8.self)
    #expect(line.contains(#""labels":["cat","dog","emu"]"#))
  }

  @Test func aPreviewIsDrawnInsteadOfTraining() throws {
    let place = try Place()
    let picture = place.folder.path("sheet.png")
    let run = try FerdProcess.run(place.arguments("run", "--augmentation-level", "3", "--preview", picture))
    #expect(run.status == 0, "\(run.errors)")
    let sheet = try readPicture(picture)
    #expect(sheet.width == 2 + 13 * 18 && sheet.height > 30 * 18)
    #expect(run.errors.contains("  angry: level 2\n") && run.errors.contains("cut (cutmix)"))
    #expect(!FileManager.default.fileExists(atPath: place.folder.path("run/last.ckpt")))
  }

  @Test(
    arguments: [
      (["--focus", "angry,cheerful"], "\"cheerful\" is no class"),
      (["--sampler", "fair"], "--sampler takes"),
      (["--labels", "cat,dog"], "the folder \"angry\" is no class; the classes are cat, dog"),
      (["--labels", "cat,Cat"], "names a class twice"),
      (["--labels", "angry,disgust,fear,happy,sad,surprise,neutral,contempt"], "the class contempt has no folder"),
    ] as [([String], String)])
  func classesThatAreNotThereAreExplained(options: [String], message: String) throws {
    let place = try Place()
    let result = try FerdProcess.run(place.arguments("run") + options)
    #expect([64, 65].contains(result.status), "\(result.status)")
    #expect(result.errors.contains(message), "\(result.errors)")
  }

  @Test(
    arguments: [
      (["train", "--data-dir", "/nowhere"], 66, "no such folder"),
      (["evaluate", "--data-dir", "/nowhere", "--model", "/nowhere.safetensors"], 66, "no such model"),
      (["train", "--data-dir", "/", "--recipe", "/nowhere.json"], 66, "recipe: cannot open"),
      (["train", "--data-dir", "/", "--epochs", "0"], 64, "epochs must be from"),
      (["train", "--data-dir", "/", "--backbone", "vgg"], 64, "no backbone"),
      (["train", "--data-dir", "/", "--augmentation-level", "4"], 64, "0 to 3"),
      (["train", "--data-dir", "/", "--input-channels", "2"], 64, "--input-channels takes 1 or 3, not 2"),
      (["train", "--data-dir", "/", "--no-amp", "--precision", "bf16"], 64, "contradict"),
      (["train"], 64, "--data-dir"),
      (["train", "--data-dir", "/", "--weights", "/nowhere.safetensors"], 66, "/nowhere.safetensors: no such"),
    ] as [([String], Int32, String)])
  func mistakesAreExplained(arguments: [String], status: Int32, message: String) throws {
    let result = try FerdProcess.run(arguments)
    #expect(result.status == status, "\(result.errors)")
    #expect(result.errors.contains(message), "\(result.errors)")
  }
}
