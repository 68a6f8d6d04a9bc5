import Foundation
import Inference
import Testing

@testable import Training

/// Runs and their folders: who may work there, and what a run that goes on must find as it was.
struct RunFolderTests {
  private static func settings(_ folder: TemporaryFolder, epochs: Int = 1, resumes: Bool = false)
    -> EmotionTrainer.Settings
  {
    var recipe = EmotionTrainerTests.recipe
    recipe.epochs = epochs
    return .init(recipe: recipe, folder: folder.url, threads: 1, precision: .f32, resumes: resumes)
  }

  private func error(_ body: () throws -> Void) -> String {
    do {
      try body()
    } catch {
      return "\(error)"
    }
    return "nothing was thrown"
  }

  @Test func aSecondRunIsKeptOutUntilTheFirstOneEnds() throws {
    let folder = try TemporaryFolder()
    let first = try EmotionTrainer(Self.settings(folder), data: EmotionTrainerTests.data) { _ in }
    for resumes in [false, true] {
      let problem = error {
        _ = try EmotionTrainer(Self.settings(folder, resumes: resumes), data: EmotionTrainerTests.data) { _ in }
      }
      #expect(problem.contains("another run is at work in"), "\(problem)")
    }
    _ = try first.run()
    _ = try EmotionTrainer(Self.settings(folder, epochs: 2, resumes: true), data: EmotionTrainerTests.data) { _ in }
  }

  @Test func aBestEpochThatIsDamagedOrGoneIsNoticedBeforeTraining() throws {
    let folder = try TemporaryFolder()
    _ = try EmotionTrainer(Self.settings(folder), data: EmotionTrainerTests.data) { _ in }.run()
    let best = folder.url.appending(path: "best.ckpt")
    let whole = try Data(contentsOf: best)
    try whole.dropLast(9).write(to: best)
    let resumed = Self.settings(folder, epochs: 2, resumes: true)
    #expect(
      error { _ = try EmotionTrainer(resumed, data: EmotionTrainerTests.data) { _ in } }.contains("best.ckpt"))
    try FileManager.default.removeItem(at: best)
    #expect(
      error { _ = try EmotionTrainer(resumed, data: EmotionTrainerTests.data) { _ in } }.contains("best.ckpt"))
  }

  @Test func aBestEpochOfAnotherRunIsNoticedBeforeTraining() throws {
    let folder = try TemporaryFolder()
    let other = try TemporaryFolder()
    _ = try EmotionTrainer(Self.settings(folder, epochs: 6), data: EmotionTrainerTests.data) { _ in }.run()
    _ = try EmotionTrainer(Self.settings(other), data: EmotionTrainerTests.data) { _ in }.run()
    let best = folder.url.appending(path: "best.ckpt")
    try FileManager.default.removeItem(at: best)
    try FileManager.default.copyItem(at: other.url.appending(path: "best.ckpt"), to: best)
    let resumed = Self.settings(folder, epochs: 7, resumes: true)
    let problem = error { _ = try EmotionTrainer(resumed, data: EmotionTrainerTests.data) { _ in } }
    #expect(problem.contains("best.ckpt: holds epoch 1, but the best was epoch"), "\(problem)")
  }

  @Test func aRunDoesNotGoOnWithOtherValidationPictures() throws {
    let folder = try TemporaryFolder()
    let data = EmotionTrainerTests.data
    _ = try EmotionTrainer(Self.settings(folder), data: data) { _ in }.run()
    let others = [
      TrainingData(
        training: data.training, validation: EmotionTrainerTests.pictures(33, seed: 2), duplicates: data.duplicates),
      TrainingData(training: data.training, validation: data.validation, duplicates: ["3"]),
    ]
    for other in others {
      let problem = error {
        _ = try EmotionTrainer(Self.settings(folder, epochs: 2, resumes: true), data: other) { _ in }
      }
      #expect(problem.contains("chose its best epoch by other validation pictures"), "\(problem)")
    }
    _ = try EmotionTrainer(Self.settings(folder, epochs: 2, resumes: true), data: data) { _ in }
  }

  @Test func weightsThatAreNoNumbersAreToldAsDivergence() throws {
    let folder = try TemporaryFolder()
    let settings = Self.settings(folder)
    let stem = try settings.recipe.makeSpec(classes: 3).parameters.first { $0.name == "conv1.weight" }!
    // Their results' variance overflows, but normalised by it they are zeros and the loss a number.
    let large = Tensor(shape: stem.shape, values: [Float](repeating: 1e25, count: stem.elementCount))
    let problem = error {
      _ = try EmotionTrainer(settings, data: EmotionTrainerTests.data, initialWeights: [stem.name: large]) { _ in }
        .run()
    }
    #expect(problem.contains("the weights are no numbers any more after epoch 1"), "\(problem)")
  }

  @Test func aRunAmongItsPicturesIsPassedOverWhereverItLies() throws {
    let folder = try TemporaryFolder()
    for path in ["angry/1.png", "happy/1.png", "runs/1/report/a.tsv", "runs/2/x", "report/loss.tsv", "pretrain/x"] {
      try folder.write([0], to: path)
    }
    func classes(passingOver output: URL) throws -> [String] {
      try FolderListing.read(folder.path, labels: ClassLabels(["angry", "happy"]), passingOver: output)
        .splits[.train]!.map(\.path)
    }
    #expect(throws: TrainingError.self, "beside a folder of runs a report is no class") {
      try classes(passingOver: folder.url.appending(path: "runs/1"))
    }
    // Where the pictures' folder is that of the run, it made these.
    try FileManager.default.removeItem(at: folder.url.appending(path: "runs"))
    #expect(try classes(passingOver: folder.url) == ["angry/1.png", "happy/1.png"])
    try FileManager.default.removeItem(at: folder.url.appending(path: "report"))
    try FileManager.default.removeItem(at: folder.url.appending(path: "pretrain"))
    for path in ["runs/1/x", "runs/2/x"] { try folder.write([0], to: path) }
    #expect(try classes(passingOver: folder.url.appending(path: "runs/3")) == ["angry/1.png", "happy/1.png"])
    let link = folder.path + "-link"
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: folder.path)
    defer { try? FileManager.default.removeItem(atPath: link) }
    #expect(try classes(passingOver: URL(fileURLWithPath: "\(link)/runs/3")).count == 2)
    // A class is one, even with a run in it.
    try folder.write([0], to: "happy/run/last.ckpt")
    let inClass = try FolderListing.read(
      folder.path, labels: ClassLabels(["angry", "happy"]), passingOver: folder.url.appending(path: "runs"))
    #expect(inClass.splits[.train]!.map(\.path) == ["angry/1.png", "happy/1.png", "happy/run"])
    try FileManager.default.removeItem(at: folder.url.appending(path: "runs"))
    #expect(
      try classes(passingOver: folder.url.appending(path: "happy/run")) == ["angry/1.png", "happy/1.png"])
  }
}
