import Capture
import Foundation
import Pixels
import TestSupport
import Testing

/// What `ferd annotate` prints, with the real program.
struct AnnotateTests {
  private let folder: TemporaryFolder
  private let models: TestModels
  private let schema: JSONSchema

  init() throws {
    folder = try TemporaryFolder()
    models = try TestModels(folder: folder.url)
    schema = try JSONSchema(contentsOf: TestData.repository.appending(path: "docs/output.schema.json"))
  }

  private func annotate(_ arguments: [String], input: URL? = nil) throws -> FerdProcess.Result {
    try FerdProcess.run(["annotate"] + models.options + arguments, input: input)
  }

  /// Holds every line against the schema, and what no schema can say.
  private func check(_ lines: [String]) throws -> [ParsedJSON] {
    let objects = try lines.map { try ParsedJSON.parse($0) }
    for (line, object) in zip(lines, objects) {
      #expect(schema.problems(with: object).isEmpty, "\(line)")
      for face in object["faces"]?.array ?? [] {
        let scores = try #require(face["scores"]?.object?.compactMapValues { $0.number })
        let raw = try #require(face["raw"]?.object?.compactMapValues { $0.number })
        #expect(Set(scores.keys) == Set(TestModels.labels) && Set(raw.keys) == Set(TestModels.labels))
        #expect(abs(scores.values.reduce(0, +) - 1) < 0.001 && abs(raw.values.reduce(0, +) - 1) < 0.001)
        #expect(face["confidence"]?.number == scores.values.max())
        #expect(scores[face["emotion"]?.string ?? ""] == scores.values.max())
      }
    }
    return objects
  }

  @Test func tellsEveryFrameOfAClip() throws {
    let clip = folder.path("clip.mkv")
    try TestClips.write(clip, frames: 30) { number in
      switch number {
      case 0..<10: [.happy(column: 1, row: 1)]
      case 10..<15: []
      default: [.sad(column: 4, row: 2), TestFace(column: 1, row: 0)]
      }
    }
    let result = try annotate([clip, "--smooth", "0"])
    #expect(result.status == 0 && result.errors == "")
    let objects = try check(result.lines)
    #expect(objects.count == 32)
    #expect(objects[0]["type"]?.string == "hello" && objects[0]["source"]?.string == clip)
    #expect(objects[0]["width"]?.integer == 192 && objects[0]["height"]?.integer == 128)
    #expect(objects[0]["labels"]?.array?.compactMap(\.string) == TestModels.labels)
    #expect(objects[0]["model"]?.string?.hasPrefix("classifier@") == true)
    let frames = objects[1...30]
    #expect(frames.compactMap { $0["seq"]?.integer } == Array(0..<30))
    #expect(frames.compactMap { $0["pts_ns"]?.integer } == (0..<30).map { $0 * 40_000_000 })
    let emotions = frames.map { ($0["faces"]?.array ?? []).compactMap { $0["emotion"]?.string } }
    #expect(emotions[..<10].allSatisfy { $0 == ["happy"] })
    #expect(emotions[10..<15].allSatisfy { $0.isEmpty })
    #expect(emotions[15...].allSatisfy { $0.sorted() == ["neutral", "sad"] })
    let tracks = frames.map { ($0["faces"]?.array ?? []).compactMap { $0["track"]?.integer }.sorted() }
    #expect(tracks[..<10].allSatisfy { $0 == [1] } && tracks[15...].allSatisfy { $0 == [2, 3] })
    let box = objects[1]["faces"]?[0]?["box"]
    #expect(box?["x"]?.integer == 32 && box?["y"]?.integer == 32)
    #expect(box?["w"]?.integer == 32 && box?["h"]?.integer == 32)
    #expect(objects[31]["type"]?.string == "end" && objects[31]["frames"]?.integer == 30)
    #expect(objects[31]["faces"]?.integer == 40 && objects[31]["reason"]?.string == "eof")
  }

  @Test func keepsTheTrackThroughTwoFramesWithoutTheFace() throws {
    let clip = folder.path("clip.mkv")
    try TestClips.write(clip, frames: 12) { 4...5 ~= $0 ? [] : [.happy(column: 2, row: 1)] }
    let objects = try check(annotate([clip]).lines)
    let tracks = Set(objects.flatMap { ($0["faces"]?.array ?? []).compactMap { $0["track"]?.integer } })
    #expect(tracks == [1])
  }

  @Test func smoothsVideosByDefaultAndNotWithZero() throws {
    let clip = folder.path("clip.mkv")
    try TestClips.write(clip, frames: 20) { [$0 < 10 ? .happy(column: 2, row: 1) : .sad(column: 2, row: 1)] }
    func happiness(_ arguments: [String]) throws -> [Double] {
      try check(annotate([clip] + arguments).lines)[1...20].compactMap {
        $0["faces"]?[0]?["scores"]?["happy"]?.number
      }
    }
    let (smooth, plain) = (try happiness([]), try happiness(["--smooth", "0"]))
    #expect(smooth[0] == plain[0] && smooth.count == 20)
    #expect(plain[10] < 0.2 && smooth[10] > 0.5)
    #expect(zip(smooth[10...], smooth[11...]).allSatisfy { $0 > $1 })
  }

