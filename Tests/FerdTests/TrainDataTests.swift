import Foundation
import Inference
import TestSupport
import Testing
import Training

/// What `ferd train` says of its data, and what it does with a test part.
struct TrainDataTests {
  private struct Place {
    let folder: TemporaryFolder
    var data: String { folder.path("data") }

    /// Ten pictures of each emotion, bright in a row of its own.
    init() throws {
      folder = try TemporaryFolder()
      for (label, name) in ClassLabels.emotions.names.enumerated() {
        let place = folder.url.appending(path: "data/\(name)")
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        for index in 0..<10 {
          let pixels = (0..<256).map { (pixel: Int) -> UInt8 in
            let base = pixel / 16 * 7 / 16 == label ? 150 : 40
            return UInt8(base + pixel * (index + 3) % 60)
          }
          try Data(Array("P5\n16 16\n255\n".utf8) + pixels).write(to: place.appending(path: "\(index).pgm"))
        }
      }
      try write(#"{"widths": [8, 16], "imageSize": 16, "earlyImageSize": 16, "batchSize": 8}"#, to: "recipe.json")
    }

    func write(_ text: String, to name: String) throws {
      try Data(text.utf8).write(to: URL(fileURLWithPath: folder.path(name)))
    }

    func train(_ more: String...) throws -> FerdProcess.Result {
      try FileManager.default.createDirectory(atPath: folder.path("tmp"), withIntermediateDirectories: true)
      return try FerdProcess.run(
        [
          "train", "--data-dir", data, "--model-dir", folder.path("run"), "--recipe", folder.path("recipe.json"),
          "--threads", "2", "--precision", "f32", "--epochs", "1",
        ] + more, environment: ["PATH": "/nowhere", "TMPDIR": folder.path("tmp")])
    }
  }

  @Test func theTestPartIsForTheFinishedModelAlone() throws {
    let place = try Place()
    try place.write("angry/0.pgm\nangry/x.pgm\n", to: "list.txt")
    let first = try place.train("--pretrain")
    #expect(first.status == 0 && !first.errors.contains("test part"), "\(first.errors)")
    #expect(!place.folder.contents.contains { $0.contains("test-16.cache") })
    let main = try place.train("--exclude", place.folder.path("list.txt"))
    #expect(main.status == 0 && main.errors.contains("test part: 7 pictures, accuracy"), "\(main.errors)")
    // One of the two may have fallen to validation.
    #expect(
      main.errors.contains("names no validation picture") || main.errors.contains("name no validation picture"))
    let record = try ModelFile.read(from: place.folder.path("run/model.safetensors")).record
    #expect(record.metrics?["test"]?["flip_averaged"]?["images"] == .number(7))
    guard case .array(let lines)? = record.training?["weights"], case .string(let line)? = lines.first else {
      Issue.record("no weights in the record")
      return
    }
    #expect(line.contains("pretrained.safetensors"))
    let page = try String(contentsOfFile: place.folder.path("run/report.html"), encoding: .utf8)
    #expect(page.contains("Started from</td>") && page.contains("<h2>Test</h2>"))
  }

  @Test func votesAreCounted() throws {
    let place = try Place()
    let heading = "file,angry,disgust,fear,happy,sad,surprise,neutral\n"
    try place.write(
      heading + (0..<10).map { "fear/\($0).pgm,0,0,9,0,0,0,1\n" }.joined(), to: "votes.csv")
    let votes = place.folder.path("votes.csv")
    let run = try place.train("--soft-labels", votes, "--soft-label-share", "0.5")
    #expect(run.status == 0 && run.errors.contains("votes for 8 of 56 training pictures"), "\(run.errors)")
    try place.write(heading + "train/fear/1.pgm,0,0,9,0,0,0,1\n", to: "votes.csv")
    let refused = try place.train("--soft-labels", votes, "--soft-label-share", "0.5", "--resume")
    #expect(refused.status == 65 && refused.errors.contains("has votes for none of 56"), "\(refused.errors)")
  }

  @Test func aPreviewLeavesNothingBesideItself() throws {
    let place = try Place()
    let picture = place.folder.path("sheet.png")
    let run = try place.train("--preview", picture)
    #expect(run.status == 0 && FileManager.default.fileExists(atPath: picture), "\(run.errors)")
    #expect(!FileManager.default.fileExists(atPath: place.folder.path("run")))
    #expect(!place.folder.contents.contains { $0.hasPrefix("tmp/") }, "\(place.folder.contents)")
  }
}
