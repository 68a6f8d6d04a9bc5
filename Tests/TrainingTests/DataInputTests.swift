import Foundation
import Inference
import Pixels
import Testing

@testable import Training

/// Data and settings as people have them: tables of spreadsheets, names with accents, mistakes in recipes.
struct DataInputTests {
  private static let names = ["angry", "sad"]

  private func votes(_ text: String, names: [String] = names) throws -> SoftLabels {
    try SoftLabels.parse(text, path: "votes.csv", labels: ClassLabels(names))
  }

  @Test func tablesAreReadAsSpreadsheetsAndEvaluationsWriteThem() throws {
    let text = "\u{FEFF}file,label,angry,sad\r\n\"a\nb\u{2028}.png\",sad,1,3\r\r\n\n \" c \" ,angry, 1 ,0\u{0B}\n"
    #expect(throws: TrainingError.self, "a vertical tab is no number") { try votes(text) }
    let table = try votes(text.replacing("\u{0B}", with: ""))
    #expect(table.distributions == ["a\nb\u{2028}.png": [0.25, 0.75], " c ": [1, 0]])
    // Empty rows of a spreadsheet, and inches.
    let loose = try votes("file,note,angry,sad\na,5\" wide,1,0\n,,,\n,,,\nb,,0,1\n")
    #expect(loose.distributions == ["a": [1, 0], "b": [0, 1]])
    let own = try votes("file,label,label,file\nx,file,1,3\n", names: ["label", "file"])
    #expect(own.distributions == ["x": [0.25, 0.75]])
  }

  @Test(arguments: [
    ("a,1,0\n,,\na,0,1\n", "row 4: a second row for \"a\""), ("a,1,0\n\"b,1,0\n", "row 3: a quotation mark"),
    ("a,1e39,0\n", "\"1e39\" is no number of votes"),
  ])
  func rowsThatContradictAreRefused(rows: String, message: String) {
    let error = #expect(throws: TrainingError.self) { try votes("file,angry,sad\n" + rows) }
    #expect(error?.description.contains(message) == true, "\(error!)")
  }

  @Test func votesWithoutBoundsStayShares() throws {
    #expect(try votes("file,angry,sad\na,3e38,1e38\n").distributions == ["a": [0.75, 0.25]])
  }

