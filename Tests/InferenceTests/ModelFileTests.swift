import Foundation
import TestSupport
import Testing

@testable import Inference

struct ModelFileTests {
  static let spec = ModelSpec.fer48(widths: [8])

  static func model() throws -> ModelFile {
    try ModelFile(
      spec: spec, tensors: spec.randomWeights(),
      record: ModelRecord(
        labels: ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"], inputMean: 0.5,
        inputStandardDeviation: 0.25, cropGeometry: ["scale": 0.98, "centre": [0.486, 0.497]],
        training: ["seed": 1, "note": "é", "resumed": false, "from": .null], metrics: ["accuracy": 0.687]))
  }

  @Test func aModelIsReadAsItWasWritten() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/model.safetensors"
      let model = try Self.model()
      try model.write(to: path)
      let copy = try ModelFile.read(from: path)
      #expect(copy.spec == model.spec)
      #expect(copy.tensors == model.tensors)
      #expect(copy.record == model.record)
      #expect(copy.checksum?.count == 64)
      // Writing the same again gives the same file.
      try copy.write(to: "\(folder)/again.safetensors")
      #expect(try ModelFile.read(from: "\(folder)/again.safetensors").checksum == copy.checksum)
    }
  }

  /// Reads the model back after a change of its raw content; the message of the error that this gives.
  private func message(_ change: (inout Safetensors) throws -> Void) throws -> String {
    try withTemporaryFolder { folder in
      let path = "\(folder)/model.safetensors"
      try Self.model().write(to: path)
      var content = try Safetensors(contentsOf: path)
      try change(&content)
      try content.write(to: path)
      let error = #expect(throws: InferenceError.self) { try ModelFile.read(from: path) }
      return error.map { "\($0)" } ?? ""
    }
  }

  @Test func wrongParametersAreNamed() throws {
    #expect(try message { $0.tensors["bn1.bias"] = nil } == "parameter \"bn1.bias\": missing")
    #expect(
      try message { $0.tensors["bn1.bias"] = Tensor(zeros: [2, 4]) }
        == "parameter \"bn1.bias\": expected shape [8], found [2, 4]")
    #expect(
      try message { $0.tensors["bn1.extra"] = Tensor(zeros: [8]) }
        == "parameter \"bn1.extra\": unexpected: the network fer48 has no such parameter")
    #expect(
      try message { $0.tensors["fc.bias"]!.values[3] = .nan }
        == "parameter \"fc.bias\": holds values that are not finite")
  }

  @Test func countsOfBatchesAreIgnored() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/model.safetensors"
      try Self.model().write(to: path)
      var content = try Safetensors(contentsOf: path)
      content.tensors["bn1.num_batches_tracked"] = Tensor(shape: [], values: [7])
      try content.write(to: path)
      #expect(try ModelFile.read(from: path).tensors == Self.model().tensors)
    }
  }

  @Test func wrongMetadataAreExplained() throws {
    #expect(try message { $0.metadata["ferd.spec"] = nil }.contains("no \"ferd.spec\""))
    #expect(try message { $0.metadata["format"] = "ferd-model-9" }.contains("found ferd-model-9"))
    #expect(try message { $0.metadata["ferd.spec"] = "{" }.contains("ferd.spec"))
    #expect(
      try message { $0.metadata["ferd.record"] = "{\"labels\":[1]}" }.contains("expected String at labels.[0]"))
    #expect(
      try message {
        $0.metadata["ferd.record"]!.replace("\"inputStandardDeviation\":0.25", with: "\"inputStandardDeviation\":0")
      }.contains("an input standard deviation of 0.0"))
    #expect(
      try message { $0.metadata["ferd.record"]!.replace("\"happy\",", with: "") }.contains(
        "gives [7, 1, 1] for 6 labels"))
  }

  /// Numbers that a damaged file may hold must be refused before anything is computed from them.
  @Test(arguments: [
    ("\"outputChannels\":8", "\"outputChannels\":4611686018427387904"),
    ("\"outputChannels\":8", "\"outputChannels\":-8"), ("\"groups\":1", "\"groups\":0"),
    ("\"inputHeight\":48", "\"inputHeight\":9223372036854775807"), ("\"inputWidth\":48", "\"inputWidth\":0"),
    ("\"height\":3", "\"height\":4611686018427387904"), ("\"height\":3", "\"height\":-1"),
    ("\"epsilon\":1e-05", "\"epsilon\":-1"), ("\"momentum\":0.1", "\"momentum\":-1"),
    ("\"outputFeatures\":7", "\"outputFeatures\":9223372036854775807"),
    ("\"inputFeatures\":8", "\"inputFeatures\":9223372036854775807"), ("\"bn1\"", "\"conv1\""),
    ("\"probability\":0.3", "\"probability\":1"), ("\"relu\"", "\"gelu\""), ("\"convolution\"", "\"attention\""),
    ("\"outputs\":[\"fc\"]", "\"outputs\":[]"), ("\"outputs\":[\"fc\"]", "\"outputs\":[\"input\"]"),
  ])
  func aNetworkOutOfReasonIsRefused(part: String, replacement: String) throws {
    let text = try message {
      let before = $0.metadata["ferd.spec"]!
      $0.metadata["ferd.spec"]!.replace(part, with: replacement)
      let isChanged = $0.metadata["ferd.spec"]! != before
      try #require(isChanged)
    }
    #expect(!text.isEmpty)
  }
}
