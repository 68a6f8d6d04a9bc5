/// A state dict as `torch.save` writes it since version 1.6: a zip archive with a pickle and one record per storage.
///
/// Format: PyTorch's `torch/serialization.py` and `caffe2/serialize/inline_container.cc`.
enum PyTorchFile {
  /// Of the pickle: a state dict needs some hundred bytes for each tensor.
  private static let pickleLimit = 1 << 24
  /// Of all elements together.
  private static let elementLimit = 1 << 27
  /// Keys under which training programs keep the state dict.
  private static let wrappers = ["state_dict", "model_state_dict", "model", "net"]

  /// Whether a file starts like one of PyTorch's, whatever version.
  static func isPyTorch(_ bytes: [UInt8]) -> Bool {
    // Safetensors start with a length, which may look like anything, and an opening brace.
    guard bytes.count > 8, bytes[8] != 0x7B else { return false }
    return isZip(bytes) || isLegacy(bytes)
  }

  private static func isZip(_ bytes: [UInt8]) -> Bool { bytes.starts(with: [0x50, 0x4B, 0x03, 0x04]) }

  /// Before version 1.6 it was several pickles with the values behind them; before 0.1.10 a tar archive.
  private static func isLegacy(_ bytes: [UInt8]) -> Bool {
    let isPickle = bytes.count >= 2 && bytes[0] == 0x80 && 2...5 ~= bytes[1]
    return isPickle || isTar(bytes)
  }

  private static func isTar(_ bytes: [UInt8]) -> Bool { bytes.dropFirst(257).starts(with: Array("ustar".utf8)) }

  /// The tensors of the file's state dict.
  ///
  /// - Returns: Floating-point tensors as f32; names of integer tensors with their types, as for `Safetensors`.
  /// - Throws: `unreadableFile`, or `parameter` with the name of the tensor that is wrong.
  static func read(
    _ bytes: [UInt8], path: String
  ) throws(InferenceError) -> (tensors: [String: Tensor], integers: [String: String]) {
    guard isZip(bytes) else {
      // PyTorch itself reads a tar archive only by running what is in it.
      let (age, flag) =
        isTar(bytes)
        ? ("from before version 0.1.10. If you trust it, convert", "False")
        : ("from before version 1.6, or a bare pickle. Convert", "True")
      throw .unreadableFile(
        path: path,
        "a file in PyTorch's format \(age) it with a PyTorch of today: "
          + "torch.save(torch.load(FILE, map_location=\"cpu\", weights_only=\(flag)), NEW_FILE)")
    }
    let archive = try ZipArchive(bytes: bytes, path: path)
    let root = try root(of: archive, path: path)
    if archive.entries["\(root)byteorder"] != nil {
      let order = try archive.content("\(root)byteorder", limit: 16)
      guard order == Array("little".utf8) else {
        throw .unreadableFile(path: path, "written on a big-endian machine, which cannot be read")
      }
    }
    let pickle = try archive.content("\(root)data.pkl", limit: pickleLimit)
    return try Unpickler.read(pickle, path: path) { value throws(InferenceError) in
      try tensors(in: try stateDict(value, path: path), archive: archive, folder: "\(root)data/", path: path)
    }
  }

  /// The archive's folder, with a slash at its end where it has a name.
  private static func root(of archive: ZipArchive, path: String) throws(InferenceError) -> String {
    let pickles = archive.entries.keys.filter { $0 == "data.pkl" || $0.hasSuffix("/data.pkl") }
    guard pickles.count == 1 else {
      throw .unreadableFile(path: path, "a zip archive with \(pickles.count) data.pkl: no file of PyTorch")
    }
    let root = String(pickles[0].dropLast("data.pkl".count))
    guard archive.entries["\(root)constants.pkl"] == nil else {
      throw .unreadableFile(path: path, "a TorchScript program; save the network's state_dict() instead")
    }
    return root
  }

  /// The dictionary of tensors, wherever it is.
  private static func stateDict(_ value: PickleValue, path: String) throws(InferenceError) -> PickleDictionary {
    guard case .dictionary(let outer) = value else {
      throw .unreadableFile(path: path, "expected a dictionary of tensors, found \(value.kind)")
    }
    if let found = stateDict(in: outer, depth: 2) { return found }
    throw .unreadableFile(
      path: path,
      "no state dict: expected tensors by name, or such a dictionary under \(wrappers.joined(separator: ", ")); "
        + "found \(outer.keys.prefix(8).map { describe($0, outer) }.joined(separator: ", "))")
  }

