import Capture
import Foundation
import Pixels
import TestSupport
import Testing

struct PredictTests {
  private let folder: TemporaryFolder
  private let models: TestModels

  init() throws {
    folder = try TemporaryFolder()
    models = try TestModels(folder: folder.url)
  }

  @Test func tellsTheFacesOfPictures() throws {
    let (one, two) = (folder.path("1.png"), folder.path("2.jpg"))
    try writePicture(TestClips.picture([.happy(column: 0, row: 0), .sad(column: 3, row: 3)]), to: one)
    try writePicture(TestClips.picture([]), to: two)
    let result = try FerdProcess.run(["predict"] + models.options + ["--image", one, two])
    #expect(result.status == 0)
    let objects = try result.objects()
    #expect(objects.compactMap { $0["type"]?.string } == ["hello", "frame", "end", "hello", "frame", "end"])
    let emotions = (objects[1]["faces"]?.array ?? []).compactMap { $0["emotion"]?.string }
    #expect(emotions.sorted() == ["happy", "sad"])
    #expect(objects[4]["faces"]?.array?.isEmpty == true)
  }

  @Test(arguments: [("gif", true), ("gif", false), ("png", false)])
  func takesPicturesOfFilmFormatsAndFromAPipe(ending: String, isFile: Bool) throws {
    let path = folder.path("picture.\(ending)")
    let picture = TestClips.picture([.happy(column: 0, row: 0)])
    if ending == "png" {
      try writePicture(picture, to: path)
    } else {
      var options = VideoWriterOptions()
      options.codec = "gif"
      options.pixelFormat = "gray"
      let writer = try VideoWriter(path: path, width: picture.width, height: picture.height, options: options)
      try writer.append(picture)
      try writer.finish()
    }
    let (input, output) = (Pipe(), Pipe())
    let process = try FerdProcess.start(
      ["predict"] + models.options + ["--image", isFile ? path : "-"], input: input, output: output,
      errors: FileHandle.nullDevice)
    // A pipe holds so much without a reader.
    try input.fileHandleForWriting.write(contentsOf: Data(contentsOf: URL(fileURLWithPath: path)).prefix(60_000))
    try input.fileHandleForWriting.close()
    let lines = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    #expect(FerdProcess.status(of: process) == 0)
    #expect(lines.contains(#""emotion":"happy""#) && lines.contains(#""frames":1,"faces":1"#), "\(lines)")
  }

  @Test func takesACropAsOneFaceThatFillsThePicture() throws {
    var crop = LumaImage(width: 48, height: 48, filledWith: 0)
    for index in crop.pixels.indices where index % 48 < 24 { crop.pixels[index] = 255 }
    let path = folder.path("crop.png")
    try writePicture(crop, to: path)
    // No detector is needed, so none is looked for.
    let result = try FerdProcess.run(
      ["predict", "--cropped", "--model", models.model, "--detector", "/nowhere", "--image", path])
    #expect(result.status == 0)
    let face = try #require(try result.objects()[1]["faces"]?[0])
    #expect(face["box"]?.object == ["x": .number(0), "y": .number(0), "w": .number(48), "h": .number(48)])
    #expect(face["landmarks"]?.array?.isEmpty == true && face["det"]?.number == 1)
    #expect(face["emotion"]?.string == "happy")
    let happy = try #require(face["raw"]?["happy"]?.number)
    // logits: happy 20, neutral 2.5, sad -20, others 0
    #expect(abs(happy - 1) < 1e-3)
  }

  @Test func refusesVideosAndTellsWhichPicturesFail() throws {
    let (clip, picture) = (folder.path("clip.mkv"), folder.path("picture.png"))
    try TestClips.write(clip, frames: 3) { _ in [] }
    try writePicture(TestClips.picture([]), to: picture)
    let result = try FerdProcess.run(
      ["predict"] + models.options + ["--image", folder.path("none.png"), clip, picture])
    #expect(result.status == 66)
    #expect(result.errors.contains("clip.mkv: expected a picture") && result.errors.contains("none.png"))
    #expect(try result.objects().count == 3)
  }
}

struct ModelsTests {
  @Test func describesAModelAndAnEnsemble() throws {
    let folder = try TemporaryFolder()
    let models = try TestModels(folder: folder.url)
    for (path, kind) in [
      (models.model, "classifier"), (models.ensemble, "ensemble"), (models.detector, "detector"),
    ] {
      let result = try FerdProcess.run(["models", path])
      #expect(result.status == 0)
      let object = try ParsedJSON.parse(result.output)
      #expect(object["kind"]?.string == kind)
      #expect(object["members"]?[0]?["sha256"]?.string?.count == 64)
    }
    #expect(try FerdProcess.run(["models", folder.path("none")]).status == 66)
    try Data("no model".utf8).write(to: folder.url.appending(path: "text.safetensors"))
    #expect(try FerdProcess.run(["models", folder.path("text.safetensors")]).status == 65)
  }
}
