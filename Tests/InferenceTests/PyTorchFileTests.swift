import Foundation
import Inference
import TestSupport
import Testing

/// Files that PyTorch wrote.
struct PyTorchFileTests {
  static func path(_ name: String) -> String {
    TestData.repository.appending(path: "Tests/Fixtures/pytorch/\(name).pth").path
  }

  private static let shapes = [
    "conv.weight": [4, 3, 3, 3], "bn.weight": [4], "bn.bias": [4], "bn.running_mean": [4], "bn.running_var": [4],
    "fc.weight": [5, 4], "fc.bias": [5],
  ]

  private static let values = Dictionary(
    uniqueKeysWithValues: shapes.map { ($0.key, HashedValues.parameter($0.key, shape: $0.value)) })

  @Test(arguments: ["plain", "protocol5", "deflated", "checkpoint"])
  func aStateDictIsReadWhateverItIsWrappedIn(name: String) throws {
    let state = try StateDict.read(from: Self.path(name))
    #expect(state.tensors == Self.values)
    #expect(state.integers.isEmpty, "the counter of the batch norm is of no interest")
  }

  @Test func viewsAreReadInRowMajorOrder() throws {
    let tensors = try StateDict.read(from: Self.path("views")).tensors
    for name in ["conv.weight", "fc.weight", "bn.weight", "bn.bias", "bn.running_mean"] {
      #expect(tensors[name] == Self.values[name], "\(name)")
    }
    #expect(tensors["scalar"] == Tensor(shape: [], values: [0.5]))
    #expect(tensors["empty"] == Tensor(zeros: [0, 3]))
  }

  @Test func allFloatingPointTypesAreReadAndOthersAreNamed() throws {
    let state = try StateDict.read(from: Self.path("types"))
    for (prefix, tolerance) in [("half", 5e-4), ("brain", 4e-3), ("double", 0)] as [(String, Float)] {
      for name in ["conv.weight", "bn.bias"] {
        let tensor = try #require(state.tensors["\(prefix).\(name)"])
        #expect(tensor.shape == Self.shapes[name])
        #expect(relativeError(tensor.values, Self.values[name]!.values) <= tolerance, "\(prefix).\(name)")
      }
    }
    #expect(state.tensors.count == 6)
    #expect(state.integers == ["position": "I64", "mask": "BOOL"])
  }

  @Test(arguments: [
    ("legacy", "from before version 1.6"), ("legacy", "torch.save(torch.load("),
    ("whole_module", "torch.nn.modules.linear.Linear"), ("whole_module", "state_dict()"),
  ])
  func whatCannotBeReadIsExplained(name: String, message: String) {
    let error = #expect(throws: InferenceError.self) { try StateDict.read(from: Self.path(name)) }
    #expect(error?.description.contains(message) == true, "\(error!)")
    #expect(error?.description.contains("\(name).pth") == true)
  }

  @Test func aModelFileOfOursIsAStateDictToo() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "state-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let spec = ModelSpec.fer48(widths: [8])
    let weights = spec.randomWeights()
    try ModelFile(spec: spec, tensors: weights, record: ModelRecord()).write(to: folder)
    #expect(try StateDict.read(from: folder).tensors == weights)
  }
}