  /// - Parameter depth: How deep in other dictionaries it may be.
  private static func stateDict(in dictionary: PickleDictionary, depth: Int) -> PickleDictionary? {
    if isStateDict(dictionary) { return dictionary }
    guard depth > 0 else { return nil }
    for key in wrappers {
      guard case .dictionary(let inner)? = dictionary.elements[key] else { continue }
      if let found = stateDict(in: inner, depth: depth - 1) { return found }
    }
    return nil
  }

  /// Whether there are tensors, and nothing beside them but what a program may note there, such as an epoch.
  private static func isStateDict(_ dictionary: PickleDictionary) -> Bool {
    var hasTensors = false
    for value in dictionary.elements.values {
      switch value {
      case .tensor, .unreadableTensor: hasTensors = true
      case .none, .bool, .integer, .float, .string, .opaque: continue
      default: return false
      }
    }
    return hasTensors
  }

  private static func describe(_ key: String, _ dictionary: PickleDictionary) -> String {
    "\(key) (\(dictionary.elements[key]?.kind ?? ""))"
  }

  private static func tensors(
    in dictionary: PickleDictionary, archive: ZipArchive, folder: String, path: String
  ) throws(InferenceError) -> (tensors: [String: Tensor], integers: [String: String]) {
    var result: [String: Tensor] = [:]
    var integers: [String: String] = [:]
    var elementsLeft = elementLimit
    // PyTorch does not compress; what somebody compressed later may have grown so much, all together, from what the file
    // has.
    var contentLeft = 1 << 26 + 8 * archive.byteCount
    var readable: [(name: String, tensor: PickleTensor)] = []
    for name in dictionary.keys {
      switch dictionary.elements[name] {
      case .tensor(let tensor)?: readable.append((name, tensor))
      case .unreadableTensor(let problem)?: throw .parameter(name: name, problem)
      default: continue
      }
    }
    // A storage may serve several tensors; so each is read once.
    readable.sort { ($0.tensor.storage.key, $0.name) < ($1.tensor.storage.key, $1.name) }
    var cached: (key: String, content: [UInt8])?
    for (name, tensor) in readable {
      guard tensor.storage.type.isFloatingPoint else {
        integers[name] = tensor.storage.type.rawValue
        continue
      }
      elementsLeft -= tensor.elementCount
      guard elementsLeft >= 0 else {
        throw .unreadableFile(path: path, "more than \(elementLimit) values in its state dict")
      }
      let storage = tensor.storage
      if cached?.key != storage.key {
        cached = nil
        do {
          cached = (storage.key, try archive.content("\(folder)\(storage.key)", limit: contentLeft))
          contentLeft -= cached!.content.count
        } catch {
          guard case .unreadableFile(_, let problem) = error else { throw error }
          throw .parameter(name: name, problem)
        }
      }
      let content = cached!.content
      guard content.count / storage.type.byteCount >= storage.count else {
        throw .parameter(
          name: name,
          "expected \(storage.count) values of \(storage.type.rawValue), its storage has \(content.count) bytes")
      }
      result[name] = Tensor(shape: tensor.shape, values: values(of: tensor, content))
    }
    return (result, integers)
  }

  private static func values(of tensor: PickleTensor, _ content: [UInt8]) -> [Float] {
    let size = tensor.storage.type.byteCount
    return content.withUnsafeBytes { bytes in
      guard !tensor.isDense else {
        let start = tensor.elementCount == 0 ? 0 : tensor.offset * size
        return Safetensors.values(
          UnsafeRawBufferPointer(rebasing: bytes[start..<start + tensor.elementCount * size]), tensor.storage.type)
      }
      let picked = gather(bytes, from: tensor.offset, size: size, shape: tensor.shape, strides: tensor.strides)
      return picked.withUnsafeBytes { Safetensors.values($0, tensor.storage.type) }
    }
  }

  /// A view's elements in row-major order. Only these are touched: the view may reach far.
  ///
  /// - Parameters:
  ///   - start: In elements, like `strides`.
  ///   - size: Of an element in bytes.
  private static func gather(
    _ source: UnsafeRawBufferPointer, from start: Int, size: Int, shape: [Int], strides: [Int]
  ) -> [UInt8] {
    let count = shape.reduce(1, *)
    var place = [Int](repeating: 0, count: shape.count)
    return [UInt8](unsafeUninitializedCapacity: count * size) { target, initialised in
      let target = UnsafeMutableRawBufferPointer(target)
      var offset = start
      for index in 0..<count {
        UnsafeMutableRawBufferPointer(rebasing: target[index * size..<(index + 1) * size])
          .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[offset * size..<(offset + 1) * size]))
        var axis = shape.count - 1
        while axis >= 0 {
          place[axis] += 1
          offset += strides[axis]
          if place[axis] < shape[axis] { break }
          offset -= place[axis] * strides[axis]
          place[axis] = 0
          axis -= 1
        }
      }
      initialised = count * size
    }
  }
}
