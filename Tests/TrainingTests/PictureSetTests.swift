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
    #expect(Array(set.pixels[..<64]) == exact.pixels)
    #expect(set.pixels[64...].allSatisfy { $0 == 77 })
    #expect(set.unreadable.map(\.path) == ["angry/c.png"])
    #expect(throws: TrainingError.self) {
      try PictureSet.read([files[2]], folder: folder.url, labels: .emotions, imageSize: 8)
    }
  }

  @Test func theCacheIsUsedUntilSomethingChanges() throws {
    let folder = try TemporaryFolder()
    try folder.writeClasses(["angry", "sad"], count: 3, size: 6)
    try folder.write([9], to: "sad/broken.pgm")
    let listing = try FolderListing.read(folder.path, needsAllClasses: false)
    let files = try #require(listing.splits[.train])
    func read() throws -> PictureSet {
      try PictureSet.read(
        files, folder: folder.url, labels: .emotions, imageSize: 6, cacheFolder: folder.url, cacheName: "part")
    }
    let first = try read()
    let cache = folder.url.appending(path: "part-6.cache")
    let written = try Data(contentsOf: cache)

    // Marked content that only the cache can hold.
    let key = PictureCache.key(of: files, folder: folder.url, imageSize: 6)
    let marked = PictureCache.Content(
      pixels: [UInt8](repeating: 5, count: files.count * 36), problems: [files.count - 1: "marked"])
    try PictureCache(path: cache.path).write(marked, key: key, imageSize: 6)
    let second = try read()
    #expect(second.pixels.allSatisfy { $0 == 5 } && second.unreadable.map(\.problem) == ["marked"])

    // Damage anywhere: decoded again, written again.
    for position in [0, 9, 20, 60, written.count / 2, written.count - 1] {
      var damaged = try Data(contentsOf: cache)
      damaged[position] ^= 1
      try damaged.write(to: cache)
      #expect(try read().pixels == first.pixels)
      #expect(try Data(contentsOf: cache) == written)
    }
    try written.prefix(100).write(to: cache)
    #expect(try read().pixels == first.pixels)

    // A picture that was written anew.
    try folder.writePicture(LumaImage(width: 6, height: 6, filledWith: 200), to: files[0].path)
    #expect(try read().pixels[..<36].allSatisfy { $0 == 200 })
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
