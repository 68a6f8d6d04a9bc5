import Foundation
import TestSupport
import Testing

@testable import Inference

struct WeightTransferTests {
  private static let spec = ModelSpec.fer48(widths: [8])

  private func state(_ tensors: [String: Tensor], integers: [String: String] = [:]) -> StateDict {
    StateDict(tensors: tensors, integers: integers, path: "file")
  }

  @Test func takesEverythingWhereEverythingFits() throws {
    let weights = Self.spec.randomWeights()
    let transfer = try WeightTransfer(state(weights), to: Self.spec)
    #expect(transfer.tensors == weights)
    #expect(transfer.report == ["weights from file: \(weights.count) of \(weights.count) parameters taken over"])
  }

  @Test func aFusedNetworkTakesOneFileForEachOfItsBackbones() throws {
    let backbones = [Backbone.fer48, .mobileNetV3Small]
    let target = ModelSpec.fused(backbones, imageSize: 48)
    let parts = backbones.map { state($0.makeSpec().randomWeights()) }
    let both = try WeightTransfer(.fused(parts, for: backbones), to: target)
    let shared = target.parameters.map(\.name).filter { $0.hasPrefix("backbones.") }
    #expect(Set(both.tensors.keys) == Set(shared))
    #expect(
      both.tensors["backbones.mobilenet_v3_small.features.0.0.weight"] == parts[1].tensors["features.0.0.weight"])
    #expect(both.missing.contains("classifier.weight") && both.unexpected.contains("backbones.fer48.fc.bias"))
    #expect(both.report[0].hasPrefix("weights from file, file: "))

    // In any order, and the second backbone's alone.
    #expect(try WeightTransfer(.fused(parts.reversed(), for: backbones), to: target).tensors == both.tensors)
    let second = try WeightTransfer(.fused([parts[1]], for: backbones), to: target)
    #expect(second.tensors.keys.allSatisfy { $0.hasPrefix("backbones.mobilenet_v3_small.") })

