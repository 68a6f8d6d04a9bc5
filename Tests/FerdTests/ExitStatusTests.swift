import Capture
import Foundation
import Pixels
import TestSupport
import Testing

/// How the real program ends: the table of exit statuses, signals, readers that go away.
struct ExitStatusTests {
  private let folder: TemporaryFolder
  private let models: TestModels

  init() throws {
    folder = try TemporaryFolder()
    models = try TestModels(folder: folder.url)
  }

  private func annotate(_ arguments: [String], environment: [String: String] = [:]) throws -> FerdProcess.Result {
    try FerdProcess.run(["annotate"] + models.options + arguments, environment: environment)
  }

  @Test(arguments: [
    [], ["annotate"], ["annotate", "x", "--smooth", "-1"], ["annotate", "x", "--detect-every", "0"],
    ["annotate", "x", "--format", "xml"], ["annotate", "x", "--stream", "-1"], ["annotate", "x", "--nonsense"],
    ["annotate", "x", "--bias", "angry=-1"], ["annotate", "x", "--detect-size", "5"], ["predict"],
    ["annotate", "x", "--threads", "0"], ["nonsense"],
    ["train-detector", "--data-dir", "x", "--threads", "99999999999"],
  ])
  func wrongUsageIs64(arguments: [String]) throws {
    let result = try FerdProcess.run(arguments)
    // Without anything it shows its help, which is what was most likely wanted.
    #expect(result.status == (arguments.isEmpty ? 0 : 64))
    #expect(arguments.isEmpty || (result.output.isEmpty && !result.errors.isEmpty))
  }

  @Test(arguments: [[], ["annotate"], ["predict"], ["models"]])
  func helpIs0(command: [String]) throws {
    let result = try FerdProcess.run(command + ["--help"])
    #expect(result.status == 0 && !result.output.isEmpty && result.errors.isEmpty)
  }

  @Test func unreadableInputsAre65AndMissingOnes66() throws {
    try Data().write(to: folder.url.appending(path: "empty.mp4"))
    try Data("Not a video at all.\n".utf8).write(to: folder.url.appending(path: "text.mp4"))
    try FileManager.default.createDirectory(atPath: folder.path("nothing"), withIntermediateDirectories: true)
    for (name, status) in [("empty.mp4", 65), ("text.mp4", 65), ("nothing", 65), ("missing.mp4", 66)] {
      let result = try annotate([folder.path(name)])
      #expect(result.status == Int32(status), "\(name)")
      #expect(result.output.isEmpty && result.errors.contains(name), "\(name): \(result.errors)")
      #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
    }
  }

