import Foundation
import TestSupport
import Testing

/// The scripts that run `ferd train` in the original's words, with a program in ferd's place that tells its arguments.
struct TrainingScriptTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    let stub = """
      #!/bin/sh
      printf '%s|' "$@" >>"$PWD/calls"; echo >>"$PWD/calls"
      case "$*" in *fail*) exit 65 ;; esac
      """
    try Data((stub + "\n").utf8).write(to: folder.url.appending(path: "script"))
    // Copied by another process: one that this process has just written may still be open in the child of another
    // test, and then cannot be run.
    let copy = Process()
    copy.executableURL = URL(fileURLWithPath: "/usr/bin/install")
    copy.arguments = ["-m", "755", folder.path("script"), folder.path("stub")]
    try copy.run()
    copy.waitUntilExit()
    try #require(copy.terminationStatus == 0)
  }

  /// Runs a script in the folder.
  private func run(_ script: String, _ arguments: [String]) throws -> (
    status: Int32, calls: [String], output: String
  ) {
    let process = Process()
    process.executableURL = TestData.repository.appending(path: "scripts/\(script)")
    process.arguments = arguments
    process.currentDirectoryURL = folder.url
    process.environment = ProcessInfo.processInfo.environment.merging(["FERD": folder.path("stub")]) { $1 }
    let output = folder.url.appending(path: "output")
    try Data().write(to: output)
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    let calls = (try? String(contentsOfFile: folder.path("calls"), encoding: .utf8)) ?? ""
    return (
      process.terminationStatus, calls.split(separator: "\n").map(String.init),
      try String(contentsOf: output, encoding: .utf8)
    )
  }

  @Test func balancedTrainingHasTwoPhases() throws {
    let result = try run("run_balanced_training.sh", ["my data", "m", "--seed", "3"])
    #expect(result.status == 0)
    #expect(
      result.calls == [
        "train|--data-dir|my data|--model-dir|m|--pretrain|--seed|3|",
        "train|--data-dir|my data|--model-dir|m|--sampler|balanced|--seed|3|",
      ])
  }

  @Test func weightsAreForTheFirstPhaseOnly() throws {
    let result = try run(
      "run_balanced_training.sh",
      ["d", "m", "--epochs", "2", "--weights", "a b", "c", "--seed", "3", "--weights=e"])
    #expect(result.status == 0)
    #expect(
      result.calls == [
        "train|--data-dir|d|--model-dir|m|--pretrain|--epochs|2|--weights|a b|c|--seed|3|--weights=e|",
        "train|--data-dir|d|--model-dir|m|--sampler|balanced|--epochs|2|--seed|3|",
      ])
  }

  @Test func aFinishedFirstPhaseIsNotRepeated() throws {
    try FileManager.default.createDirectory(atPath: folder.path("models"), withIntermediateDirectories: true)
    try Data().write(to: folder.url.appending(path: "models/pretrained.safetensors"))
    let result = try run("run_balanced_training.sh", ["--resume"])
    #expect(result.status == 0)
    #expect(result.calls == ["train|--data-dir|data|--model-dir|models|--sampler|balanced|--resume|"])
  }

  @Test func aFailedFirstPhaseEndsTheScript() throws {
    let result = try run("run_balanced_training.sh", ["fail"])
    #expect(result.status == 65 && result.calls.count == 1)
  }

  @Test func highAccuracyTrainsBothBackbones() throws {
    let result = try run("run_high_accuracy.sh", ["data"])
    #expect(result.status == 0)
    #expect(
      result.calls == [
        "train|--data-dir|data|--model-dir|models|--backbones|efficientnet_b0|resnet18|--augmentation-level|3|"
          + "--sampler|balanced|"
      ])
  }

  @Test(arguments: [
    ([], "tune-bias|--image-dir|data|--method|bayesian|"),
    (["my pictures"], "tune-bias|--image-dir|my pictures|--method|bayesian|"),
    (["p", "m"], "tune-bias|--image-dir|p|--model|m|--method|bayesian|"),
    (
      ["p", "", "grid_search", "--trials", "9"], "tune-bias|--image-dir|p|--method|grid_search|--trials|9|"
    ),
    (["p", "m", "optuna"], "tune-bias|--image-dir|p|--model|m|--method|optuna|"),
  ])
  func theBiasScriptSearchesFactors(arguments: [String], call: String) throws {
    let result = try run("optimize_bias_params.sh", arguments)
    #expect(result.status == 0 && result.calls == [call])
  }

  @Test func theBiasScriptEndsAsTheSearchDoes() throws {
    #expect(try run("optimize_bias_params.sh", ["fail"]).status == 65)
    #expect(try run("optimize_bias_params.sh", ["a", "b", "bayesian", "d"]).status == 64)
    let help = try run("optimize_bias_params.sh", ["--help"])
    #expect(help.status == 0 && help.calls.count == 1)
    #expect(help.output.hasPrefix("optimize_bias_params.sh [image_dir] [model_path] [method] [OPTION...]\n"))
  }

  @Test(arguments: ["run_balanced_training.sh", "run_high_accuracy.sh"])
  func helpIsTheHeadOfTheScript(script: String) throws {
    let help = try run(script, ["--help"])
    #expect(help.status == 0 && help.calls.isEmpty)
    #expect(
      help.output.hasPrefix("\(script) [data_dir] [model_dir] [OPTION...]\n") && !help.output.contains("set -"))
    #expect(try run(script, ["a", "b", "c"]).status == 64)
  }
}