  @Test func votesForNobodyAreNamedAsSuch() throws {
    let set = PictureSet(
      imageSize: 1, labels: ClassLabels(Self.names), files: [PictureFile(path: "a", label: 0)], pixels: [0])
    let error = #expect(throws: TrainingError.self) {
      try votes("file,angry,sad\na,0,0\n").count(in: set, path: "votes.csv")
    }
    #expect(error?.description.contains("names some of them without a vote for any class") == true, "\(error!)")
  }

  private func read(
    _ folder: TemporaryFolder, recipe: TrainingRecipe = TrainingRecipe(), duplicates: Set<String> = []
  ) throws -> TrainingData {
    try TrainingData.read(
      FolderListing.read(folder.path, labels: ClassLabels(Self.names)), recipe: recipe,
      labels: ClassLabels(Self.names), cacheFolder: folder.url.appending(path: ".cache"), softLabels: nil,
      duplicates: duplicates)
  }

  @Test func namesThatDifferInHowAnAccentIsWrittenAreTwo() throws {
    let folder = try TemporaryFolder()
    try folder.writeClasses(Self.names, count: 4, size: 8)
    for name in ["caf\u{E9}.pgm", "cafe\u{301}.pgm"] {
      try folder.writePicture(LumaImage(width: 8, height: 8), to: "sad/\(name)")
    }
    let data = try read(folder)
    let names = [data.training, data.validation, data.test!].flatMap(\.files).map { Array($0.path.utf8) }
    #expect(names.count == 10 && Set(names).count == 10)
  }

  @Test func onlyAPartOfTheValidationPicturesMayBeExcluded() throws {
    let folder = try TemporaryFolder()
    try folder.writeClasses(Self.names, count: 2, size: 8, prefix: "train/")
    try folder.writeClasses(Self.names, count: 2, size: 8, prefix: "validation/")
    let paths = try read(folder).validation.files.map(\.path)
    let error = #expect(throws: TrainingError.self) { try read(folder, duplicates: Set(paths)) }
    #expect(error?.description.contains("every validation picture is excluded") == true, "\(error!)")
    #expect(try read(folder, duplicates: Set(paths.filter { $0.contains("sad") })).excludedClasses == ["sad"])
    #expect(try read(folder, duplicates: [paths[0]]).excludedClasses == [])
  }

  @Test func aPictureThatCanBeReadByNowIsTakenWithoutHavingChanged() throws {
    let folder = try TemporaryFolder()
    try folder.writeClasses(Self.names, count: 4, size: 8)
    let file = folder.url.appending(path: "sad/0001.pgm")
    let whole = try Data(contentsOf: file)
    let time = Date(timeIntervalSince1970: 1_000_000)
    func put(_ data: Data) throws {
      try data.write(to: file)
      try FileManager.default.setAttributes([.modificationDate: time], ofItemAtPath: file.path)
    }
    try put(Data(count: whole.count))
    #expect(try read(folder).training.unreadable.map(\.path) == ["sad/0001.pgm"])
    try put(whole)
    #expect(try read(folder).training.unreadable.isEmpty)
  }

  @Test func onlyThePartThatIsWantedIsLookedInto() throws {
    let folder = try TemporaryFolder()
    for path in ["test/angry/1.png", "train/raw/1.png", "val/.hidden"] { try folder.write([0], to: path) }
    let listing = try FolderListing.read(folder.path, needsAllClasses: false, part: .test)
    #expect(listing.splits[.test]?.map(\.path) == ["test/angry/1.png"])
    #expect(throws: TrainingError.self) { try FolderListing.read(folder.path, needsAllClasses: false) }
  }

  @Test(arguments: [
    (#"{"epochs": 1.5}"#, "\"epochs\" cannot be 1.5"),
    (#"{"seed": -1}"#, "\"seed\" cannot be -1; its default is 1"),
    (#"{"learningRate": 1e39}"#, "\"learningRate\" cannot be"), (#"{"epochs": null}"#, "\"epochs\" is null"),
    (#"{"augmentation": {"flip": null}}"#, "\"augmentation.flip\" is null"),
    (#"{"augmentation": {"flip": "much"}}"#, "\"augmentation\" cannot be"),
    (
      #"{"channelNormalisations": [{"mean": 0.5, "standardDeviation": 0.2, "median": 1}]}"#,
      "\"channelNormalisations.median\" is no setting"
    ),
  ])
  func mistakesInRecipesAreNamed(json: String, message: String) {
    do {
      _ = try TrainingRecipe.decode(Data(json.utf8))
      Issue.record("was accepted")
    } catch {
      #expect("\(error)".contains(message), "\(error)")
    }
  }

  @Test func aClassThatKeepsItsLabelMustBeOne() throws {
    let folder = try TemporaryFolder()
    try folder.writeClasses(Self.names, count: 4, size: 8)
    var recipe = TrainingRecipe()
    recipe.softLabelKeep = ["fear"]
    #expect(throws: TrainingError.self) { try read(folder, recipe: recipe) }
  }

  @Test(arguments: [9_007_199_254_740_993, UInt64.max, 7]) func aSeedIsRecordedAsItIs(seed: UInt64) throws {
    var recipe = TrainingRecipe()
    recipe.seed = seed
    let value = try JSONValue(encoding: recipe)
    let json = try JSONEncoder().encode(value)
    #expect(String(decoding: json, as: UTF8.self).contains("\"seed\":\(seed)"))
    #expect(try JSONDecoder().decode(JSONValue.self, from: json) == value)
  }
}
