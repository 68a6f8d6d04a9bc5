import Foundation
import Inference
import TestSupport
import Testing

struct AssembleTests {
  private let folder: TemporaryFolder
  private let models: TestModels

  init() throws {
    folder = try TemporaryFolder()
    models = try TestModels(folder: folder.url)
  }

  @Test(arguments: ["f32", "bf16"]) func modelFilesBecomeAnEnsembleThatClassifiesLikeThem(_ storage: String) throws
  {
    let target = folder.path("pair")
    let other = folder.path("other.safetensors")
    try FileManager.default.copyItem(atPath: models.model, toPath: other)
    let result = try FerdProcess.run(
      ["models", "--assemble", target, "--storage", storage, models.model, "\(other)=3"])
    #expect(result.status == 0, "\(result.errors)")
    let description = try ParsedJSON.parse(result.output)
    #expect(description["name"]?.string == "pair")
    #expect(description["kind"]?.string == "ensemble")
    let ensemble = try EnsembleDescription.read(fromFolder: target)
    #expect(ensemble.members.map(\.file) == ["classifier.safetensors", "other.safetensors"])
    #expect(ensemble.members.map(\.weight) == [1, 3])
    let loaded = try EmotionEnsemble(path: target, precision: .f32)
    #expect(loaded.labels == TestModels.labels)
    #expect(loaded.members.count == 2)
  }

  @Test func modelsOfSeveralRunsAreCalledLikeTheirFolders() throws {
    var files: [String] = []
    for run in ["first", "second"] {
      let file = folder.path("\(run)/model.safetensors")
      try FileManager.default.createDirectory(atPath: folder.path(run), withIntermediateDirectories: true)
      try FileManager.default.copyItem(atPath: models.model, toPath: file)
      files.append(file)
    }
    let target = folder.path("both")
    #expect(try FerdProcess.run(["models", "--assemble", target] + files).status == 0)
    let ensemble = try EmotionEnsemble(path: target, precision: .f32)
    #expect(ensemble.members.count == 2)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: target).sorted() == [
        "ensemble.json", "first.safetensors", "second.safetensors",
      ])
  }

  @Test func whatCannotBeAMemberIsRefusedAndNothingIsWritten() throws {
    let target = folder.path("none")
    let text = folder.path("text.safetensors")
    try Data("no model".utf8).write(to: URL(fileURLWithPath: text))
    for (arguments, status, part) in [
      ([models.detector], 64, "without labels"), ([models.model + "=0"], 64, "positive weight"),
      ([models.model + "=x"], 64, "positive weight"), ([models.model, models.model], 64, "two members"),
      ([folder.path("missing.safetensors")], 66, "no such model"), ([text], 65, "text.safetensors"),
      ([], 64, "--assemble"),
    ] as [([String], Int32, String)] {
      let result = try FerdProcess.run(["models", "--assemble", target] + arguments)
      #expect(result.status == status, "\(arguments): \(result.errors)")
      #expect(result.errors.contains(part), "\(result.errors)")
      #expect(!FileManager.default.fileExists(atPath: target))
    }
  }
}