    let one = try WeightTransfer(.fused([parts[0]], for: backbones), to: target)
    #expect(one.tensors.keys.allSatisfy { $0.hasPrefix("backbones.fer48.") } && !one.tensors.isEmpty)
    let whole = state(target.randomWeights())
    #expect(try WeightTransfer(.fused([whole], for: backbones), to: target).tensors == whole.tensors)
  }

  @Test func aFileThatFitsNoBackboneIsRefusedAndSoIsOneTooMany() {
    let backbones = [Backbone.fer48, .mobileNetV3Small]
    func file(_ path: String, _ tensors: [String: Tensor]) -> StateDict { StateDict(tensors: tensors, path: path) }
    let good = file("good", Backbone.fer48.makeSpec().randomWeights())
    let whole = file("whole", ModelSpec.fused(backbones, imageSize: 48).randomWeights())
    for (parts, message) in [
      ([good, file("junk", ["a": Tensor(zeros: [1])])], "junk: fits none of the networks"),
      (
        [good, file("twice", good.tensors)], "twice: fits none of the networks that no other file is for: mobilenet"
      ),
      ([good, whole], "whole: holds \"backbones.fer48."),
    ] {
      let error = #expect(throws: InferenceError.self) { try StateDict.fused(parts, for: backbones) }
      #expect(error?.description.contains(message) == true, "\(error!)")
    }
    // The last layers of these have one name.
    #expect(throws: InferenceError.self) { try StateDict.fused([good, good], for: [.fer48, .resnet18]) }
  }

  @Test func aFusedFileKeepsItsClasses() throws {
    var whole = state(ModelSpec.fused([.fer48, .mobileNetV3Small], imageSize: 48).randomWeights())
    whole.labels = ["x", "y"]
    #expect(try StateDict.fused([whole], for: [.fer48, .mobileNetV3Small]).labels == ["x", "y"])
  }

  @Test func wholeNumbersAreToldAndSoIsANegativeVariance() throws {
    var source = Self.spec.randomWeights()
    source["bn1.weight"] = nil
    let transfer = try WeightTransfer(state(source, integers: ["bn1.weight": "I64"]), to: Self.spec)
    #expect(transfer.missing.isEmpty && transfer.unexpected.isEmpty)
    #expect(transfer.report.contains("whole numbers in the file, starting anew: bn1.weight (I64)"))
    source["bn1.running_var"] = Tensor(shape: [8], values: [1, 1, 1, -0.5, 1, 1, 1, 1])
    let error = #expect(throws: InferenceError.self) { try WeightTransfer(state(source), to: Self.spec) }
    #expect(error?.description.contains("\"bn1.running_var\": holds a variance of -0.5") == true, "\(error!)")
  }

  @Test func aLastLayerThatStartsAnewMayHoldAnything() throws {
    var source = ModelSpec.fer48(classes: 1000, widths: [8]).randomWeights()
    source["fc.bias"]!.values[0] = .nan
    #expect(try WeightTransfer(state(source), to: Self.spec).replaced.count == 2)
  }

  @Test(arguments: [(["x", "y"], 0), (["y", "x"], 2), (["x", "z"], 2)])
  func theLastLayerStartsAnewForOtherClasses(labels: [String], replaced: Int) throws {
    let spec = ModelSpec.fer48(classes: 2, widths: [8])
    let path = FileManager.default.temporaryDirectory.appending(path: "ferd-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try ModelFile(spec: spec, tensors: spec.randomWeights(), record: ModelRecord(labels: ["x", "y"])).write(
      to: path)
    let transfer = try WeightTransfer(.read(from: path), to: spec, labels: labels)
    #expect(transfer.replaced.count == replaced)
    #expect(transfer.tensors.count == transfer.total - replaced)
  }

  @Test func namesOfWrappersAndCountersDoNotMatter() throws {
    let weights = Self.spec.randomWeights()
    let wrapped = Dictionary(uniqueKeysWithValues: weights.map { ("module._orig_mod.\($0.key)", $0.value) })
    let counter = ["module._orig_mod.bn1.num_batches_tracked": "I64"]
    let transfer = try WeightTransfer(state(wrapped, integers: counter), to: Self.spec)
    #expect(transfer.tensors == weights && transfer.unexpected.isEmpty)
    // As `AveragedModel` writes it: with something of its own beside.
    let averaged = try WeightTransfer(
      state(wrapped.merging(["scale": Tensor(zeros: [1])]) { $1 }, integers: ["n_averaged": "I64"]), to: Self.spec)
    #expect(averaged.tensors == weights && averaged.unexpected == ["n_averaged", "scale"])
    // Two that would be one stay two.
    let both = StateDict(
      tensors: ["module.a": Tensor(zeros: [1]), "_orig_mod.a": Tensor(zeros: [2]), "module.b": Tensor(zeros: [3])],
      integers: ["b": "I64"], path: "file")
    #expect(Set(both.tensors.keys) == ["module.a", "_orig_mod.a", "module.b"])
  }

  @Test func aLastLayerForOtherClassesStartsAnew() throws {
    let source = ModelSpec.fer48(classes: 1000, widths: [8]).randomWeights()
    let transfer = try WeightTransfer(state(source), to: Self.spec)
    #expect(transfer.replaced == ["fc.weight", "fc.bias"])
    #expect(transfer.tensors.count == source.count - 2 && transfer.mismatched.isEmpty)
    #expect(transfer.report.contains("last layer for other classes, starting anew: fc.weight, fc.bias"))
  }

  @Test func whatIsMissingMisshapenOrTooMuchIsTold() throws {
    var source = Self.spec.randomWeights()
    source["bn1.bias"] = nil
    source["layer1.0.bn1.bias"] = Tensor(zeros: [9])
    source["aux.weight"] = Tensor(zeros: [2, 2])
    let transfer = try WeightTransfer(state(source, integers: ["position": "I64"]), to: Self.spec)
    #expect(transfer.missing == ["bn1.bias"])
    #expect(transfer.mismatched.map(\.name) == ["layer1.0.bn1.bias"])
    #expect(transfer.unexpected == ["aux.weight", "position"])
    #expect(transfer.tensors.count == Self.spec.parameters.count - 2)
    let report = transfer.report.joined(separator: "\n")
    #expect(report.contains("of another shape, starting anew: layer1.0.bn1.bias ([9], not [8])"))
    #expect(report.contains("not in the file, starting anew: bn1.bias"))
    #expect(report.contains("in the file, but not in the network: aux.weight, position"))
  }

  @Test(arguments: [(3, 1), (1, 3)])
  func theFirstConvolutionIsFittedToTheChannels(from: Int, to: Int) throws {
    let source = ModelSpec.fer48(inputChannels: from, widths: [8])
    let target = ModelSpec.fer48(inputChannels: to, widths: [8])
    let weights = source.randomWeights()
    let transfer = try WeightTransfer(state(weights), to: target)
    #expect(transfer.converted == ["conv1.weight"])
    #expect(transfer.tensors["conv1.weight"]?.shape == [8, to, 3, 3])
    let what = to == 1 ? "those of three summed for one" : "a third of the one for each of three"
    #expect(transfer.report.contains("fitted to the number of input channels, \(what): conv1.weight"))
    var generator = SeededGenerator(seed: 3)
    let plane = generator.values(20 * 20)
    let logits = try [(source, weights, from), (target, transfer.tensors, to)].map { spec, weights, channels in
      let plan = try InferencePlan(
        spec: spec, weights: weights, batchSize: 1, inputHeight: 20, inputWidth: 20, precision: .f32, threads: 1)
      return try results(of: plan, for: (0..<channels).flatMap { _ in plane })[0]
    }
    #expect(relativeError(logits[1], logits[0]) < 1e-5)
  }

  @Test func aFileForSomethingElseIsRefused() throws {
    let other = try ModelSpec.backbone(named: "mobilenet_v3_small").randomWeights()
    let error = #expect(throws: InferenceError.self) { try WeightTransfer(state(other), to: Self.spec) }
    #expect(error?.description.contains("nothing in it fits the network fer48") == true)
    #expect(throws: InferenceError.self) { try WeightTransfer(state([:]), to: Self.spec) }
  }

  @Test func valuesThatAreNotFiniteAreRefused() throws {
    var source = Self.spec.randomWeights()
    source["bn1.bias"]!.values[3] = .nan
    let error = #expect(throws: InferenceError.self) { try WeightTransfer(state(source), to: Self.spec) }
    #expect(error?.description.contains("bn1.bias") == true)
  }
}
