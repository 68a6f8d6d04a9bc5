import Foundation
import Pixels
import Testing

@testable import Training

struct PictureSetTests {
  private static let names = ["Anger", "disgusted", "FEAR", "happiness", "sad", "surprise", "neutral"]

  @Test func findsClassesInUsualSpellings() throws {
    let folder = try TemporaryFolder()
    try folder.writeClasses(Self.names, count: 2, size: 8)
    try folder.write([1], to: "notes.txt")
    try folder.write([1], to: "sad/.hidden")
    let listing = try FolderListing.read(folder.path)
    #expect(!listing.hasSplits)
    #expect(listing.splits[.train]?.map(\.label) == (0..<7).flatMap { [$0, $0] })
    #expect(listing.splits[.train]?.first == PictureFile(path: "Anger/0000.pgm", label: 0))
  }

  @Test(
    arguments: [
      ("angry/1.pgm,joyful/1.pgm", "the folder \"joyful\" is no class"),
      ("angry/1.pgm,anger/1.pgm", "two folders of the class angry"),
      ("angry/1.pgm", "the class disgust has no folder"),
      ("train/angry/1.pgm,extra/1.pgm", "the folder \"extra\" is no split"),
      ("train/angry/1.pgm,val/angry/1.pgm,validation/angry/1.pgm", "two folders of the split validation"),
      ("1.pgm", "has no folders"),
    ])
  func refusesFoldersThatAreNotUnderstood(files: String, message: String) throws {
    let folder = try TemporaryFolder()
    for file in files.split(separator: ",") { try folder.write([0], to: String(file)) }
    if files.hasPrefix("train") {
      for split in files.contains("val") ? ["train", "val", "validation"] : ["train"] {
        for name in ClassLabels.emotions.names { try folder.write([0], to: "\(split)/\(name)/1.pgm") }
      }
    }
    do throws(TrainingError) {
      _ = try FolderListing.read(folder.path)
      Issue.record("was accepted")
    } catch {
      #expect("\(error)".contains(message), "\(error)")
    }
  }

