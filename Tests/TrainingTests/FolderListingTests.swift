import Foundation
import Testing

@testable import Training

/// Folders and lists that do not quite fit.
struct FolderListingTests {
  @Test func foldersThatAreNoClassesMayBeLeftOut() throws {
    let folder = try TemporaryFolder()
    for path in [
      "anger/1.png", "happy/1.png", "contempt/1.png", "contempt/2.png", "contempt/more/3.png", "contempt/.hidden",
    ] { try folder.write([0], to: path) }
    let listing = try FolderListing.read(folder.path, needsAllClasses: false, leavesOutUnknown: true)
    #expect(listing.splits[.train]?.map(\.path) == ["anger/1.png", "happy/1.png"] && !listing.hasSplits)
    #expect(listing.unknownFolders == [.init(path: "contempt", split: nil, files: 3)])
    #expect(throws: TrainingError.self) { try FolderListing.read(folder.path, needsAllClasses: false) }
    let strange = try TemporaryFolder()
    try strange.write([0], to: "contempt/1.png")
    do throws(TrainingError) {
      _ = try FolderListing.read(strange.path, needsAllClasses: false, leavesOutUnknown: true)
      Issue.record("was accepted")
    } catch {
      #expect("\(error)".contains("the folder \"contempt\" is no class"), "\(error)")
    }
  }

  @Test func foldersBesidePartsAndInThemMayBeLeftOut() throws {
    let folder = try TemporaryFolder()
    for path in ["val/angry/1.png", "val/contempt/1.png", "test/angry/1.png", "raw/1.png"] {
      try folder.write([0], to: path)
    }
    let listing = try FolderListing.read(folder.path, needsAllClasses: false, leavesOutUnknown: true)
    #expect(listing.splits[.validation]?.map(\.path) == ["val/angry/1.png"] && listing.splits[.test]?.count == 1)
    #expect(
      listing.unknownFolders == [
        .init(path: "raw", split: nil, files: 1), .init(path: "val/contempt", split: .validation, files: 1),
      ])
  }

  @Test func aClassThatIsTooSmallToSplitIsNamed() throws {
    let folder = try TemporaryFolder()
    try folder.writeClasses(ClassLabels.emotions.names, count: 4, size: 8)
    for index in [1, 2] {
      try FileManager.default.removeItem(at: folder.url.appending(path: "fear/000\(index).pgm"))
    }
    do throws(TrainingError) {
      _ = try FolderListing.read(folder.path).splitForTraining(seed: 1)
      Issue.record("was accepted")
    } catch {
      let message = "the class \"fear\" has 2 pictures; 3 parts (train, validation, test) need at least 3"
      #expect("\(error)".contains(message), "\(error)")
    }
  }

  @Test func votesOnOtherPicturesAreRefusedAndThoseThatFitAreCounted() throws {
    let folder = try TemporaryFolder()
    for split in ["train", "validation", "test"] {
      try folder.writeClasses(ClassLabels.emotions.names, count: 2, size: 8, prefix: "\(split)/")
    }
    var recipe = TrainingRecipe()
    recipe.softLabelShare = 0.5
    func read(_ rows: [String]) throws -> TrainingData {
      let text = (["file,angry,disgust,fear,happy,sad,surprise,neutral"] + rows).joined(separator: "\n")
      try folder.write(Array(text.utf8), to: "votes.csv")
      return try TrainingData.read(
        FolderListing.read(folder.path), recipe: recipe, cacheFolder: folder.url.appending(path: ".cache"),
        softLabels: folder.url.appending(path: "votes.csv").path, duplicates: [])
    }
    let data = try read([
      "train/angry/0000.pgm,5,0,0,0,0,0,5", "train/sad/0001.pgm,0,0,0,0,9,0,0", "train/sad/0000.pgm,0,0,0,0,0,0,0",
      "validation/sad/0000.pgm,0,0,0,0,9,0,0",
    ])
    #expect(data.votes?.voted == 2 && data.votes?.pictures == 14 && data.test?.count == 14)
    let (wrongPath, noVote) = (["angry/0000.pgm,5,0,0,0,0,0,5"], ["train/sad/0000.pgm,0,0,0,0,0,0,0"])
    for (rows, reason) in [
      (wrongPath, "called like \"train/angry/0000.pgm\""), (noVote, "without a vote for any class"),
      ([], "it is empty, they are called like \"train/angry/0000.pgm\""),
    ] {
      do {
        _ = try read(rows)
        Issue.record("was accepted")
      } catch {
        #expect("\(error)".contains("has votes for none of 14 training pictures"), "\(error)")
        #expect("\(error)".contains(reason), "\(error)")
      }
    }
  }
}
