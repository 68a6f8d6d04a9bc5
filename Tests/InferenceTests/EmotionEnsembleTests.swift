import Foundation
import Inference
import TestSupport
import Testing

struct EmotionEnsembleTests {
  static let labels = ["angry", "happy", "sad"]

  /// A small network of its own input size, with weights of its own.
  static func model(size: Int, seed: UInt64, labels: [String] = labels, softmax: Bool = false) throws -> ModelFile {
    var network = NetworkBuilder()
    network.convolution("conv", from: 1, to: 8, kernelSize: 3, stride: 2)
    network.add("relu", .activation(.relu))
    let area = ((size + 1) / 2) * ((size + 1) / 2)
    network.add("fc", .linear(LinearSpec(inputFeatures: 8 * area, outputFeatures: labels.count)))
    if softmax { network.add("softmax", .softmax) }
    let spec = network.model("tiny", inputChannels: 1, inputHeight: size, inputWidth: size)
    return try ModelFile(
      spec: spec, tensors: spec.randomWeights(seed: seed),
      record: ModelRecord(labels: labels, inputMean: 0.5, inputStandardDeviation: 0.25, cropGeometry: ["size": 1]))
  }

  /// Probabilities by the plain executor for one input, in the order of the model's own labels.
  static func reference(_ model: ModelFile, _ input: [Float]) throws -> [Float] {
    let logits = try ReferenceExecutor(spec: model.spec, weights: model.tensors).run(input, batchSize: 1)[0]
    if model.spec.nodes.last!.layer == .softmax { return logits }
    let exponentials = logits.map { exp($0) }
    return exponentials.map { $0 / exponentials.reduce(0, +) }
  }

  static func flipped(_ input: [Float], width: Int) -> [Float] {
    stride(from: 0, to: input.count, by: width).flatMap { input[$0..<$0 + width].reversed() }
  }

  static func write(
    _ models: [(ModelFile, Float)], bias: [String: Double]? = nil, to folder: String
  ) throws {
    var members: [(file: String, weight: Float)] = []
    for (index, (model, weight)) in models.enumerated() {
      try model.write(to: "\(folder)/member\(index).safetensors")
      members.append(("member\(index).safetensors", weight))
    }
    try EnsembleDescription(name: "pair", folder: folder, members: members, labels: labels, bias: bias)
      .write(toFolder: folder)
  }

  @Test func aReplicaGivesTheSameAndAFirstMemberStandsAlone() throws {
    try withTemporaryFolder { folder in
      let first = try Self.model(size: 8, seed: 1)
      try Self.write([(first, 1), (try Self.model(size: 8, seed: 2), 1)], to: folder)
      let ensemble = try EmotionEnsemble(path: folder, precision: .f32)
      let replica = try EmotionEnsemble(replicating: ensemble)
      let alone = try EmotionEnsemble(path: folder, precision: .f32, firstMemberOnly: true)
      #expect(replica.identity == ensemble.identity && alone.identity == ensemble.identity)
      #expect(ensemble.members.count == 2 && alone.members.count == 1)
      var generator = SeededGenerator(seed: 6)
      let input = generator.values(64)
      func run(_ ensemble: EmotionEnsemble) throws -> [Float] {
        for member in ensemble.members { member.withInput(0) { _ = $0.update(fromContentsOf: input) } }
        var result: [Float] = []
        try ensemble.run(count: 1, appendingTo: &result)
        return result
      }
      let result = try run(ensemble)
      #expect(try run(replica) == result)
      for (value, expected) in zip(try run(alone), try Self.reference(first, input)) {
        #expect(abs(value - expected) < 1e-5)
      }
    }
  }

