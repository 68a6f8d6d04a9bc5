import Foundation
import TestSupport
import Testing

@testable import Inference

/// State dicts as models: what the declaration adds, and how their input is normalised.
struct ModelDeclarationTests {
  private let folder = FileManager.default.temporaryDirectory.appending(path: "declared-\(UUID().uuidString)")

  private func write(_ tensors: [String: Tensor], _ name: String = "file.pth") throws -> String {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let path = folder.appending(path: name).path
    if name.hasSuffix(".pth") {
      try Data(PyTorchWriter.file(tensors)).write(to: URL(fileURLWithPath: path))
    } else {
      try Safetensors(tensors: tensors).write(to: path)
    }
    return path
  }

  private func remove() { try? FileManager.default.removeItem(at: folder) }

  @Test(arguments: ["file.pth", "file.safetensors"])
  func aStateDictBecomesAModelOfSevenEmotions(name: String) throws {
    defer { remove() }
    let spec = ModelSpec.fer48()
    let weights = spec.randomWeights()
    let path = try write(weights, name)
    let model = try ModelFile.read(from: path, as: ModelDeclaration(backbone: .fer48))
    #expect(model.spec == spec && model.tensors == weights)
    #expect(model.record.labels == ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"])
    #expect(abs(model.record.inputMean - 0.449) < 1e-6)
    #expect(abs(model.record.inputStandardDeviation - 0.226) < 1e-6)
    #expect(model.checksum?.count == 64)
  }

  @Test func whatIsNotSaidOrContradictsIsExplained() throws {
    defer { remove() }
    let three = try write(ModelSpec.fer48(classes: 3).randomWeights())
    let own = folder.appending(path: "own.safetensors").path
    let spec = ModelSpec.fer48(classes: 2, widths: [8])
    try ModelFile(spec: spec, tensors: spec.randomWeights(), record: ModelRecord(labels: ["a", "b"])).write(to: own)
    for (path, declaration, message) in [
      (three, ModelDeclaration(), "its backbone must be named, fer48, resnet18"),
      (three, ModelDeclaration(backbone: .fer48), "3 classes, whose labels must be named"),
      (three, ModelDeclaration(backbone: .fer48, labels: ["a", "b"]), "2 labels for a network of 3 classes"),
      (three, ModelDeclaration(backbone: .efficientNetB0, labels: ["a", "b", "c"]), "not for efficientnet_b0"),
      (three, ModelDeclaration(backbone: .resnet18, labels: ["a", "b", "c"]), "parameter"),
      (own, ModelDeclaration(backbone: .resnet18), "holds the network fer48, not resnet18"),
      (own, ModelDeclaration(labels: ["b", "a"]), "its labels are a, b, not b, a"),
      (own, ModelDeclaration(imageSize: 64), "its input is 48x48, not 64x64"),
    ] {
      let error = #expect(throws: InferenceError.self) { try ModelFile.read(from: path, as: declaration) }
      #expect(error?.description.contains(message) == true, "\(error!)")
    }
    #expect(try ModelFile.read(from: own, as: ModelDeclaration(backbone: .fer48)).record.labels == ["a", "b"])
    let named = ModelDeclaration(backbone: .fer48, labels: ["a", "b", "c"], imageSize: 64)
    #expect(try ModelFile.read(from: three, as: named).spec.inputHeight == 64)
  }

  /// What an ensemble of one makes of a plane that was normalised as its record says.
  private func probabilities(_ path: String, _ luma: [Float], flips: Bool = false) throws -> [Float] {
    let ensemble = try EmotionEnsemble(
      path: path, as: ModelDeclaration(backbone: .fer48, imageSize: 32), precision: .f32, maximumCount: 1)
    let record = ensemble.members[0].record
    ensemble.members[0].withInput(0) { input in
      for index in input.indices { input[index] = (luma[index] - record.inputMean) / record.inputStandardDeviation }
    }
    var result: [Float] = []
    try ensemble.run(count: 1, averagingFlips: flips, appendingTo: &result)
    return result
  }

  @Test(arguments: [false, true])
  func eachOfThreeChannelsIsNormalisedAsInTorchvision(flips: Bool) throws {
    defer { remove() }
    let spec = ModelSpec.fer48(inputChannels: 3)
    let weights = spec.randomWeights()
    var generator = SeededGenerator(seed: 9)
    let luma = generator.values(32 * 32, in: 0...1)
    let mirrored = luma.indices.map { luma[$0 / 32 * 32 + 31 - $0 % 32] }
    let plan = try InferencePlan(
      spec: spec, weights: weights, batchSize: 1, inputHeight: 32, inputWidth: 32, precision: .f32, threads: 1)
    let rows = try (flips ? [luma, mirrored] : [luma]).map { plane in
      let channels = zip([0.485, 0.456, 0.406] as [Float], [0.229, 0.224, 0.225] as [Float]).flatMap {
        mean, deviation in
        plane.map { ($0 - mean) / deviation }
      }
      let logits = try results(of: plan, for: channels)[0].map { exp(Double($0)) }
      return logits.map { Float($0 / logits.reduce(0, +)) }
    }
    let expected = rows[0].indices.map { index in rows.reduce(0) { $0 + $1[index] } / Float(rows.count) }
    #expect(relativeError(try probabilities(try write(weights), luma, flips: flips), expected) < 1e-4)
  }

  @Test func threeChannelsOfOneNormalisationAreFoldedIntoOne() throws {
    defer { remove() }
    let spec = ModelSpec.fer48(inputChannels: 3, widths: [8, 16])
    let model = try ModelFile(
      spec: spec, tensors: spec.randomWeights(), record: ModelRecord(labels: ModelDeclaration.emotions))
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let path = folder.appending(path: "three.safetensors").path
    try model.write(to: path)
    let ensemble = try EmotionEnsemble(path: path, precision: .f32, maximumCount: 1)
    #expect(ensemble.members[0].spec.inputChannels == 1)
    var generator = SeededGenerator(seed: 10)
    let plane = generator.values(48 * 48)
    ensemble.members[0].withInput(0) { _ = $0.update(fromContentsOf: plane) }
    var result: [Float] = []
    try ensemble.run(count: 1, appendingTo: &result)
    let plan = try InferencePlan(
      spec: spec, weights: model.tensors, batchSize: 1, precision: .f32, threads: 1)
    let logits = try results(of: plan, for: plane + plane + plane)[0].map { exp(Double($0)) }
    #expect(relativeError(result, logits.map { Float($0 / logits.reduce(0, +)) }) < 1e-4)
  }

  @Test func aRecordWithMeansForOtherChannelsIsRefused() throws {
    let spec = ModelSpec.fer48(widths: [8])
    var record = ModelRecord()
    record.channelMeans = [0.5, 0.5, 0.5]
    record.channelStandardDeviations = [1, 1, 1]
    #expect(throws: InferenceError.self) {
      try ModelFile(spec: spec, tensors: spec.randomWeights(), record: record)
    }
    record.channelMeans = [0.5]
    #expect(throws: InferenceError.self) {
      try ModelFile(spec: spec, tensors: spec.randomWeights(), record: record)
    }
    record.channelStandardDeviations = [0]
    #expect(throws: InferenceError.self) {
      try ModelFile(spec: spec, tensors: spec.randomWeights(), record: record)
    }
  }
}
