/// Takes over of a state dict what fits a network, and says what was taken and what was not.
///
/// - A parameter fits where name and shape are the same.
/// - The convolutions that read the input are summed over the channels where the network has one and the file has three,
///   and divided where it is the other way round: with the same plane for each channel the result stays the same.
/// - The last layer is left out as a whole where its size differs, or where the file names other classes or another order of
///   them: it starts anew.
public struct WeightTransfer: Sendable {
  /// What fits, by name.
  public private(set) var tensors: [String: Tensor] = [:]
  /// Names of weights that were brought from one number of input channels to another: summed over three for one, or spread
  /// over three.
  public private(set) var converted: [String] = []
  /// Names of the last layer's parameters, where it starts anew.
  public private(set) var replaced: [String] = []
  /// Names of which the file has whole numbers, with their types.
  public private(set) var integers: [(name: String, type: String)] = []
  /// Names that the file lacks.
  public private(set) var missing: [String] = []
  /// Other names whose shapes differ, with both.
  public private(set) var mismatched: [(name: String, expected: [Int], found: [Int])] = []
  /// Names that the network has not.
  public private(set) var unexpected: [String] = []
  /// Number of parameters and statistics of the network.
  public let total: Int
  private let inputChannels: Int
  private let path: String

  /// - Parameter labels: The network's classes, where they are known.
  /// - Throws: `unreadableFile` where not one weight of a convolution or linear layer fits, `parameter` where one is not
  ///   finite, or a variance negative.
  public init(_ source: StateDict, to spec: ModelSpec, labels: [String]? = nil) throws(InferenceError) {
    path = source.path
    inputChannels = spec.inputChannels
    let parameters = spec.parameters
    total = parameters.count
    let stems = Set((spec.inputConvolutions ?? []).map { "\(spec.nodes[$0].name).weight" })
    let classifier = spec.nodes.last { if case .linear = $0.layer { true } else { false } }
    let head = (classifier?.layer.parameters ?? []).map {
      ParameterSpec("\(classifier!.name).\($0.name)", $0.shape)
    }
    let hasOtherClasses = source.labels != nil && labels != nil && source.labels != labels
    let startsAnew = head.contains { parameter in
      source.integers[parameter.name] != nil
        || source.tensors[parameter.name].map { hasOtherClasses || $0.shape != parameter.shape } ?? false
    }
    let variances = Set(
      spec.nodes.filter { if case .batchNorm = $0.layer { true } else { false } }.map { "\($0.name).running_var" })
    for parameter in parameters {
      let name = parameter.name
      guard let tensor = source.tensors[name] else {
        if let type = source.integers[name] {
          integers.append((name, type))
        } else {
          missing.append(name)
        }
        continue
      }
      if startsAnew, head.contains(where: { $0.name == name }) {
        replaced.append(name)
        continue
      }
      guard FileBytes.areFinite(tensor.values) else {
        throw .parameter(name: name, "holds values that are not finite")
      }
      if variances.contains(name), let least = tensor.values.min(), least < 0 {
        throw .parameter(name: name, "holds a variance of \(least)")
      }
      if tensor.shape == parameter.shape {
        tensors[name] = tensor
      } else if stems.contains(name), let fitting = Self.converted(tensor, to: parameter.shape) {
        tensors[name] = fitting
        converted.append(name)
      } else {
        mismatched.append((name, parameter.shape, tensor.shape))
      }
    }
    let known = Set(parameters.map(\.name))
    unexpected = (Array(source.tensors.keys) + source.integers.keys).filter { !known.contains($0) }.sorted()
    guard tensors.values.contains(where: { $0.shape.count > 1 }) else {
      throw .unreadableFile(
        path: path,
        "nothing in it fits the network \(spec.name): expected parameters like \(Self.sample(parameters.map(\.name))), "
          + "found \(Self.sample(source.tensors.keys.sorted() + source.integers.keys.sorted()))")
    }
  }

  private static func converted(_ tensor: Tensor, to shape: [Int]) -> Tensor? {
    guard tensor.shape.count == 4, shape.count == 4, tensor.shape[0] == shape[0], tensor.shape[2...] == shape[2...]
    else { return nil }
    switch (tensor.shape[1], shape[1]) {
    case (3, 1): return tensor.summedOverInputChannels()
    case (1, 3): return tensor.dividedOverInputChannels(3)
    default: return nil
    }
  }

  private static func sample(_ names: [String]) -> String {
    names.isEmpty
      ? "nothing"
      : names.prefix(3).map { "\"\(shortened($0))\"" }.joined(separator: ", ") + (names.count > 3 ? " …" : "")
  }

  /// A file may name its parameters as it likes.
  private static func shortened(_ name: String) -> String { name.count > 100 ? name.prefix(99) + "…" : name }

  /// One line for each thing that is worth knowing.
  public var report: [String] {
    var lines = ["weights from \(path): \(tensors.count) of \(total) parameters taken over"]
    func add(_ names: [String], _ what: String) {
      guard !names.isEmpty else { return }
      let rest = names.count > 6 ? " and \(names.count - 6) more" : ""
      lines.append("\(what): \(names.prefix(6).map(Self.shortened).joined(separator: ", "))\(rest)")
    }
    add(
      converted,
      "fitted to the number of input channels, "
        + (inputChannels == 1 ? "those of three summed for one" : "a third of the one for each of three"))
    add(replaced, "last layer for other classes, starting anew")
    add(integers.map { "\($0.name) (\($0.type))" }, "whole numbers in the file, starting anew")
    add(missing, "not in the file, starting anew")
    add(mismatched.map { "\($0.name) (\($0.found), not \($0.expected))" }, "of another shape, starting anew")
    add(unexpected, "in the file, but not in the network")
    return lines
  }
}