  @Test func membersOfDifferentSizesAndLabelOrdersAreAveraged() throws {
    try withTemporaryFolder { folder in
      let first = try Self.model(size: 8, seed: 1)
      let second = try Self.model(size: 13, seed: 2, labels: ["sad", "angry", "happy"], softmax: true)
      try Self.write([(first, 3), (second, 1)], bias: ["happy": 1.5], to: folder)
      let ensemble = try EmotionEnsemble(path: folder, precision: .f32, threads: 1, maximumCount: 11)
      #expect(ensemble.labels == Self.labels)
      #expect(ensemble.bias.factors == [1, 1.5, 1])
      #expect(ensemble.identity.hasPrefix("pair@"))
      #expect(ensemble.members.map(\.inputHeight) == [8, 13])
      #expect(ensemble.members[1].record.inputMean == 0.5)
      #expect(ensemble.members[0].record.cropGeometry == ["size": 1])

      var generator = SeededGenerator(seed: 5)
      var single: [Float] = []
      var both: [Float] = []
      for face in 0..<11 {
        var sum = [Float](repeating: 0, count: 3)
        var flippedSum = sum
        for (member, model) in zip(ensemble.members, [first, second]) {
          let input = generator.values(member.inputHeight * member.inputWidth)
          member.withInput(face) { _ = $0.update(fromContentsOf: input) }
          let share: Float = member.file == "member0.safetensors" ? 0.75 : 0.25
          let mirrored = Self.flipped(input, width: member.inputWidth)
          for (label, value) in zip(model.record.labels, try Self.reference(model, input)) {
            sum[Self.labels.firstIndex(of: label)!] += share * value
          }
          for (label, value) in zip(model.record.labels, try Self.reference(model, mirrored)) {
            flippedSum[Self.labels.firstIndex(of: label)!] += share * value
          }
        }
        single += sum
        both += zip(sum, flippedSum).map { ($0 + $1) / 2 }
      }
      // 11 = 8 + 2 + 1, 3 = 2 + 1.
      for count in [11, 3, 0, 1] {
        var results: [Float] = [7]
        try ensemble.run(count: count, appendingTo: &results)
        #expect(results.count == 1 + count * 3)
        #expect(relativeError(results, [7] + single.prefix(count * 3)) < 1e-5)
        for row in 0..<count { #expect(abs(results[(1 + row * 3)...(3 + row * 3)].reduce(0, +) - 1) < 1e-5) }
        results = []
        try ensemble.run(count: count, averagingFlips: true, appendingTo: &results)
        if count > 0 { #expect(relativeError(results, Array(both.prefix(count * 3))) < 1e-5) }
        var views: (single: [Float], averaged: [Float]) = ([7], [8])
        try ensemble.run(count: count, appendingSingleTo: &views.single, averagedTo: &views.averaged)
        #expect(relativeError(views.single, [7] + single.prefix(count * 3)) < 1e-5)
        #expect(relativeError(views.averaged, [8] + both.prefix(count * 3)) < 1e-5)
      }
    }
  }

  @Test func anEnsembleMayHaveATemperature() throws {
    try withTemporaryFolder { folder in
      try Self.write([(Self.model(size: 8, seed: 1), 1)], to: folder)
      var description = try EnsembleDescription.read(fromFolder: folder)
      description.temperature = 1.5
      try description.write(toFolder: folder)
      #expect(try EnsembleDescription.read(fromFolder: folder) == description)
      #expect(try EmotionEnsemble(path: folder).bias.temperature == 1.5)
      description.temperature = 0
      #expect(throws: InferenceError.self) { try description.write(toFolder: folder) }
    }
  }

  @Test func oneModelFileIsAnEnsembleOfItself() throws {
    try withTemporaryFolder { folder in
      let model = try Self.model(size: 8, seed: 3)
      try model.write(to: "\(folder)/alone.safetensors")
      let ensemble = try EmotionEnsemble(path: "\(folder)/alone.safetensors", maximumCount: 1)
      #expect(ensemble.name == "alone")
      #expect(ensemble.bias == BiasCorrection(neutral: Self.labels))
      let input = SeededGenerator.picture(8)
      ensemble.members[0].withInput(0) { _ = $0.update(fromContentsOf: input) }
      var results: [Float] = []
      try ensemble.run(count: 1, appendingTo: &results)
      #expect(relativeError(results, try Self.reference(model, input)) < ensemble.members[0].precision.tolerance)
    }
  }

  @Test func aRecordCanForbidAPrecision() throws {
    try withTemporaryFolder { folder in
      var model = try Self.model(size: 8, seed: 3)
      model.record.precisions = [.f32]
      try model.write(to: "\(folder)/alone.safetensors")
      #expect(try EmotionEnsemble(path: "\(folder)/alone.safetensors").members[0].precision == .f32)
    }
  }

  /// What the folder says after a change, and the message that this gives.
  private func message(_ change: (String) throws -> Void) throws -> String {
    try withTemporaryFolder { folder in
      try Self.write([(Self.model(size: 8, seed: 1), 1), (Self.model(size: 9, seed: 2), 1)], to: folder)
      try change(folder)
      let error = #expect(throws: InferenceError.self) { try EmotionEnsemble(path: folder) }
      return error.map { "\($0)" } ?? ""
    }
  }

  private func replace(_ part: String, _ replacement: String, in folder: String) throws {
    let path = "\(folder)/ensemble.json"
    let text = try String(contentsOfFile: path, encoding: .utf8)
    #expect(text.contains(part), "\(text)")
    try text.replacing(part, with: replacement).write(toFile: path, atomically: true, encoding: .utf8)
  }

  @Test func damagedFoldersAreExplained() throws {
    #expect(
      try message { try FileManager.default.removeItem(atPath: "\($0)/member1.safetensors") }.contains("member1"))
    #expect(
      try message { try FileManager.default.removeItem(atPath: "\($0)/ensemble.json") }.contains("cannot open"))
    #expect(try message { try replace("\"v\" : 1", "\"v\" : 2", in: $0) }.contains("found 2"))
    #expect(try message { try replace("average", "vote", in: $0) }.contains("found \"vote\""))
    #expect(try message { try replace("member0", "../member0", in: $0) }.contains("in the same folder"))
    #expect(try message { try replace("\"weight\" : 1", "\"weight\" : 0", in: $0) }.contains("positive weight"))
    #expect(
      try message { try replace("\"weight\" : 1", "\"weight\" : 3e38", in: $0) }.contains("sum is not finite"))
    #expect(try message { try replace("\"happy\"", "\"glad\"", in: $0) }.contains("expected the labels"))
    #expect(try message { try replace("\"happy\"", "\"sad\"", in: $0) }.contains("different labels"))
    #expect(try message { try replace("{", "", in: $0) }.contains("ensemble.json"))
    #expect(
      try message { try Self.model(size: 9, seed: 4).write(to: "\($0)/member1.safetensors") }.contains(
        "expected the SHA-256"))
  }

  @Test func aMissingModelIsNamed() {
    #expect(throws: InferenceError.unreadableFile(path: "/no/such/model", "no such model")) {
      try EmotionEnsemble(path: "/no/such/model")
    }
  }
}

extension SeededGenerator {
  static func picture(_ size: Int) -> [Float] {
    var generator = SeededGenerator(seed: 6)
    return generator.values(size * size)
  }
}