  @Test func anEmptyClassIsNamed() throws {
    let folder = try TemporaryFolder()
    try folder.writeClasses(Self.names, count: 1, size: 8)
    try FileManager.default.removeItem(at: folder.url.appending(path: "FEAR/0000.pgm"))
    #expect(
      throws: TrainingError.invalidData(
        path: folder.path, "the class fear is empty; every class needs pictures")
    ) { try FolderListing.read(folder.path) }
    let partial = try FolderListing.read(folder.path, needsAllClasses: false)
    #expect(partial.splits[.train]?.count == 6)
  }

  @Test func aMissingFolderIsToldAsSuch() {
    #expect(throws: TrainingError.noSuchInput(path: "/nowhere/at/all", "no such folder")) {
      try FolderListing.read("/nowhere/at/all")
    }
  }

  @Test func splitsAreStratifiedAndFollowTheSeed() throws {
    let files = (0..<7).flatMap { label in
      (0..<(label == 1 ? 5 : 40)).map { PictureFile(path: "\(label)/\($0)", label: label) }
    }
    let listing = FolderListing(folder: URL(fileURLWithPath: "/"), splits: [.train: files], hasSplits: false)
    let split = try listing.splitForTraining(seed: 1)
    let parts = try DataSplit.allCases.map { try #require(split.splits[$0]) }
    #expect(parts.map { $0.count(where: { $0.label == 0 }) } == [32, 4, 4])
    #expect(parts.map { $0.count(where: { $0.label == 1 }) } == [3, 1, 1])
    #expect(Set(parts.joined().map(\.path)).count == files.count)
    #expect(try listing.splitForTraining(seed: 1) == split)
    #expect(try listing.splitForTraining(seed: 2) != split)
    let withTest = FolderListing(
      folder: listing.folder, splits: [.train: files, .test: [files[0]]], hasSplits: true)
    let second = try withTest.splitForTraining(seed: 1)
    #expect(second.splits[.test] == [files[0]])
    #expect(second.splits[.validation]?.count == 25)
  }

  @Test func picturesAreDecodedFittedAndUnreadableOnesLeftOut() throws {
    let folder = try TemporaryFolder()
    let exact = LumaImage(width: 8, height: 8, pixels: (0..<64).map { UInt8($0 * 3) })
    try folder.writePicture(exact, to: "angry/a.pgm")
    try folder.writePicture(LumaImage(width: 33, height: 17, filledWith: 77), to: "angry/b.pgm")
    try folder.write(Array("this is no picture".utf8), to: "angry/c.png")
    let files = ["a.pgm", "b.pgm", "c.png"].map { PictureFile(path: "angry/\($0)", label: 0) }
    let set = try PictureSet.read(files, folder: folder.url, labels: .emotions, imageSize: 8)
    #expect(set.count == 2 && set.files.map(\.path) == ["angry/a.pgm", "angry/b.pgm"])
    #expect(set.imageSize == 8 && set.pixels(of: 0) == exact.pixels)
    #expect(set.pixels(of: 1).allSatisfy { $0 == 77 })
    #expect(set.unreadable.map(\.path) == ["angry/c.png"])
    #expect(throws: TrainingError.self) {
      try PictureSet.read([files[2]], folder: folder.url, labels: .emotions, imageSize: 8)
    }
  }

  /// Whichever it is: the parts are made of what can be read.
  @Test(arguments: 0..<10) func aBrokenPictureIsInNoPart(broken: Int) throws {
    let folder = try TemporaryFolder()
    try folder.writeClasses(ClassLabels.emotions.names, count: 10, size: 8)
    let path = "fear/\(String(format: "%04d", broken)).pgm"
    try folder.write(Array("broken".utf8), to: path)
    func read() throws(TrainingError) -> TrainingData {
      try TrainingData.read(
        FolderListing.read(folder.path), recipe: TrainingRecipe(),
        cacheFolder: folder.url.appending(path: ".cache"), softLabels: nil, duplicates: [])
    }
    let data = try read()
    let test = try #require(data.test)
    #expect(data.training.classCounts == [8, 8, 7, 8, 8, 8, 8])
    #expect(data.validation.classCounts == Array(repeating: 1, count: 7))
    #expect(test.classCounts == data.validation.classCounts)
    let all = [data.training, data.validation, test]
    #expect(Set(all.flatMap { $0.files.map(\.path) }).count == 69)
    #expect(all.flatMap { $0.unreadable.map(\.path) } == [path])

    guard broken == 0 else { return }
    for index in 1..<8 { try folder.write([1], to: "fear/000\(index).pgm") }
    do {
      _ = try read()
      Issue.record("two pictures went into three parts")
    } catch {
      #expect("\(error)".contains("has 2 pictures") && "\(error)".contains("without 8 files that cannot be read"))
    }
  }

  @Test func aClassWithoutAReadablePictureNamesOneOfThem() throws {
    let folder = try TemporaryFolder()
    try folder.writeClasses(["angry", "sad"], count: 2, size: 8)
    try folder.write([1], to: "angry/broken.png")
    for index in 0..<2 { try folder.write(Array("P5\n".utf8), to: "sad/000\(index).pgm") }
    let files = try #require(try FolderListing.read(folder.path, needsAllClasses: false).splits[.train])
    do {
      _ = try PictureSet.read(files, folder: folder.url, labels: .emotions, imageSize: 8)
      Issue.record("was accepted")
    } catch {
      #expect("\(error)".contains("sad/0000.pgm: not one picture of the class sad can be read"), "\(error)")
    }
  }

  @Test(.timeLimit(.minutes(1))) func aPipeAmongThePicturesIsLeftOutWithoutWaiting() throws {
    let folder = try TemporaryFolder()
    try folder.writeClasses(["angry", "sad"], count: 2, size: 8)
    try #require(mkfifo(folder.url.appending(path: "sad/pipe.png").path, 0o600) == 0)
    let listing = try FolderListing.read(folder.path, needsAllClasses: false)
    let files = try #require(listing.splits[.train])
    let set = try PictureSet.read(files, folder: folder.url, labels: .emotions, imageSize: 8)
    #expect(set.count == 4 && set.unreadable.map(\.path) == ["sad/pipe.png"])
    #expect(set.unreadable.map(\.problem) == ["expected a regular file"])
  }

  @Test(arguments: [6, 8]) func theCacheIsUsedUntilSomethingChanges(size: Int) throws {
    let folder = try TemporaryFolder()
    try folder.writeClasses(["angry", "sad"], count: 3, size: size)
    try folder.write([9], to: "sad/broken.pgm")
    let listing = try FolderListing.read(folder.path, needsAllClasses: false)
    let files = try #require(listing.splits[.train])
    func read() throws -> [[UInt8]] {
      let set = try PictureSet.read(
        files, folder: folder.url, labels: .emotions, imageSize: 40, cacheFolder: folder.url, cacheName: "part")
      #expect(set.unreadable.map(\.path) == ["sad/broken.pgm"] && set.imageSize == size)
      return (0..<set.count).map { set.pixels(of: $0) }
    }
    let first = try read()
    #expect(first.count == 6 && first[0] != first[1])
    let cache = folder.url.appending(path: "part-40.cache")
    let written = try Data(contentsOf: cache)
    #expect(try read() == first && Data(contentsOf: cache) == written)

    // Exchanged pictures that nobody touched, as far as the system tells: what comes must be out of the cache.
    let picture = folder.url.appending(path: files[0].path)
    let date = try #require(FileManager.default.attributesOfItem(atPath: picture.path)[.modificationDate] as? Date)
    let key = PictureCache.key(of: files, folder: folder.url, limit: 40)
    try folder.writePicture(LumaImage(width: size, height: size, filledWith: 9), to: files[0].path)
    try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: picture.path)
    if PictureCache.key(of: files, folder: folder.url, limit: 40) == key { #expect(try read() == first) }

    // Damage anywhere: decoded again.
    for position in [0, 9, 20, 60, written.count / 2, written.count - 20, written.count - 1] {
      var damaged = written
      damaged[position] ^= 1
      try damaged.write(to: cache)
      #expect(try read()[1...] == first[1...])
      #expect(try Data(contentsOf: cache).count == written.count)
    }
    try written.prefix(100).write(to: cache)
    #expect(try read()[1...] == first[1...])

    // A picture that was written anew.
    try folder.writePicture(LumaImage(width: size, height: size, filledWith: 200), to: files[0].path)
    #expect(try read()[0].allSatisfy { $0 == 200 })
  }

  @Test func smallPicturesAreStoredSmallAndLargeOnesReduced() throws {
    let folder = try TemporaryFolder()
    // The largest one comes late, after the sizes have been guessed from others.
    for index in 0..<150 {
      let side = index == 101 ? 30 : 10 + index % 3
      try folder.writePicture(
        LumaImage(width: side, height: 10, filledWith: UInt8(index)), to: "angry/\(index).pgm")
    }
    let files = (0..<150).map { PictureFile(path: "angry/\($0).pgm", label: 0) }
    for (limit, side) in [(224, 30), (16, 16), (11, 11)] {
      for cacheFolder in [nil, folder.url] {
        let set = try PictureSet.read(
          files, folder: folder.url, labels: .emotions, imageSize: limit, cacheFolder: cacheFolder)
        #expect(set.imageSize == side && set.count == 150)
        for index in [0, 63, 64, 101, 149] { #expect(set.pixels(of: index).allSatisfy { $0 == UInt8(index) }) }
      }
    }
  }

  @Test func aStoredPictureIsDrawnInTheSizeOfTheNetwork() throws {
    let pixels = (0..<64).map { UInt8($0 % 8 * 30) }
    let set = PictureSet(
      imageSize: 8, labels: .emotions, files: [PictureFile(path: "a", label: 0)], pixels: pixels)
    let normalisation = Normalisation(mean: 0.5, standardDeviation: 0.25)
    for size in [8, 16, 4] {
      var drawn = [Float](repeating: .nan, count: size * size)
      drawn.withUnsafeMutableBufferPointer {
        set.draw(0, size: size, normalisation: normalisation, resizer: Resizer(), into: $0)
      }
      // A ramp stays the ramp, away from its ends.
      for column in 1..<size - 1 {
        let place = (Float(column) + 0.5) * 8 / Float(size) - 0.5
        let expected = (place * 30 / 255 - 0.5) / 0.25
        #expect(abs(drawn[size + column] - expected) < 0.02 || place < 0.5 || place > 6.5)
      }
    }
  }

  @Test func aSubsetKeepsPicturesLabelsAndTargetsTogether() {
    let files = (0..<4).map { PictureFile(path: "\($0)", label: $0) }
    var set = PictureSet(
      imageSize: 2, labels: .emotions, files: files, pixels: (0..<16).map { UInt8($0) })
    let whole = set.fingerprint
    set.softTargets = (0..<28).map { Float($0) }
    #expect(set.fingerprint != whole)
    let part = set.subset([3, 1])
    #expect(part.files.map(\.path) == ["3", "1"] && part.pixels(of: 0) == [12, 13, 14, 15])
    #expect(part.softTargets == (21..<28).map { Float($0) } + (7..<14).map { Float($0) })
    #expect(part.fingerprint != set.fingerprint && part.subset([1]).pixels(of: 0) == [4, 5, 6, 7])
  }

  @Test func hopelessPicturesAreLeftOutUnlessTheirClassIsKept() throws {
    let text = """
      file,neutral,happiness,surprise,sadness,anger,disgust,fear
      0,9,0,0,0,1,0,0
      1,0,0,0,0,5,0,5
      2,8,0,0,0,0,1,1
      3,,,,,,,
      """
    let votes = try SoftLabels.parse(text, path: "labels.csv", labels: .emotions)
    // Angry without much agreement, angry, disgust, no face at all, and one without a row.
    let files = [0, 0, 1, 1, 0].enumerated().map { PictureFile(path: "\($0)", label: $1) }
    let set = PictureSet(imageSize: 1, labels: .emotions, files: files, pixels: [0, 1, 2, 3, 4])
    func names(_ set: PictureSet) -> [String] { set.files.map(\.path) }
    #expect(try names(votes.apply(to: set, share: 0, drop: 0, keeping: [])) == ["0", "1", "2", "3", "4"])
    #expect(try names(votes.apply(to: set, share: 0, drop: 0.2, keeping: [1])) == ["1", "2", "4"])
    #expect(try names(votes.apply(to: set, share: 0, drop: 0.05, keeping: [])) == ["0", "1", "2", "4"])
    let kept = try votes.apply(to: set, share: 0.5, drop: 0.2, keeping: [1])
    let targets = try #require(kept.softTargets)
    #expect(targets[0..<7].elementsEqual([0.75, 0, 0.25, 0, 0, 0, 0]))
    #expect(targets[7..<14].elementsEqual([0, 1, 0, 0, 0, 0, 0]), "disgust keeps its label")
    #expect(targets[14..<21].elementsEqual([1, 0, 0, 0, 0, 0, 0]))
    do throws(TrainingError) {
      _ = try votes.apply(to: set, share: 0, drop: 0.2, keeping: [])
      Issue.record("disgust has no picture left")
    } catch {
      #expect("\(error)".contains("leaves no picture of the class disgust"))
    }
  }

  @Test(
    arguments: [
      ("votes.csv", 0, "the recipe uses none"), (nil, 0.3, "none were given"),
    ] as [(String?, Float, String)])
  func votesAndTheirUseGoTogether(votes: String?, share: Float, message: String) throws {
    let folder = try TemporaryFolder()
    try folder.writeClasses(Self.names, count: 1, size: 8, prefix: "train/")
    try folder.writeClasses(Self.names, count: 1, size: 8, prefix: "validation/")
    var recipe = TrainingRecipe()
    recipe.softLabelShare = share
    do throws(TrainingError) {
      _ = try TrainingData.read(
        FolderListing.read(folder.path), recipe: recipe, cacheFolder: folder.url.appending(path: "cache"),
        softLabels: votes, duplicates: [])
      Issue.record("was accepted")
    } catch {
      #expect("\(error)".contains(message), "\(error)")
    }
  }

  @Test func votesMayBeQuotedAndSpaced() throws {
    let text = "\"file\", \"angry\", sad\n\"a, \"\"b\"\".png\",\"3\", 1\n c.png ,0,2\n"
    let votes = try SoftLabels.parse(text, path: "votes.csv", labels: ClassLabels(["angry", "sad"]))
    #expect(votes.distributions == ["a, \"b\".png": [0.75, 0.25], "c.png": [0, 1]])
  }

  @Test func votesBecomeTargets() throws {
    let text = """
      file,label,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF
      a.png,angry,0,5,0,0,5,0,0,10,3,0
      b.png,happy,,,,,,,,,,
      """
    let votes = try SoftLabels.parse(text, path: "labels.csv", labels: .emotions)
    let files = [PictureFile(path: "a.png", label: 0), PictureFile(path: "b.png", label: 3)]
    let targets = votes.targets(for: files, classes: 7, share: 0.4)
    #expect(zip(targets, [0.8, 0, 0, 0.2, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]).allSatisfy { abs($0 - $1) < 1e-6 })
  }

  @Test(
    arguments: [
      ("picture,angry\n", "expected a heading with the column \"file\""),
      ("file,angry,anger,disgust,fear,happy,sad,surprise,neutral\n", "expected one column of votes for angry"),
      ("file,angry,disgust,fear,happy,sad,surprise,neutral\na,1,2\n", "row 2 has 3 fields instead of 8"),
      ("file,angry,disgust,fear,happy,sad,surprise,neutral\na,1,x,0,0,0,0,0\n", "\"x\" is no number of votes"),
      ("file,angry,disgust,fear,happy,sad,surprise,neutral\na,1,-1,0,0,0,0,0\n", "\"-1\" is no number of votes"),
    ])
  func votesThatAreNotUnderstoodAreRefused(text: String, message: String) {
    do throws(TrainingError) {
      _ = try SoftLabels.parse(text, path: "labels.csv", labels: .emotions)
      Issue.record("was accepted")
    } catch {
      #expect("\(error)".contains(message), "\(error)")
    }
  }
}
