import Capture
import Foundation
import TestSupport
import Testing

/// `ferd train-detector` as a process, on a few made-up pictures.
struct TrainDetectorTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    let face = #"{"box":[32,32,32,32],"landmarks":[[42,44],[54,44],[48,50],[43,56],[53,56]]}"#
    var lines = ""
    for (file, split) in [
      ("people/1.png", "train"), ("portraits/2.png", "train"), ("scenes/3.png", "train"),
      ("scenes/empty.png", "train"), ("people/4.png", "validation"),
    ] {
      try FileManager.default.createDirectory(
        at: folder.url.appending(path: file).deletingLastPathComponent(), withIntermediateDirectories: true)
      try writePicture(TestClips.picture([.happy(column: 1, row: 1)]), to: folder.path(file))
      let faces = file.hasSuffix("empty.png") ? "" : face
      lines += #"{"file":"\#(file)","width":192,"height":128,"split":"\#(split)","faces":[\#(faces)]}"# + "\n"
    }
    try Data(lines.utf8).write(to: folder.url.appending(path: "annotations.jsonl"))
  }

  // The second one is a processor without bf16, as far as oneDNN can see.
  @Test(arguments: [[:], ["DNNL_MAX_CPU_ISA": "AVX2"]])
  func aSignalSavesTheRunAndResumingGoesOn(environment: [String: String]) throws {
    let arguments = [
      "train-detector", "--data-dir", folder.url.path, "--model-dir", folder.path("run"), "--batch-size", "1",
    ]
    let process = try FerdProcess.start(
      arguments, output: FileHandle.nullDevice, errors: FileHandle.nullDevice, environment: environment)
    // Made when training begins; from then on signals are heard.
    while !FileManager.default.fileExists(atPath: folder.path("run/metrics.jsonl")), process.isRunning {
      usleep(1_000)
    }
    kill(process.processIdentifier, SIGTERM)
    process.waitUntilExit()
    #expect(FerdProcess.status(of: process) == 143)
    #expect(folder.contents.contains("run/detector.checkpoint"))
    #expect(!folder.contents.contains("run/detector.safetensors"))
    // A checkpoint that could not go on would be told before the picture is drawn.
    let preview = try FerdProcess.run(
      arguments + ["--resume", "--preview", folder.path("sheet.png")], environment: environment)
    #expect(preview.status == 0 && folder.contents.contains("sheet.png"), "\(preview.errors)")
  }

  @Test func whatItPrintsMustReachItsReader() throws {
    let full = try #require(FileHandle(forWritingAtPath: "/dev/full"))
    let detector = try TestModels(folder: folder.url).detector
    let process = try FerdProcess.start(
      ["train-detector", "--data-dir", folder.url.path, "--evaluate", "--detector", detector], output: full,
      errors: FileHandle.nullDevice)
    process.waitUntilExit()
    #expect(FerdProcess.status(of: process) == 74)
  }
}
