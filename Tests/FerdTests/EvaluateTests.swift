import Capture
import Foundation
import TestSupport
import Testing

/// `ferd evaluate` as a process, with a model whose answers can be told in advance.
struct EvaluateTests {
  private func evaluate(_ place: BiasPictures, _ data: String, _ more: [String] = []) throws -> FerdProcess.Result {
    try FerdProcess.run(arguments(place, data, more), environment: place.environment())
  }

  private func arguments(_ place: BiasPictures, _ data: String, _ more: [String] = []) -> [String] {
    ["evaluate", "--data-dir", data, "--model", place.models.model, "--precision", "f32", "--threads", "2"] + more
  }

  private func object(_ result: FerdProcess.Result) throws -> ParsedJSON {
    try #require(result.status == 0, "\(result.errors)")
    #expect(result.lines.count == 1)
    let object = try #require(try result.objects().first)
    let schema = try JSONSchema(contentsOf: TestData.repository.appending(path: "docs/evaluate.schema.json"))
    #expect(schema.problems(with: object) == [])
    return object
  }

  @Test func otherCollectionsMayHaveOtherClasses() throws {
    let place = try BiasPictures()
    for index in 0..<3 { try place.write(index, to: "data/contempt/\(index).pgm") }
    let list = place.folder.path("list.txt")
    try Data("happy/000.pgm\nelsewhere/1.pgm\nelsewhere/2.pgm\n".utf8).write(to: URL(fileURLWithPath: list))
    let report = place.folder.path("report")
    let result = try evaluate(place, place.data, ["--exclude", list, "--report", report])
    #expect(try object(result)["images"]?.integer == 125)
    #expect(
      result.errors.contains("contempt/ with 3 files is left out: it is none of the model's classes"),
      "\(result.errors)")
    #expect(
      result.errors.contains(
        "--exclude: 2 of 3 paths name no picture that is evaluated; the first is \"elsewhere/1.pgm\""),
      "\(result.errors)")
    let page = String(decoding: try place.contents("report/report.html"), as: UTF8.self)
    #expect(page.contains("contempt/ (3 pictures), left out"))
    let refused = try FerdProcess.run([
      "train", "--data-dir", place.data, "--model-dir", place.folder.path("models"),
    ])
    #expect(refused.status == 65 && refused.errors.contains("the folder \"contempt\" is no class"))
  }

  @Test(.timeLimit(.minutes(1))) func aPipeAmongThePicturesIsLeftOutWithoutWaiting() throws {
    let place = try BiasPictures()
    try #require(mkfifo(place.folder.path("data/happy/pipe.png"), 0o600) == 0)
    let result = try evaluate(place, place.data)
    #expect(try object(result)["images"]?.integer == 126)
    #expect(result.errors.contains("happy/pipe.png is left out: expected a regular file"), "\(result.errors)")
  }

  @Test func aClassOfBrokenPicturesIsAClassWithoutPictures() throws {
    let place = try BiasPictures()
    let whole = try object(try evaluate(place, place.data))
    for name in place.folder.contents where name.hasPrefix("data/happy/") {
      try Data("broken".utf8).write(to: URL(fileURLWithPath: place.folder.path(name)))
    }
    let result = try evaluate(place, place.data)
    let rest = try object(result)
    #expect(result.errors.contains("happy/000.pgm is left out"), "\(result.errors)")
    let (all, left) = (try #require(whole["images"]?.integer), try #require(rest["images"]?.integer))
    #expect(left > 0 && left < all)
    try FileManager.default.removeItem(atPath: place.data)
    try FileManager.default.createDirectory(
      atPath: place.folder.path("data/sad"), withIntermediateDirectories: true)
    try Data("broken".utf8).write(to: URL(fileURLWithPath: place.folder.path("data/sad/a.png")))
    let nothing = try evaluate(place, place.data)
    #expect(nothing.status == 65 && nothing.errors.contains("data/sad/a.png: not one picture can be read"))
  }

  @Test func facesAreFoundFirstAndPicturesWithoutOneCounted() throws {
    let place = try BiasPictures()
    for name in ["happy", "neutral"] {
      for column in 1..<5 {
        let face =
          name == "happy"
          ? TestFace.happy(column: column, row: 1) : TestFace(column: column, row: 1, leftLuma: 215, rightLuma: 215)
        let file = place.folder.url.appending(path: "wild/\(name)/\(column).png")
        try FileManager.default.createDirectory(
          at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try writePicture(TestClips.picture([face]), to: file.path)
      }
    }
    try writePicture(TestClips.picture([]), to: place.folder.path("wild/happy/nobody.png"))
    try Data("no picture".utf8).write(to: place.folder.url.appending(path: "wild/happy/broken.png"))
    let wild = place.folder.path("wild")
    let result = try evaluate(place, wild, ["--detect", "--detector", place.models.detector])
    let found = try object(result)
    #expect(found["images"]?.integer == 8 && found["no_face"]?.integer == 1)
    let single = try #require(found["single_view"])
    #expect(single["accuracy"]?.number == 1)
    // Mirrored, a face brighter on the left is one brighter on the right.
    #expect(try #require(found["nll"]?.number) > (try #require(single["nll"]?.number)) + 0.1)
    #expect(result.errors.contains("no face was found in 1 picture"), "\(result.errors)")
    #expect(result.errors.contains("happy/broken.png is left out"), "\(result.errors)")
    #expect(!FileManager.default.fileExists(atPath: place.folder.path("cache")))
    let crops = try object(try evaluate(place, wild))
    #expect(crops["images"]?.integer == 9 && crops["no_face"] == nil)
  }

  @Test func scoresOfEachPictureServeAsSoftLabels() throws {
    let place = try BiasPictures(prefix: "train/")
    let file = place.folder.path("scores.csv")
    let result = try evaluate(place, place.data, ["--scores", file, "--bias", "neutral=3"])
    let confusion = try #require(try object(result)["raw"]?["confusion"]?.array)
    let text = String(decoding: try Data(contentsOf: URL(fileURLWithPath: file)), as: UTF8.self)
    let rows = text.split(separator: "\r\n").map { $0.split(separator: ",").map(String.init) }
    let labels = Array(try #require(rows.first).dropFirst(2))
    #expect(rows[0].prefix(2) == ["file", "label"] && rows.count == 127)
    var counts = labels.map { _ in labels.map { _ in 0 } }
    for row in rows.dropFirst() {
      let scores = row.dropFirst(2).compactMap(Double.init)
      try #require(scores.count == labels.count)
      #expect(abs(scores.reduce(0, +) - 1) < 0.001)
      #expect(row[0].hasPrefix("train/\(row[1])/"), "\(row[0])")
      let (truth, best) = (labels.firstIndex(of: row[1]), scores.firstIndex(of: scores.max() ?? 0))
      counts[try #require(truth)][try #require(best)] += 1
    }
    // Without the factors, as "raw".
    #expect(counts == confusion.map { $0.array?.compactMap(\.integer) ?? [] })
    let trained = try FerdProcess.run([
      "train", "--data-dir", place.data, "--model-dir", place.folder.path("run"), "--labels", "happy,neutral",
      "--soft-labels", file, "--backbone", "mobilenet_v3_small", "--image-size", "32", "--epochs", "1",
      "--batch-size", "16",
    ])
    #expect(trained.status == 0, "\(trained.errors)")
    #expect(trained.errors.contains("votes for 113 of 113 training pictures"), "\(trained.errors)")
  }

  @Test func whereScoresCannotBeWrittenIsToldBeforeTheWork() throws {
    let place = try BiasPictures()
    let result = try evaluate(place, place.data, ["--scores", place.folder.path("data/happy/000.pgm/scores.csv")])
    #expect(result.status == 74 && result.lines.isEmpty, "\(result.errors)")
    #expect(result.errors.contains("000.pgm: expected a folder"), "\(result.errors)")
  }

  @Test func progressIsShownOnATerminalAlone() throws {
    let place = try BiasPictures()
    #expect(try evaluate(place, place.data).errors.isEmpty)
    let quiet = try terminalOutput(arguments(place, place.data, ["--quiet"]))
    #expect(quiet.isEmpty, "\(quiet)")
    let shown = try terminalOutput(arguments(place, place.data))
    #expect(shown.contains("/126  ") && shown.hasSuffix("\r\u{1B}[K"), "\(shown)")
  }

  /// What a command says on standard error where that is a terminal; it must be less than a terminal holds, 4 kB.
  private func terminalOutput(_ arguments: [String]) throws -> String {
    // What posix_openpt(3) and its companions do, which Swift does not see: TIOCSPTLCK, TIOCGPTN.
    let terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY)
    defer { close(terminal) }
    var locked: Int32 = 0
    var number: Int32 = 0
    let results = [ioctl(terminal, 0x4004_5431, &locked), ioctl(terminal, 0x8004_5430, &number)]
    try #require(results == [0, 0])
    let line = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY)
    try #require(line >= 0)
    let process = try FerdProcess.start(
      arguments, output: FileHandle.nullDevice, errors: FileHandle(fileDescriptor: line))
    process.waitUntilExit()
    #expect(FerdProcess.status(of: process) == 0)
    _ = fcntl(terminal, F_SETFL, O_NONBLOCK)
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = read(terminal, &bytes, bytes.count)
    close(line)
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
  }
}
