import Foundation
import Inference
import Testing

@testable import Training

struct DetectorTrainerTests {
  private func recipe() -> DetectorRecipe {
    var recipe = DetectorRecipe()
    recipe.canvasWidth = 64
    recipe.canvasHeight = 64
    recipe.batchSize = 2
    recipe.alternateCanvas = DetectorRecipe.Canvas(width: 128, height: 64, batchSize: 1)
    recipe.steps = 6
    recipe.warmUpSteps = 2
    recipe.precision = .f32
    return recipe
  }

  private func run(
    _ trainer: DetectorTrainer, _ library: DetectorLibrary, until step: Int
  ) throws -> [DetectorTrainer.Progress] {
    var all: [DetectorTrainer.Progress] = []
    try trainer.run(library: library) {
      all.append($0)
      return $0.step < step
    }
    return all
  }

  @Test func aResumedRunGivesTheSameWeightsBitForBit() throws {
    let library = try DetectorCanvasTests.library()
    let path = FileManager.default.temporaryDirectory.appending(path: "detector-\(UUID()).checkpoint").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let whole = try DetectorTrainer(recipe: recipe(), threads: 1)
    _ = try run(whole, library, until: 6)
    #expect(whole.isFinished)

    let first = try DetectorTrainer(recipe: recipe(), threads: 1)
    _ = try run(first, library, until: 3)
    try first.save(to: path)
    let second = try DetectorTrainer(recipe: DetectorTrainer.recipe(ofCheckpoint: path), threads: 1)
    try second.restore(from: path)
    #expect(second.step == 3)
    _ = try run(second, library, until: 6)
    #expect(second.averagedTensors == whole.averagedTensors)
    #expect(second.phases == [.init(endStep: 6, recipe: recipe())])

    var other = recipe()
    other.alternateCanvas = nil
    let third = try DetectorTrainer(recipe: other, threads: 1)
    try third.restore(from: path)
    #expect(third.phases.map(\.endStep) == [3, 3])
  }

  @Test func theLossFalls() throws {
    let library = try DetectorCanvasTests.library()
    var recipe = recipe()
    recipe.steps = 80
    recipe.warmUpSteps = 5
    recipe.batchSize = 4
    recipe.alternateCanvas = nil
    let all = try run(DetectorTrainer(recipe: recipe, threads: 1), library, until: 80)
    func mean(_ part: ArraySlice<DetectorTrainer.Progress>) -> Float {
      part.reduce(0) { $0 + $1.loss } / Float(part.count)
    }
    #expect(mean(all[70...]) < 0.75 * mean(all[..<10]))
  }

  @Test func settingsThatMakeNoSenseAreRefused() {
    var wrong = recipe()
    wrong.canvasWidth = 100
    #expect(throws: TrainingError.self) { try wrong.validate() }
    wrong = recipe()
    wrong.alternateCanvas?.batchSize = 0
    #expect(throws: TrainingError.self) { try wrong.validate() }
    wrong = recipe()
    wrong.warmUpSteps = 7
    #expect(throws: TrainingError.self) { try wrong.validate() }
    wrong = recipe()
    wrong.learningRate = .nan
    #expect(throws: TrainingError.self) { try wrong.validate() }
  }

  @Test(arguments: [
    "{}", "{\"file\":\"../a.jpg\",\"width\":9,\"height\":9,\"split\":\"train\",\"faces\":[]}",
    "{\"file\":\"a.jpg\",\"width\":0,\"height\":9,\"split\":\"train\",\"faces\":[]}",
    "{\"file\":\"a.jpg\",\"width\":9,\"height\":9,\"split\":\"test\",\"faces\":[]}",
    "{\"file\":\"a.jpg\",\"width\":9,\"height\":9,\"split\":\"train\",\"faces\":[{\"box\":[1,2,0,4],\"landmarks\":[]}]}",
    "{\"file\":\"a.jpg\",\"width\":9,\"height\":9,\"split\":\"train\",\"faces\":[{\"box\":[1,2,3,4],\"landmarks\":[[1,2]]}]}",
  ])
  func damagedLabelsNameTheirLine(_ line: String) throws {
    let good = "{\"file\":\"a/b.jpg\",\"width\":9,\"height\":9,\"split\":\"train\",\"faces\":[]}\n"
    #expect(try FaceAnnotation.read(jsonLines: Data(good.utf8), path: "x").count == 1)
    let error = #expect(throws: TrainingError.self) {
      try FaceAnnotation.read(jsonLines: Data((good + line + "\n").utf8), path: "labels.jsonl")
    }
    #expect(error?.description.contains("labels.jsonl: line 2") == true)
  }
}