  @Test func modelsThatAreMissingAre66AndDamagedOnes65() throws {
    let picture = folder.path("picture.png")
    try writePicture(TestClips.picture([]), to: picture)
    #expect(try FerdProcess.run(["annotate", picture, "--model", "/nowhere"]).status == 66)
    #expect(
      try FerdProcess.run(["annotate", picture, "--model", models.model, "--detector", "/nowhere"]).status == 66)
    let damaged = folder.path("damaged.safetensors")
    try Data(contentsOf: URL(fileURLWithPath: models.model)).dropLast(40).write(to: URL(fileURLWithPath: damaged))
    let result = try FerdProcess.run(["annotate", picture, "--model", damaged, "--detector", models.detector])
    #expect(result.status == 65 && result.errors.contains("damaged.safetensors") && result.output.isEmpty)
    // A detector is no classifier and the other way round.
    let swapped = ["annotate", picture, "--model", models.detector, "--detector", models.model]
    #expect(try FerdProcess.run(swapped).status == 65)
    #expect(try annotate([picture, "--bias", "glad=2"]).status == 64)
    #expect(try annotate([picture, "--bias", "/nowhere.json"]).status == 66)
  }

  @Test func goesOnAfterABadInputAndEndsWithTheHighestStatus() throws {
    try Data().write(to: folder.url.appending(path: "empty.mp4"))
    let good = folder.path("good.png")
    try writePicture(TestClips.picture([]), to: good)
    let result = try annotate([folder.path("missing"), folder.path("empty.mp4"), good])
    #expect(result.status == 66)
    #expect(try result.objects().compactMap { $0["type"]?.string } == ["hello", "frame", "end"])
    #expect(result.errors.split(separator: "\n").count == 2)
  }

  @Test func damagedPartsAreCountedAndStill0() throws {
    let clip = folder.path("clip.mp4")
    var options = VideoWriterOptions()
    options.codec = "mpeg4"
    let writer = try VideoWriter(path: clip, width: 192, height: 128, options: options)
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<40 {
      var image = TestClips.picture([])
      for index in image.pixels.indices { image.pixels[index] = UInt8.random(in: 0...255, using: &generator) }
      try writer.append(image)
    }
    try writer.finish()
    var data = try Data(contentsOf: URL(fileURLWithPath: clip))
    for index in data.count / 3..<data.count / 3 + 400 { data[index] = 0xAA }
    try data.write(to: URL(fileURLWithPath: clip))
    let result = try annotate([clip])
    #expect(result.status == 0)
    let end = try #require(try result.objects().last)
    let damaged = try result.objects().filter { $0["status"]?.string == "damaged" }.count
    #expect((end["decode_errors"]?.integer ?? 0) + damaged > 0)
    #expect((end["frames"]?.integer ?? 0) >= 38)
  }

  @Test func aReaderThatGoesAwayIs0() throws {
    let clip = folder.path("clip.mkv")
    try TestClips.write(clip, frames: 400) { _ in [.happy(column: 1, row: 1)] }
    let (output, errors) = (Pipe(), Pipe())
    let process = try FerdProcess.start(["annotate"] + models.options + [clip], output: output, errors: errors)
    let line = output.fileHandleForReading.readData(ofLength: 100)
    #expect(line.starts(with: Array(#"{"v":1,"type":"hello""#.utf8)))
    try output.fileHandleForReading.close()
    process.waitUntilExit()
    #expect(FerdProcess.status(of: process) == 0)
    #expect(try errors.fileHandleForReading.readToEnd() ?? Data() == Data())
  }

  @Test func aSlowReaderLosesNothing() throws {
    let clip = folder.path("clip.mkv")
    try TestClips.write(clip, frames: 300) { _ in [.happy(column: 1, row: 1), .sad(column: 3, row: 1)] }
    let output = Pipe()
    let process = try FerdProcess.start(
      ["annotate"] + models.options + [clip], output: output, errors: FileHandle.nullDevice)
    var received = Data()
    while true {
      let piece = output.fileHandleForReading.readData(ofLength: 8192)
      if piece.isEmpty { break }
      received += piece
      usleep(2_000)
    }
    process.waitUntilExit()
    let objects = try String(decoding: received, as: UTF8.self).split(separator: "\n").map {
      try ParsedJSON.parse($0)
    }
    #expect(objects.compactMap { $0["seq"]?.integer } == Array(0..<300))
    #expect(FerdProcess.status(of: process) == 0)
  }

  @Test func nowhereToWriteIs74() throws {
    let picture = folder.path("picture.png")
    try writePicture(TestClips.picture([]), to: picture)
    let full = try #require(FileHandle(forWritingAtPath: "/dev/full"))
    let errors = Pipe()
    let process = try FerdProcess.start(["annotate"] + models.options + [picture], output: full, errors: errors)
    process.waitUntilExit()
    #expect(FerdProcess.status(of: process) == 74)
    let message = String(decoding: try errors.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    #expect(message.contains("No space left"))
    let result = try annotate([picture, "--output", picture])
    #expect(result.status == 74 && result.errors.contains("picture.png"))
  }

  @Test func aResultThatCannotBeWrittenEndsItsInputOnly() throws {
    let (clip, picture) = (folder.path("clip.mkv"), folder.path("picture.png"))
    try TestClips.write(clip, frames: 400) { _ in [.happy(column: 1, row: 1)] }
    try writePicture(TestClips.picture([]), to: picture)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    // Files of at most 16 kB. What the program says goes to a pipe.
    process.arguments =
      ["-c", "ulimit -f 32; exec \"$@\"", "sh", FerdProcess.executable.path, "annotate", clip, picture]
      + models.options + ["--output", folder.path("out")]
    let errors = Pipe()
    process.standardError = errors
    try process.run()
    let message = String(decoding: try errors.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    #expect(FerdProcess.status(of: process) == 74)
    #expect(message.contains("clip.mkv.jsonl: File too large"), "\(message)")
    #expect(folder.contents.filter { $0.hasPrefix("out/") } == ["out/picture.png.jsonl"])
  }

  @Test func evaluateAndModelsWriteLikeTheOthers() throws {
    for label in TestModels.labels {
      try FileManager.default.createDirectory(
        atPath: folder.path("data/\(label)"), withIntermediateDirectories: true)
      try writePicture(TestClips.picture([]), to: folder.path("data/\(label)/1.png"))
    }
    let evaluate = ["evaluate", "--data-dir", folder.path("data"), "--model", models.model, "--threads", "1"]
    for command in [evaluate, ["models", models.model]] {
      let full = try #require(FileHandle(forWritingAtPath: "/dev/full"))
      let process = try FerdProcess.start(command, output: full, errors: FileHandle.nullDevice)
      process.waitUntilExit()
      #expect(FerdProcess.status(of: process) == 74, "\(command)")
      let gone = Pipe()
      try gone.fileHandleForReading.close()
      let other = try FerdProcess.start(command, output: gone, errors: FileHandle.nullDevice)
      other.waitUntilExit()
      #expect(FerdProcess.status(of: other) == 0, "\(command)")
    }
  }

  private static let longClip = Result {
    let folder = try TemporaryFolder()
    try TestClips.write(folder.path("long.mkv"), frames: 3000) { _ in [.happy(column: 1, row: 1)] }
    return folder
  }

  /// Starts on a clip that lasts, waits for the first line, sends the signal.
  private func interrupted(
    by signal: Int32, _ arguments: [String] = []
  ) throws -> (status: Int32, output: String, errors: String) {
    let clip = try Self.longClip.get().path("long.mkv")
    let (output, errors) = (Pipe(), Pipe())
    let process = try FerdProcess.start(
      ["annotate"] + models.options + [clip] + arguments, output: output, errors: errors)
    if arguments.isEmpty {
      // The pipe fills up soon, so the program is in the middle of the clip whenever the signal comes.
      let first = output.fileHandleForReading.readData(ofLength: 1)
      #expect(first == Data("{".utf8))
    } else {
      // The folder is made when the first line is written.
      while !FileManager.default.fileExists(atPath: folder.path("out")), process.isRunning { usleep(1_000) }
    }
    kill(process.processIdentifier, signal)
    let rest = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (
      FerdProcess.status(of: process), "{" + String(decoding: rest, as: UTF8.self),
      String(decoding: try errors.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    )
  }

  @Test(arguments: [(SIGINT, 130), (SIGTERM, 143)])
  func aSignalEndsTheStreamCleanly(signal: Int32, status: Int) throws {
    let result = try interrupted(by: signal)
    #expect(result.status == Int32(status))
    #expect(result.output.hasSuffix("\n"))
    let objects = try result.output.split(separator: "\n").map { try ParsedJSON.parse($0) }
    let frames = objects.filter { $0["type"]?.string == "frame" }
    #expect(frames.count < 3000)
    #expect(frames.compactMap { $0["seq"]?.integer } == Array(0..<frames.count))
    #expect(objects.last?["type"]?.string == "end" && objects.last?["reason"]?.string == "signal")
    #expect(objects.last?["frames"]?.integer == frames.count)
  }

  @Test(arguments: [SIGINT, SIGKILL])
  func noHalfWrittenResultIsLeft(signal: Int32) throws {
    let result = try interrupted(by: signal, ["--output", folder.path("out")])
    #expect(result.status == 128 + signal)
    #expect(folder.contents.filter { $0.hasPrefix("out/") }.isEmpty, "\(folder.contents)")
    #expect(signal == SIGKILL || result.errors.contains("long.mkv.jsonl was not written"))
  }

  @Test func resultsOfOneNameKeepTheirFolders() throws {
    for name in ["a/clip.png", "b/clip.png", "c/other.png", "d/e/deep.png"] {
      try FileManager.default.createDirectory(
        at: folder.url.appending(path: name).deletingLastPathComponent(), withIntermediateDirectories: true)
      try writePicture(TestClips.picture([]), to: folder.path(name))
    }
    let inputs = ["a/clip.png", "b/clip.png", "c/other.png", "d"].map { folder.path($0) }
    let result = try annotate(inputs + ["--output", folder.path("new/out"), "--format", "jsonl"])
    #expect(result.status == 0 && result.output.isEmpty && result.errors == "")
    let found = folder.contents.filter { $0.hasPrefix("new/out/") && $0.hasSuffix(".jsonl") }
    #expect(
      found
        == ["a/clip.png.jsonl", "b/clip.png.jsonl", "e/deep.png.jsonl", "other.png.jsonl"].map { "new/out/\($0)" })
    for name in found {
      let lines = try String(contentsOfFile: folder.path(name), encoding: .utf8).split(separator: "\n")
      #expect(lines.count == 3)
    }
  }
}
