/// Parameters by name as a file has them, whoever wrote it: a model file of ours, safetensors of anybody, or PyTorch's
/// own format (`.pth`, `.pt`), of which nothing is ever run.
public struct StateDict: Equatable, Sendable {
  /// Floating-point tensors as f32, without the prefix that `DataParallel` or `compile` give all names.
  public var tensors: [String: Tensor]
  /// Names of integer tensors with their types; their values are not read. Counters of batch norm are left out.
  public var integers: [String: String]
  /// For messages.
  public let path: String
  /// The classes of the last layer, where the file is a model of ours and says them.
  var labels: [String]?

  /// - Throws: `unreadableFile` where the file is in none of these formats or damaged, `parameter` with the name of the
  ///   tensor that is wrong.
  public static func read(from path: String) throws(InferenceError) -> StateDict {
    try StateDict(bytes: try FileAccess.read(path), path: path)
  }

  init(bytes: [UInt8], path: String) throws(InferenceError) {
    if PyTorchFile.isPyTorch(bytes) {
      let (tensors, integers) = try PyTorchFile.read(bytes, path: path)
      self.init(tensors: tensors, integers: integers, path: path)
    } else {
      self.init(try Safetensors(bytes: bytes, path: path), path: path)
    }
  }

  init(_ content: Safetensors, path: String) {
    self.init(tensors: content.tensors, integers: content.integers, path: path)
    labels = ModelFile.labels(of: content)
  }

  init(tensors: [String: Tensor], integers: [String: String] = [:], path: String) {
    self.path = path
    let names = Self.bareNames(Array(tensors.keys) + integers.keys)
    func renamed<Value>(_ values: [String: Value]) -> [String: Value] {
      Dictionary(
        uniqueKeysWithValues: values.filter { !Self.isCounter($0.key) }.map { (names[$0.key]!, $0.value) })
    }
    self.tensors = renamed(tensors)
    self.integers = renamed(integers)
  }

  /// The parameters of several backbones under the names that they have in a network fused of them.
  ///
  /// - Parameters:
  ///   - parts: Each for the backbone whose parameters it has, whatever their order. One that holds a fused network keeps its
  ///     names, and its classes.
  ///   - backbones: Of the fused network.
  /// - Throws: `unreadableFile` for a part that fits no backbone that is left, or holds what another one holds, too.
  public static func fused(_ parts: [StateDict], for backbones: [Backbone]) throws(InferenceError) -> StateDict {
    precondition(parts.count <= backbones.count, "\(parts.count) state dicts for \(backbones.count) backbones")
    var tensors: [String: Tensor] = [:]
    var integers: [String: String] = [:]
    var labels: [String]?
    var remaining = backbones
    for part in parts {
      let isFused = part.tensors.keys.contains { $0.hasPrefix(ModelSpec.fusedPrefix) }
      var prefix = ""
      if isFused {
        labels = part.labels
      } else {
        let fits = remaining.map { backbone in
          // Without the last layer, which the fused network does not have.
          let spec = backbone.makeSpec()
          return spec.parameters.count {
            !$0.name.hasPrefix("\(spec.outputs[0]).") && part.tensors[$0.name]?.shape == $0.shape
          }
        }
        guard let most = fits.max(), most > 0 else {
          throw .unreadableFile(
            path: part.path,
            "fits none of the networks that no other file is for: "
              + remaining.map(\.rawValue).joined(separator: ", "))
        }
        let backbone = remaining.remove(at: fits.firstIndex(of: most)!)
        prefix = "\(ModelSpec.fusedPrefix)\(backbone.rawValue)."
      }
      for (name, tensor) in part.tensors {
        guard tensors.updateValue(tensor, forKey: prefix + name) == nil else {
          throw .unreadableFile(path: part.path, "holds \"\(prefix + name)\", which another file holds, too")
        }
      }
      for (name, type) in part.integers { integers[prefix + name] = type }
    }
    var result = StateDict(tensors: tensors, integers: integers, path: parts.map(\.path).joined(separator: ", "))
    result.labels = labels
    return result
  }

  /// `torch.nn.DataParallel`, `torch.compile`.
  private static let wrapperPrefixes = ["module.", "_orig_mod."]

  /// PyTorch's batch norms count their batches, which nobody needs.
  static func isCounter(_ name: String) -> Bool { name.hasSuffix(".num_batches_tracked") }

  /// Names without the prefixes of wrappers, by what they are in the file; those that would then be one stay as they are.
  private static func bareNames(_ names: [String]) -> [String: String] {
    let bare = names.map { name in
      var rest = name[...]
      while let prefix = wrapperPrefixes.first(where: { rest.hasPrefix($0) }) { rest.removeFirst(prefix.count) }
      return String(rest)
    }
    let counts = Dictionary(bare.map { ($0, 1) }, uniquingKeysWith: +)
    return Dictionary(
      zip(names, bare).map { name, bare in (name, counts[bare] == 1 ? bare : name) }, uniquingKeysWith: { $1 })
  }
}
