import Inference
import TestSupport
import Testing

@testable import Inference

/// Pickles that would run something, take up memory or break a careless reader: all must end in an error that says why.
struct HostilePickleTests {
  private static func bytes(_ parts: [Any]) -> [UInt8] {
    parts.flatMap { part -> [UInt8] in
      switch part {
      case let text as String: Array(text.utf8)
      case let number as Int: [UInt8(number)]
      case let bytes as [UInt8]: bytes
      default: preconditionFailure("\(part)")
      }
    }
  }

  private static func error(_ pickle: [UInt8]) -> String {
    let error = #expect(throws: InferenceError.self) {
      try StateDict(bytes: PyTorchWriter.file(pickle: [0x80, 2] + pickle), path: "file")
    }
    return error?.description ?? ""
  }

  @Test(arguments: [
    "cos\nsystem\n(X\u{4}\0\0\0truetR.", "cposix\nsystem\n)R.", "c__builtin__\neval\n)R.",
    "cbuiltins\nexec\n(X\u{1}\0\0\01tR.", "csubprocess\nPopen\n]\u{85}R.", "ctorch\nload\n)R.",
    "ctorch.storage\n_load_from_bytes\n)R.", "ctorch._utils\n_rebuild_tensor\n)R.",
    "ctorch.FloatStorage\nfrom_file\n)R.", "cnumpy.core.multiarray\n_reconstruct\n)R.",
    "c__main__\nModel\n)\u{81}.",
    "cargparse\nNamespace\n)R.", "ccollections\ndefaultdict\n)R.", "ctorch\nFloatStorage.from_file\n)R.",
  ])
  func whatIsNotOnTheListIsNamedAndNotAllowed(pickle: String) {
    let global = pickle.dropFirst().split(separator: "\n").prefix(2).joined(separator: ".")
    let error = Self.error(pickle.unicodeScalars.map { UInt8($0.value) })
    #expect(error.contains("\(global), which is not allowed"), "\(error)")
  }

  @Test func namesFromTheStackAreCheckedToo() {
    let pickle = PyTorchWriter.string("os") + PyTorchWriter.string("system") + [0x93, 0x29, 0x52, 0x2E]
    #expect(Self.error(pickle).contains("os.system, which is not allowed"))
  }

  @Test(arguments: [
    // An instance by class (INST, OBJ, NEWOBJ, NEWOBJ_EX), extensions, a persistent name, integers as text.
    "(ios\nsystem\n.", "(cos\nsystem\no.", "}}\u{81}.", "}}}\u{92}.", "\u{82}\u{1}.", "Pname\n.", "I1\n.", "F1\n.",
    "L1L\n.", "S'a'\n.", "Va\n.", "\u{8F}.", "\u{98}.", "\u{FF}.",
  ])
  func operationsThatNoStateDictNeedsAreRefused(pickle: String) {
    let error = Self.error(pickle.unicodeScalars.map { UInt8($0.value) })
    #expect(error.contains("not allowed"), "\(error)")
  }

  @Test(arguments: [
    ("", "ends too early"), (".", "without an operand"), ("}", "ends too early"), ("}}.", "operands left"),
    ("(}.", "operands left"), ("t.", "without a mark"), ("s.", "without an operand"),
    ("}Ns.", "without an operand"),
    ("}NNs.", "no state dict"), ("}]Ns.", "a list as a key"), ("Na.", "without an operand"),
    ("NNa.", "appending to None"),
    ("(NNu.", "without an operand"), ("}(Nu.", "a key without a value"), ("h\u{0}.", "nothing is remembered"),
    ("j\u{0}\u{0}\u{0}\u{FF}.", "nothing is remembered"), ("NR.", "without an operand"), ("NNR.", "calling None"),
    ("}Nb}.", "operands left"), ("NNb.", "attributes of None"),
    ("N.", "expected a dictionary of tensors, found None"),
    ("}.", "no state dict"), ("]Q.", "no storage of numbers"), ("X\u{FF}\u{FF}\u{FF}\u{FF}a.", "ends too early"),
    ("\u{8D}\u{FF}\u{FF}\u{FF}\u{FF}\u{FF}\u{FF}\u{FF}\u{FF}a.", "too large"), ("\u{8A}\u{9}.", "ends too early"),
    ("X\u{1}\u{0}\u{0}\u{0}\u{FF}.", "no UTF-8"), ("\u{80}\u{1}.", "protocol 1"), ("cabc", "a line without an end"),
    ("\u{8E}\u{FF}\u{FF}\u{FF}\u{FF}\u{FF}\u{FF}\u{FF}\u{7F}.", "ends too early"),
    ("ccollections\nOrderedDict\nNR.", "arguments that are None"), ("ctorch\nFloatStorage\n)R.", "not allowed"),
    ("ccollections\nOrderedDict\n]\u{85}R.", "no state dict"),
    ("ccollections\nOrderedDict\n}\u{85}R.", "OrderedDict of"),
    ("ctorch._utils\n_rebuild_tensor_v2\n)R.", "a tensor made of something else"),
    ("ctorch._utils\n_rebuild_parameter\n)R.", "no tensor"), ("ctorch\nSize\n)R.", "no tuple"),
  ])
  func nonsenseIsExplained(pickle: String, message: String) {
    let error = Self.error(pickle.unicodeScalars.map { UInt8($0.value) })
    #expect(error.contains(message), "\(error)")
  }

  /// `{"a": tensor}` of the given storage and view.
  ///
  /// - Parameter metadata: A seventh argument of the tensor.
  private static func tensor(
    count: Int, key: String = "0", offset: Int = 0, shape: [Int], strides: [Int], metadata: [UInt8] = []
  ) -> [UInt8] {
    func long(_ value: Int) -> [UInt8] { [0x8A, 8] + (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
    func tuple(_ values: [Int]) -> [UInt8] { Array("(".utf8) + values.flatMap(long) + Array("t".utf8) }
    return Array("}".utf8) + PyTorchWriter.string("a") + Array("ctorch._utils\n_rebuild_tensor_v2\n((".utf8)
      + PyTorchWriter.string("storage") + Array("ctorch\nFloatStorage\n".utf8) + PyTorchWriter.string(key)
      + PyTorchWriter.string("cpu") + long(count) + Array("tQ".utf8) + long(offset) + tuple(shape) + tuple(strides)
      + [0x89] + Array("}".utf8) + metadata + Array("tRs.".utf8)
  }

  /// A file with one storage of 16 zeros.
  private static func read(_ pickle: [UInt8]) throws -> StateDict {
    let file = PyTorchWriter.archive([
      ("archive/data.pkl", [0x80, 2] + pickle), ("archive/data/0", [UInt8](repeating: 0, count: 64)),
    ])
    return try StateDict(bytes: file, path: "file")
  }

  /// What training programs keep beside the weights, none of it needed.
  @Test(arguments: [
    "]", "N", "\u{88}", "K\u{5}", "G????????", "\u{8A}\u{9}123456789",
    "c__builtin__\nset\n]\u{85}R", "cbuiltins\nset\n]\u{85}R",
    "c_codecs\nencode\nX\u{1}\0\0\0aX\u{1}\0\0\0b\u{86}R",
    "})K\u{1}s", "}\u{88}K\u{1}s", "}NK\u{1}s", "}G????????K\u{1}s",
  ])
  func whatLiesBesideAStateDictIsNoHarm(value: String) throws {
    let sound = Self.tensor(count: 16, shape: [4], strides: [1]).dropLast()
    let beside = PyTorchWriter.string("other") + value.unicodeScalars.map { UInt8($0.value) }
    let state = try Self.read(
      Self.bytes(["}", PyTorchWriter.string("state_dict"), Array(sound), "s", beside, "s."]))
    #expect(state.tensors == ["a": Tensor(zeros: [4])])
  }

  @Test(arguments: [([4, 1, 2], [1, Int.max, 2]), ([1, 2], [Int.max, 1]), ([0, 3], [Int.max, 1])])
  func stridesThatNobodyStepsAlongAreHarmless(shape: [Int], strides: [Int]) throws {
    let state = try Self.read(Self.tensor(count: 16, offset: 1, shape: shape, strides: strides))
    #expect(state.tensors == ["a": Tensor(zeros: shape)])
  }

  @Test func namesWithoutEndAreRefused() {
    let name = PyTorchWriter.string(String(repeating: "a", count: 2000))
    for pickle in [Self.bytes(["}", name, "Ns."]), Self.bytes([name, name, 0x93, "."])] {
      #expect(Self.error(pickle).contains("a name of"))
    }
  }

  @Test func aTensorThatCannotBeReadMattersOnlyInTheStateDict() throws {
    let sound = Array(Self.tensor(count: 16, shape: [4], strides: [1]).dropLast())
    let expanded = Array(Self.tensor(count: 1, shape: [64], strides: [0]).dropLast())
    let beside = Self.bytes([
      "}", PyTorchWriter.string("state_dict"), sound, "s", PyTorchWriter.string("other"), expanded, "s.",
    ])
    #expect(try Self.read(beside).tensors.keys.elementsEqual(["a"]))
    for (pickle, message) in [
      (expanded + [0x2E], "parameter \"a\": a tensor of shape [64]"),
      (
        Self.tensor(
          count: 16, shape: [4], strides: [1],
          metadata: Array("}".utf8) + PyTorchWriter.string("neg") + [0x88] + Array("s".utf8)),
        "parameter \"a\": a view that negates"
      ),
    ] {
      let error = #expect(throws: InferenceError.self) { try Self.read(pickle) }
      #expect(error?.description.contains(message) == true, "\(error!)")
    }
  }

  @Test func plainNumbersAmongTheTensorsAreNoneOfThemAndNestingIsFollowed() throws {
    let sound = Array(Self.tensor(count: 16, shape: [4], strides: [1]).dropLast())
    let noted = Self.bytes([sound, PyTorchWriter.string("epoch"), "K", 5, "s"])
    let nested = Self.bytes([
      "}", PyTorchWriter.string("model"), "}", PyTorchWriter.string("state_dict"), noted, "ss.",
    ])
    for pickle in [noted + [0x2E], nested] { #expect(try Self.read(pickle).tensors.keys.elementsEqual(["a"])) }
    let strange = Self.bytes([sound, PyTorchWriter.string("list"), "]s."])
    let error = #expect(throws: InferenceError.self) { try Self.read(strange) }
    #expect(error?.description.contains("found a (a tensor), list (a list)") == true, "\(error!)")
  }

  @Test(arguments: [
    (16, 0, [17], [1]), (16, 1, [16], [1]), (16, 0, [2, 8], [9, 1]), (16, 0, [4, 5], [0, 0]),
    (16, 0, [1 << 20, 1 << 20], [0, 0]), (16, 0, [-1], [1]), (16, 0, [2], [-1]), (16, -1, [2], [1]),
    (16, 0, [2], [1, 1]), (16, 0, [Int.max, Int.max], [1, 1]), (16, Int.max, [2], [1]), (16, 0, [2], [Int.max]),
    (-1, 0, [1], [1]), (Int.max, 0, [1 << 62], [1]), (16, 0, [Int.max, 2, 0], [1, 1, 1]),
    (16, 0, [1, 1, 1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1, 1, 1]),
  ])
  func aViewBeyondItsStorageIsRefused(count: Int, offset: Int, shape: [Int], strides: [Int]) {
    let error = Self.error(Self.tensor(count: count, offset: offset, shape: shape, strides: strides))
    #expect(error.contains("tensor") || error.contains("storage"), "\(error)")
  }

  @Test(arguments: [
    (1 << 30, "0", [1 << 30], "more than"), (1 << 20, "0", [1 << 20], "expected 1048576 values"),
    (16, "1", [16], "no \"archive/data/1\""), (16, "../data.pkl", [16], "no \"archive/data/../data.pkl\""),
  ])
  func aStorageThatIsNotThereIsRefused(count: Int, key: String, shape: [Int], message: String) {
    let pickle = [0x80, 2] + Self.tensor(count: count, key: key, shape: shape, strides: [1])
    let file = PyTorchWriter.archive([
      ("archive/data.pkl", pickle), ("archive/data/0", [UInt8](repeating: 0, count: 64)),
    ])
    let error = #expect(throws: InferenceError.self) { try StateDict(bytes: file, path: "file") }
    #expect(error?.description.contains(message) == true, "\(error!)")
  }

  @Test func emptyTensorsOfAnyOtherExtentAreHarmless() throws {
    let pickle = [0x80, 2] + Self.tensor(count: 0, shape: [0, 1 << 40, 1 << 40], strides: [0, 1, 1 << 10])
    let file = PyTorchWriter.archive([("archive/data.pkl", pickle), ("archive/data/0", [])])
    #expect(try StateDict(bytes: file, path: "file").tensors["a"]?.values == [])
  }

  @Test func nestingAndCirclesEndWithoutHarm() {
    // Tuples in tuples, a list in itself, dictionaries in dictionaries, each deeper than a stack would bear.
    let deep = 300_000
    #expect(
      Self.error(Array(")".utf8) + [UInt8](repeating: 0x85, count: deep) + Array(".".utf8)).contains("too deep"))
    #expect(Self.error(Array("]q\0h\0a.".utf8)).contains("found a list"))
    #expect(
      Self.error(Array("}q\0".utf8) + PyTorchWriter.string("a") + Array("h\0s.".utf8)).contains("no state dict"))
    let lists = [UInt8](repeating: 0x5D, count: 90_000) + [UInt8](repeating: 0x61, count: 89_999)
    #expect(Self.error(lists + Array(".".utf8)).contains("found a list"))
    #expect(Self.error([UInt8](repeating: 0x5D, count: deep) + Array(".".utf8)).contains("too many containers"))
  }

  @Test func workIsBounded() {
    // A long list, made into a dictionary again and again.
    var pickle = Array("](".utf8)
    for _ in 0..<10_000 { pickle += Array("K\0K\0\u{86}".unicodeScalars.map { UInt8($0.value) }) }
    pickle += Array("e\u{85}q\0".unicodeScalars.map { UInt8($0.value) })
    for _ in 0..<10_000 { pickle += Array("0ccollections\nOrderedDict\nh\0R".utf8) }
    #expect(Self.error(pickle + Array(".".utf8)).contains("steps"))
  }
}