  @Test(arguments: [[], ["--detect-every", "10"]])
  func seesAtOnceWhoComesAndGoesBetweenDetections(options: [String]) throws {
    let clip = folder.path("clip.mkv")
    // At 25 frames a second every second frame is searched; these changes hit both kinds.
    let present: [Bool] = (0..<24).map { ![3, 4, 9, 14, 15, 16, 17, 18, 23].contains($0) }
    try TestClips.write(clip, frames: 24) { present[$0] ? [.happy(column: 2, row: 1)] : [] }
    let frames = try check(annotate([clip] + options).lines).filter { $0["type"]?.string == "frame" }
    #expect(frames.map { $0["faces"]?.array?.count } == present.map { $0 ? 1 : 0 })
  }

  @Test func goesOnInPixelsOfTheFirstFrameWhenTheResolutionChanges() throws {
    let (small, large) = (folder.path("small.ts"), folder.path("large.ts"))
    try TestClips.write(small, frames: 10, codec: "libx264") { _ in [.happy(column: 1, row: 1)] }
    // Faces have 32 pixels here too, which are two thirds of the place that they had in the small one.
    try TestClips.write(large, frames: 10, width: 288, height: 192, codec: "libx264") { _ in
      [.happy(column: 2, row: 2), .sad(column: 8, row: 0)]
    }
    let clip = folder.path("clip.ts")
    let parts = try [small, large].map { try Data(contentsOf: URL(fileURLWithPath: $0)) }
    try (parts[0] + parts[1]).write(to: URL(fileURLWithPath: clip))
    let objects = try check(annotate([clip, "--detect-every", "1"]).lines)
    #expect(objects[0]["width"]?.integer == 192 && objects[0]["height"]?.integer == 128)
    let frames = objects.filter { $0["type"]?.string == "frame" }
    #expect(frames.count == 20)
    func box(_ face: ParsedJSON?) -> [Int] { ["x", "y", "w", "h"].compactMap { face?["box"]?[$0]?.integer } }
    for (index, frame) in frames.enumerated() {
      let (face, other) = (frame["faces"]?[0], frame["faces"]?[1])
      #expect(face?["track"]?.integer == 1 && face?["emotion"]?.string == "happy")
      #expect(box(face) == (index < 10 ? [32, 32, 32, 32] : [43, 43, 21, 21]))
      // At the right edge of the large picture, which is that of the small one.
      #expect(box(other) == (index < 10 ? [] : [171, 0, 21, 21]), "frame \(index)")
    }
  }

