import Inference
import TestSupport
import Testing

@testable import Training

/// Which of oneDNN's kernels serve torchvision's networks at 224 and 48 pixels. Its reference loops are up to a hundred times
/// slower than compiled ones, and which one it takes depends on shape and layout.
struct BackboneKernelTests {
  static let names = Fixture.all(in: "backbones").map(\.name)

  private func slow(_ steps: [(name: String, implementation: String)], of spec: ModelSpec) -> [String] {
    // Fully connected layers are matrix products; only with AVX-512 are there kernels that do better, and with matrix
    // registers none for the gradient of the weights of small batches.
    let products = spec.nodes.filter { node in
      if case .linear = node.layer { !DNNL.hasAVX512 || MatrixConvolution.isAvailable } else { false }
    }.map(\.name)
    return steps.filter { step in
      // A handful of values: the logits, and the factors of 120 channels, which do not fill their blocks.
      let isTiny = [": result", "gradient of a result", "features.7.block.2.scale_activation: forward"].contains {
        step.name.hasSuffix($0)
      }
      let isProduct = products.contains { step.name.hasPrefix($0) }
      let slowKinds = ["ref", "simple"] + (isProduct ? [] : ["gemm"])
      return !isTiny && step.implementation.split(separator: ":").contains { slowKinds.contains(String($0)) }
    }.map { "\($0.name): \($0.implementation)" }
  }

  @Test(arguments: names, Precision.allCases)
  func noReferenceLoopIsOnTheWay(name: String, precision: Precision) throws {
    guard precision == .f32 || Precision.fastest == .bf16 else { return }
    let spec = try ModelSpec.backbone(named: name)
    let store = ParameterStore(spec: spec, seed: 1)
    for batchSize in [1, 8] {
      let plan = try InferencePlan(
        spec: spec, weights: store.exportTensors(), batchSize: batchSize, precision: precision, threads: 2)
      #expect(slow(plan.operations, of: spec) == [], "inference, batch \(batchSize)")
    }
    #expect(try slow(trainingSteps(of: spec, store, precision), of: spec) == [], "training")
  }

  /// Where the last maps have two pixels a side oneDNN has no compiled kernels without AVX-512, but matrix products.
  @Test(arguments: names, Precision.allCases)
  func noReferenceLoopIsOnTheWayAt48Pixels(name: String, precision: Precision) throws {
    guard precision == .f32 || Precision.fastest == .bf16 else { return }
    var spec = try ModelSpec.backbone(named: name)
    (spec.inputHeight, spec.inputWidth) = (48, 48)
    let steps = try trainingSteps(of: spec, ParameterStore(spec: spec, seed: 1), precision)
    #expect(slow(steps, of: spec).filter { !$0.contains("gemm") } == [])
  }

  /// For the mean over one pixel with the channels last oneDNN has a kernel that writes to address 0.
  @Test(arguments: names, Precision.testable)
  func mapsOfOnePixelAreTrained(name: String, precision: Precision) throws {
    var spec = try ModelSpec.backbone(named: name)
    (spec.inputHeight, spec.inputWidth) = (32, 32)
    let store = ParameterStore(spec: spec, seed: 1)
    let graph = try TrainableGraph(spec: spec, parameters: store, batchSize: 8, precision: precision, threads: 1)
    var random = RandomGenerator(seed: 17)
    for index in graph.input.indices { graph.input[index] = random.uniform(-1, 1) }
    try graph.forward(.train)
    let gradient = graph.outputGradient(0)
    for index in gradient.indices { gradient[index] = random.uniform(-1, 1) }
    try graph.backward()
    #expect(store.gradients.allSatisfy(\.isFinite) && store.gradients.contains { $0 != 0 })
  }

  private func trainingSteps(
    of spec: ModelSpec, _ store: ParameterStore, _ precision: Precision
  ) throws -> [(name: String, implementation: String)] {
    let graph = try TrainableGraph(spec: spec, parameters: store, batchSize: 4, precision: precision, threads: 2)
    graph.input.update(repeating: 0)
    return try graph.profile().map { ($0.name, $0.implementation) }
  }
}
