import Foundation
import Inference
import Testing

@testable import Training

/// Learning from other networks.
struct DistillationTests {
  /// The usual pictures with the classes in another order, or with labels that say nothing.
  private static func pictures(
    _ count: Int, seed: UInt64, labels: ClassLabels = EmotionTrainerTests.labels,
    label: (Int) -> Int
  ) -> PictureSet {
    let source = EmotionTrainerTests.pictures(count, seed: seed)
    let files = source.files.enumerated().map { PictureFile(path: $1.path, label: label($0)) }
    let pixels = files.indices.flatMap { index in source.withPixels(of: index) { Array($0) } }
    return PictureSet(imageSize: 16, labels: labels, files: files, pixels: pixels)
  }

  /// Knows the three classes, in the order opposite to the learners', and takes larger pictures.
  private static func teacher(in folder: TemporaryFolder, epochs: Int = 16) throws -> Distillation {
    let labels = ClassLabels(EmotionTrainerTests.labels.names.reversed())
    let data = TrainingData(
      training: pictures(80, seed: 1, labels: labels) { 2 - $0 % 3 },
      validation: pictures(30, seed: 2, labels: labels) { 2 - $0 % 3 }, duplicates: [])
    var recipe = EmotionTrainerTests.recipe
    recipe.epochs = epochs
    recipe.imageSize = 24
    recipe.seed = 5
    _ = try EmotionTrainerTests.train(recipe, on: data, in: folder.url)
    let path = folder.url.appending(path: "model.safetensors").path
    return try Distillation { try EmotionEnsemble(path: path, precision: .f32) }
  }

  @Test(arguments: [0, 1] as [Float]) func whatLabelsDoNotSayIsLearnedFromTheTeacher(_ share: Float) throws {
    let (first, second) = (try TemporaryFolder(), try TemporaryFolder())
    let teacher = try Self.teacher(in: first)
    var random = RandomGenerator(seed: 3)
    let data = TrainingData(
      training: Self.pictures(80, seed: 1) { _ in Int(random.uniform(0, 3)) },
      validation: EmotionTrainerTests.pictures(30, seed: 2), duplicates: [])
    var recipe = EmotionTrainerTests.recipe
    recipe.epochs = 20
    recipe.distillationShare = share
    let accuracies = try EmotionTrainerTests.train(recipe, on: data, in: second.url, teachers: teacher)
      .epochs.map(\.validation.accuracy)
    if share == 1 {
      #expect(accuracies.max()! > 0.85, "\(accuracies)")
    } else {
      #expect(accuracies.last! < 0.7, "\(accuracies)")
    }
    let model = try ModelFile.read(from: second.url.appending(path: "model.safetensors").path)
    #expect(model.record.training?["teachers"] == .array([.string(teacher.identity)]))
  }

  @Test func aRunWithATeacherResumesBitForBitAndWithNoOther() throws {
    let folders = try (0..<3).map { _ in try TemporaryFolder() }
    let teacher = try Self.teacher(in: folders[0], epochs: 1)
    var recipe = EmotionTrainerTests.recipe
    recipe.epochs = 2
    recipe.earlyImageSize = 20
    recipe.earlyEpochs = 1
    _ = try EmotionTrainerTests.train(recipe, in: folders[1].url, teachers: teacher)
    _ = try EmotionTrainerTests.train(recipe, in: folders[2].url, teachers: teacher, stopAfterSteps: 7)
    let error = #expect(throws: TrainingError.self) {
      _ = try EmotionTrainerTests.train(recipe, in: folders[2].url, resumes: true)
    }
    #expect(error?.description.contains("learned from \(teacher.identity), this run would go on without") == true)
    _ = try EmotionTrainerTests.train(recipe, in: folders[2].url, teachers: teacher, resumes: true)
    let checkpoints = try folders[1...].map {
      try Checkpoint.read(from: $0.url.appending(path: "last.ckpt").path)
    }
    for name in checkpoints[0].bufferNames {
      #expect(checkpoints[0].values(name) == checkpoints[1].values(name), "\(name)")
    }
  }

  @Test func aTeacherOfOtherClassesIsRefused() throws {
    let (first, second) = (try TemporaryFolder(), try TemporaryFolder())
    let teacher = try Self.teacher(in: first, epochs: 1)
    let labels = ClassLabels(["angry", "happy", "calm"])
    let data = TrainingData(
      training: Self.pictures(30, seed: 1, labels: labels) { $0 % 3 },
      validation: Self.pictures(30, seed: 2, labels: labels) { $0 % 3 }, duplicates: [])
    let error = #expect(throws: TrainingError.self) {
      _ = try EmotionTrainerTests.train(EmotionTrainerTests.recipe, on: data, in: second.url, teachers: teacher)
    }
    #expect(error?.description.contains("knows the classes") == true, "\(error!)")
  }
}
