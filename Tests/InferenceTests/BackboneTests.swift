import Foundation
import Inference
import TestSupport
import Testing

/// torchvision's networks against torchvision itself.
struct BackboneTests {
  static let fixtures = Fixture.all(in: "backbones")

  /// Made once: millions of values.
  private static let weights: [String: [String: Tensor]] = {
    var result: [String: [String: Tensor]] = [:]
    for fixture in fixtures {
      for channels in [1, 3] {
        let spec = try! ModelSpec.backbone(named: fixture.name, inputChannels: channels)
        result["\(fixture.name)/\(channels)"] = HashedValues.parameters(of: spec)
      }
    }
    return result
  }()

  @Test func thereIsAFixtureForEachOfTorchvisionsNetworks() {
    #expect(Set(Self.fixtures.map(\.name)) == Set(Backbone.allCases.map(\.rawValue)).subtracting(["fer48"]))
  }

  @Test(arguments: fixtures.map(\.name))
  func parametersHaveTorchvisionsNamesAndShapesInItsOrder(name: String) throws {
    struct Entry: Decodable, Equatable {
      var name: String
      var shape: [Int]

      init(from decoder: any Decoder) throws {
        var values = try decoder.unkeyedContainer()
        name = try values.decode(String.self)
        shape = try values.decode([Int].self)
      }
    }
    let fixture = Self.fixtures.first { $0.name == name }!
    let expected = try JSONDecoder().decode([Entry].self, from: Data(fixture.metadata["names"]!.utf8))
    let spec = try ModelSpec.backbone(named: name, inputChannels: 3)
    // torchvision's modules are declared in the order in which they run, but for the projections of ResNet.
    let own = spec.parameters.sorted { $0.name < $1.name }
    #expect(own.map(\.name) == expected.map(\.name).sorted())
    for entry in expected { #expect(own.first { $0.name == entry.name }?.shape == entry.shape, "\(entry.name)") }
  }

  @Test(arguments: fixtures.map(\.name), Precision.testable)
  func logitsAreTorchvisions(name: String, precision: Precision) throws {
    let fixture = Self.fixtures.first { $0.name == name }!
    for (key, expected) in fixture.group("logits/").sorted(by: { $0.key < $1.key }) {
      let numbers = key.split(whereSeparator: { "/x".contains($0) }).map { Int($0)! }
      let (channels, height, width) = (numbers[0], numbers[1], numbers[2])
      let plan = try InferencePlan(
        spec: try ModelSpec.backbone(named: name, inputChannels: channels),
        weights: Self.weights["\(name)/\(channels)"]!, batchSize: 2, inputHeight: height, inputWidth: width,
        precision: precision, threads: 1)
      let input = HashedValues.uniform("input", count: 2 * channels * height * width)
      let error = relativeError(try results(of: plan, for: input)[0], expected.values)
      #expect(error < (precision == .f32 ? 1e-4 : 3e-2), "\(key), \(precision): \(error)")
    }
  }

  @Test(arguments: Backbone.allCases, [16, 33, 48, 224])
  func takesAnySizeOfInputAndAnyNumberOfClasses(backbone: Backbone, size: Int) throws {
    for (channels, classes) in [(1, 2), (3, 1000)] {
      let spec = try ModelSpec.backbone(
        named: backbone.rawValue, inputChannels: channels, classes: classes, imageSize: size, dropout: 0.5)
      #expect(spec.inputHeight == size && spec.inputWidth == size && spec.inputChannels == channels)
      #expect(try spec.inferShapes()[spec.outputs[0]] == FeatureShape(channels: classes, height: 1, width: 1))
      #expect(spec.nodes.contains { $0.layer == .dropout(probability: 0.5) })
    }
  }

  @Test func batchNormDropoutAndStochasticDepthAreTorchvisions() throws {
    func norms(_ name: String) throws -> Set<[Float]> {
      Set(
        try ModelSpec.backbone(named: name).nodes.compactMap {
          if case .batchNorm(let spec) = $0.layer { [spec.epsilon, spec.momentum] } else { nil }
        })
    }
    func dropouts(_ name: String) throws -> [Float] {
      try ModelSpec.backbone(named: name).nodes.compactMap {
        if case .dropout(let probability) = $0.layer { probability } else { nil }
      }
    }
    #expect(try norms("resnet18") == [[1e-5, 0.1]])
    #expect(try norms("efficientnet_b0") == [[1e-5, 0.1]])
    #expect(try norms("mobilenet_v3_small") == [[1e-3, 0.01]])
    #expect(try dropouts("resnet18") == [])
    #expect(try dropouts("efficientnet_b0") == [0.2])
    #expect(try dropouts("mobilenet_v3_small") == [0.2])
    let depths = try ModelSpec.backbone(named: "efficientnet_b0").nodes.compactMap { node -> (String, Float)? in
      if case .stochasticDepth(let probability) = node.layer { (node.name, probability) } else { nil }
    }
    // Of sixteen blocks, numbered from 0, nine have an identity beside them.
    #expect(depths.map { Int(($0.1 * 80).rounded()) } == [2, 4, 6, 7, 9, 10, 12, 13, 14])
    #expect(depths.first?.0 == "features.2.1.stochastic_depth")
  }

  @Test func whatIsNoBackboneIsRefusedWithTheNamesThereAre() {
    let error = #expect(throws: InferenceError.self) { try ModelSpec.backbone(named: "vgg16") }
    #expect(
      error?.description.contains("fer48, resnet18, efficientnet_b0 and mobilenet_v3_small") == true, "\(error!)")
    #expect(throws: InferenceError.self) { try ModelSpec.backbone(named: "resnet18", inputChannels: 2) }
    #expect(throws: InferenceError.self) { try ModelSpec.backbone(named: "resnet18", classes: 0) }
    #expect(throws: InferenceError.self) { try ModelSpec.backbone(named: "resnet18", imageSize: 0) }
  }
}