  @Test func followsFacesBetweenDetections() throws {
    let clip = folder.path("clip.mkv")
    try TestClips.write(clip, frames: 21) { _ in [.happy(column: 2, row: 1)] }
    let objects = try check(annotate([clip, "--detect-every", "5"]).lines)
    #expect(
      objects[1...21].allSatisfy { $0["faces"]?.array?.count == 1 && $0["faces"]?[0]?["track"]?.integer == 1 })
  }

  @Test func appliesTheEnsemblesFactorsUnlessTheUserGivesSome() throws {
    let picture = folder.path("picture.png")
    try writePicture(TestClips.picture([TestFace(column: 1, row: 1)]), to: picture)
    func run(_ arguments: [String]) throws -> [ParsedJSON] {
      try check(
        FerdProcess.run(
          ["annotate", picture, "--model", models.ensemble, "--detector", models.detector] + arguments
        ).lines)
    }
    let own = try run([])
    #expect(own[0]["bias"]?["angry"]?.number == 2 && own[0]["bias"]?["happy"]?.number == 1)
    #expect(own[0]["model"]?.string?.hasPrefix("test@") == true)
    let face = try #require(own[1]["faces"]?[0])
    let raw = try #require(face["raw"]?["angry"]?.number)
    let score = try #require(face["scores"]?["angry"]?.number)
    #expect(abs(score - 2 * raw / (1 + raw)) < 2e-4)
    let given = try run(["--bias", "happy=1000000"])
    #expect(given[0]["bias"]?["angry"]?.number == 1 && given[1]["faces"]?[0]?["emotion"]?.string == "happy")
    #expect(given[1]["faces"]?[0]?["raw"] == face["raw"])
    let none = try run(["--bias", "none"])
    #expect(none[1]["faces"]?[0]?["scores"] == face["raw"])
    #expect(try run(["--angry_bias", "3"])[0]["bias"]?["angry"]?.number == 3)
  }

  @Test func takesSeveralInputsAsSeveralStreams() throws {
    let (clip, picture) = (folder.path("clip.mkv"), folder.path("ein Bild \"ü\"\n.png"))
    try TestClips.write(clip, frames: 3) { _ in [] }
    try writePicture(TestClips.picture([.happy(column: 0, row: 0)]), to: picture)
    let result = try annotate([picture, clip, picture])
    #expect(result.status == 0)
    let objects = try check(result.lines)
    #expect(
      objects.compactMap { $0["type"]?.string } == [
        "hello", "frame", "end", "hello", "frame", "frame", "frame", "end",
      ]
        + ["hello", "frame", "end"])
    #expect(
      objects.filter { $0["type"]?.string == "hello" }.compactMap { $0["source"]?.string } == [
        picture, clip, picture,
      ])
  }

  @Test func readsStandardInput() throws {
    let clip = folder.path("clip.mkv")
    try TestClips.write(clip, frames: 7) { _ in [.happy(column: 3, row: 1)] }
    let result = try annotate(["-"], input: URL(fileURLWithPath: clip))
    let objects = try check(result.lines)
    #expect(result.status == 0 && objects.count == 9 && objects[0]["source"]?.string == "-")
  }

  @Test func takesWhatIsInAFolder() throws {
    try FileManager.default.createDirectory(
      atPath: folder.path("in/b/deep"), withIntermediateDirectories: true)
    for name in ["c.png", "b/deep/a.PNG", "b/x.png"] {
      try writePicture(TestClips.picture([]), to: folder.path("in/\(name.lowercased())"))
    }
    try FileManager.default.moveItem(atPath: folder.path("in/b/deep/a.png"), toPath: folder.path("in/b/deep/a.PNG"))
    try Data("not a picture".utf8).write(to: folder.url.appending(path: "in/notes.txt"))
    let result = try annotate([folder.path("in")])
    #expect(result.status == 0)
    let sources = try check(result.lines).compactMap { $0["source"]?.string }
    #expect(sources == ["b/deep/a.PNG", "b/x.png", "c.png"].map { folder.path("in/\($0)") })
  }

  @Test func takesFilesOnlyFromAFolder() throws {
    try FileManager.default.createDirectory(atPath: folder.path("in"), withIntermediateDirectories: true)
    try writePicture(TestClips.picture([]), to: folder.path("in/picture.png"))
    for (link, target) in [("in/link.png", "picture.png"), ("in/nowhere.png", "none.png"), ("in/again.mp4", ".")] {
      try FileManager.default.createSymbolicLink(atPath: folder.path(link), withDestinationPath: target)
    }
    // Nobody will ever write to it.
    try #require(mkfifo(folder.path("in/pipe.mp4"), 0o600) == 0)
    let result = try annotate([folder.path("in")])
    #expect(result.status == 66)
    let sources = try check(result.lines).compactMap { $0["source"]?.string }
    #expect(sources == ["in/link.png", "in/picture.png"].map { folder.path($0) })
    #expect(result.errors.contains("nowhere.png: No such file") && result.lines.count == 6)
  }

  @Test func writesCSV() throws {
    let clip = folder.path("clip, one.mkv")
    try TestClips.write(clip, frames: 4) { $0 == 2 ? [] : [.happy(column: 0, row: 0), .sad(column: 3, row: 2)] }
    let result = try annotate([clip, "--format", "csv"])
    #expect(result.status == 0)
    let rows = String(decoding: result.output, as: UTF8.self).components(separatedBy: "\r\n")
    #expect(rows.count == 1 + 7 + 1 && rows.last == "")
    #expect(rows[0].hasPrefix("source,seq,pts_ns,status,track,box_x,"))
    #expect(rows[1].hasPrefix("\"\(clip)\",0,0,ok,1,0,0,32,32,"))
    #expect(rows[5].hasPrefix("\"\(clip)\",2,80000000,ok,,,"))
  }

  @Test func readsAFileWhoseNameIsNotUTF8() throws {
    // Through a shell, because Swift cannot even name it.
    let script = """
      cd "$1" && cp good.png "$(printf 'b\\377d.png')" && cp good.png "$(printf 'b\\376d.png')" &&
      "$2" annotate --model "$3" --detector "$4" "$(printf 'b\\377d.png')" "$(printf 'b\\376d.png')" --output out &&
      ls out
      """
    try writePicture(TestClips.picture([.happy(column: 0, row: 0)]), to: folder.path("good.png"))
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = [
      "-c", script, "sh", folder.url.path, FerdProcess.executable.path, models.model, models.detector,
    ]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    // Both would show as b�d.png.
    #expect(String(decoding: output, as: UTF8.self) == "b%FEd.png.jsonl\nb%FFd.png.jsonl\n")
    let lines = try String(contentsOfFile: folder.path("out/b%FFd.png.jsonl"), encoding: .utf8)
      .split(separator: "\n").map(String.init)
    let objects = try check(lines)
    #expect(objects.count == 3 && objects[0]["source"]?.string == "b\u{FFFD}d.png")
    #expect(objects[1]["faces"]?.array?.count == 1)
  }
}
