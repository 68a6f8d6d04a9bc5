/// Reads the pickle of a state dict: tensors, numbers, strings and plain containers, and refuses everything else.
///
/// A pickle is a program for a stack machine that may call anything in Python. This machine knows a fixed list of things
/// to refer to (`PickleGlobal`), none of which it calls: what they would make is made here. Protocols 2 to 5, of which
/// it knows the operations that PyTorch's files use. Steps, memory and nesting are bounded.
struct Unpickler {
  /// A state dict takes some forty steps for each tensor.
  private static let stepLimit = 1_000_000
  private static let containerLimit = 100_000
  /// Of the bytes of a name: keys are compared with each other and told in messages.
  private static let nameLimit = 1000

  private var reader: PickleReader
  private var stepsLeft = stepLimit
  private var stack: [PickleValue] = []
  /// Heights of the stack at marks.
  private var marks: [Int] = []
  private var memo: [Int: PickleValue] = [:]
  private var lists: [PickleList] = []
  private var dictionaries: [PickleDictionary] = []

  /// Reads a pickle and lends what it holds to `body`; nothing of it must be kept longer.
  ///
  /// - Throws: `unreadableFile`, naming what is not allowed, and whatever `body` throws.
  static func read<Result>(
    _ bytes: [UInt8], path: String, _ body: (PickleValue) throws(InferenceError) -> Result
  ) throws(InferenceError) -> Result {
    var unpickler = Unpickler(reader: PickleReader(bytes, path: path))
    defer { unpickler.takeDown() }
    return try body(try unpickler.run())
  }

  private init(reader: PickleReader) { self.reader = reader }

  /// Containers may hold each other in circles and in any depth: emptied one by one, nothing is left of either.
  private mutating func takeDown() {
    stack = []
    memo = [:]
    for list in lists { list.elements = [] }
    for dictionary in dictionaries {
      dictionary.elements = [:]
      dictionary.keys = []
    }
  }

  private func fail(_ problem: String) -> InferenceError { reader.fail(problem) }

  // MARK: Stack

  private mutating func pop() throws(InferenceError) -> PickleValue {
    guard stack.count > (marks.last ?? 0) else { throw fail("an operation without an operand") }
    return stack.removeLast()
  }

  private mutating func popToMark() throws(InferenceError) -> [PickleValue] {
    guard let height = marks.popLast(), height <= stack.count else { throw fail("an operation without a mark") }
    defer { stack.removeSubrange(height...) }
    return Array(stack[height...])
  }

  private func top() throws(InferenceError) -> PickleValue {
    guard let value = stack.last, stack.count > (marks.last ?? 0) else {
      throw fail("an operation without an operand")
    }
    return value
  }

  private mutating func popString() throws(InferenceError) -> String {
    guard case .string(let text) = try pop() else { throw fail("expected a string") }
    return text
  }

  private mutating func pushTuple(_ elements: [PickleValue]) throws(InferenceError) {
    guard let tuple = PickleTuple(elements) else { throw fail("tuples nested too deep") }
    stack.append(.tuple(tuple))
  }

  private mutating func pop(_ count: Int) throws(InferenceError) -> [PickleValue] {
    var result: [PickleValue] = []
    for _ in 0..<count { result.append(try pop()) }
    return result.reversed()
  }

  // MARK: Machine

  private mutating func run() throws(InferenceError) -> PickleValue {
    while true {
      try spend(1)
      if let result = try step() { return result }
    }
  }

  private mutating func spend(_ steps: Int) throws(InferenceError) {
    stepsLeft -= steps
    guard stepsLeft >= 0 else { throw fail("more than \(Self.stepLimit) steps") }
  }

  /// One operation. Gives the result at the end.
  private mutating func step() throws(InferenceError) -> PickleValue? {
    let code = try reader.byte()
    guard let operation = PickleOperation(rawValue: code) else {
      throw fail("the operation 0x\(String(code, radix: 16)), which no state dict needs, is not allowed")
    }
    switch operation {
    case .proto:
      let version = try reader.byte()
      guard 2...5 ~= version else { throw fail("protocol \(version); 2 to 5 can be read") }
    case .frame: try reader.skip(8)
    case .stop:
      let result = try pop()
      guard stack.isEmpty, marks.isEmpty else { throw fail("it ends with operands left") }
      return result
    case .mark: marks.append(stack.count)
    case .pop: _ = try pop()
    case .popMark: _ = try popToMark()
    case .dup: stack.append(try top())
    case .binPut: memo[try reader.number(UInt8.self)] = try top()
    case .longBinPut: memo[try reader.number(UInt32.self)] = try top()
    case .memoize: memo[memo.count] = try top()
    case .binGet: try recall(try reader.number(UInt8.self))
    case .longBinGet: try recall(try reader.number(UInt32.self))
    case .none: stack.append(.none)
    case .newTrue: stack.append(.bool(true))
    case .newFalse: stack.append(.bool(false))
    case .binInt1: stack.append(.integer(try reader.number(UInt8.self)))
    case .binInt2: stack.append(.integer(try reader.number(UInt16.self)))
    case .binInt: stack.append(.integer(try reader.number(Int32.self)))
    case .long1:
      let count = Int(try reader.byte())
      stack.append(try reader.integer(byteCount: count).map { .integer($0) } ?? .opaque)
    case .binFloat: stack.append(.float(try reader.double()))
    case .shortBinUnicode, .shortBinString: try pushString(byteCount: try reader.number(UInt8.self))
    case .binUnicode, .binString: try pushString(byteCount: try reader.number(UInt32.self))
    case .binUnicode8: try pushString(byteCount: try reader.number(UInt64.self))
    case .shortBinBytes: try pushBytes(byteCount: try reader.number(UInt8.self))
    case .binBytes: try pushBytes(byteCount: try reader.number(UInt32.self))
    case .binBytes8: try pushBytes(byteCount: try reader.number(UInt64.self))
    case .emptyTuple: try pushTuple([])
    case .tuple1: try pushTuple(try pop(1))
    case .tuple2: try pushTuple(try pop(2))
    case .tuple3: try pushTuple(try pop(3))
    case .tuple: try pushTuple(try popToMark())
    case .emptyList: stack.append(.list(try makeList()))
    case .append:
      let elements = try pop(1)
      try append(elements)
    case .appends:
      let elements = try popToMark()
      try append(elements)
    case .emptyDict: stack.append(.dictionary(try makeDictionary()))
    case .setItem:
      let items = try pop(2)
      try setItems(items)
    case .setItems:
      let items = try popToMark()
      try setItems(items)
    case .global:
      let module = try reader.line()
      try pushGlobal(module: module, name: try reader.line())
    case .stackGlobal:
      let name = try popString()
      try pushGlobal(module: try popString(), name: name)
    case .binPersistentID: stack.append(.storage(try storage(try pop())))
    case .reduce:
      let arguments = try pop()
      stack.append(try make(try pop(), arguments))
    case .build:
      // Attributes that PyTorch hangs on a state dict: `_metadata`.
      _ = try pop()
      guard case .dictionary = try top() else { throw fail("attributes of \(try top().kind)") }
    }
    return nil
  }

  private mutating func pushString(byteCount: Int) throws(InferenceError) {
    stack.append(.string(try reader.string(byteCount: byteCount)))
  }

  private mutating func pushBytes(byteCount: Int) throws(InferenceError) {
    try reader.skip(byteCount)
    stack.append(.bytes)
  }

  private mutating func recall(_ index: Int) throws(InferenceError) {
    guard let value = memo[index] else { throw fail("nothing is remembered under \(index)") }
    stack.append(value)
  }

  // MARK: Containers

  private func checkContainers() throws(InferenceError) {
    guard lists.count + dictionaries.count < Self.containerLimit else { throw fail("too many containers") }
  }

  private mutating func makeList() throws(InferenceError) -> PickleList {
    try checkContainers()
    let list = PickleList()
    lists.append(list)
    return list
  }

  private mutating func makeDictionary() throws(InferenceError) -> PickleDictionary {
    try checkContainers()
    let dictionary = PickleDictionary()
    dictionaries.append(dictionary)
    return dictionary
  }

  private func append(_ elements: [PickleValue]) throws(InferenceError) {
    guard case .list(let list) = try top() else { throw fail("appending to \(try top().kind)") }
    list.elements.append(contentsOf: elements)
  }

  private func setItems(_ items: [PickleValue]) throws(InferenceError) {
    guard case .dictionary(let dictionary) = try top() else { throw fail("setting an item of \(try top().kind)") }
    guard items.count % 2 == 0 else { throw fail("a key without a value") }
    for index in stride(from: 0, to: items.count, by: 2) {
      dictionary.set(try key(items[index]), items[index + 1])
    }
  }

  private func key(_ value: PickleValue) throws(InferenceError) -> String {
    switch value {
    case .string(let text): return try checked(text)
    case .integer(let number): return String(number)
    case .none, .opaque: return value.kind
    case .bool(let value): return value ? "True" : "False"
    case .float(let number): return "\(number)"
    case .tuple(let tuple):
      // Only what identifies a thing of no interest here.
      return "a tuple of \(tuple.elements.count)"
    default: throw fail("\(value.kind) as a key")
    }
  }

  private func checked(_ name: String) throws(InferenceError) -> String {
    guard name.utf8.count <= Self.nameLimit else { throw fail("a name of \(name.utf8.count) bytes") }
    return name
  }

  // MARK: What is called in Python

  private mutating func pushGlobal(module: String, name: String) throws(InferenceError) {
    guard let global = PickleGlobal(rawValue: try checked("\(module).\(name)")) else {
      throw fail(
        "it wants \(module).\(name), which is not allowed: only tensors and plain containers are read. "
          + "Save the network's state_dict() alone")
    }
    stack.append(global.value)
  }

  private mutating func make(
    _ callee: PickleValue, _ arguments: PickleValue
  ) throws(InferenceError) -> PickleValue {
    guard case .global(let global) = callee else { throw fail("calling \(callee.kind) is not allowed") }
    guard case .tuple(let tuple) = arguments else { throw fail("arguments that are \(arguments.kind)") }
    let arguments = tuple.elements
    switch global {
    case .orderedDict: return .dictionary(try orderedDictionary(arguments))
    case .rebuildTensor: return try tensor(arguments)
    case .rebuildParameter:
      switch arguments.first {
      case .tensor, .unreadableTensor: return arguments[0]
      default: throw fail("a parameter that is no tensor")
      }
    case .set, .set3, .counter: return .opaque
    case .encode: return .bytes
    case .size:
      guard case .tuple? = arguments.first else { throw fail("a size that is no tuple") }
      return arguments[0]
    case .device: return .opaque
    default: throw fail("calling \(global.rawValue) is not allowed")
    }
  }

  private mutating func orderedDictionary(_ arguments: [PickleValue]) throws(InferenceError) -> PickleDictionary {
    let result = try makeDictionary()
    guard let first = arguments.first else { return result }
    // Python 2 and old versions of PyTorch give a list of pairs.
    guard arguments.count == 1, case .list(let pairs) = first else { throw fail("an OrderedDict of \(first.kind)") }
    try spend(pairs.elements.count)
    for pair in pairs.elements {
      switch pair {
      case .list(let list) where list.elements.count == 2:
        result.set(try key(list.elements[0]), list.elements[1])
      case .tuple(let tuple) where tuple.elements.count == 2:
        result.set(try key(tuple.elements[0]), tuple.elements[1])
      default: throw fail("an OrderedDict of a list with \(pair.kind)")
      }
    }
    return result
  }

  /// `("storage", type, key, device, number of elements)`
  private func storage(_ identity: PickleValue) throws(InferenceError) -> PickleStorage {
    guard case .tuple(let tuple) = identity, tuple.elements.count == 5,
      case .string("storage") = tuple.elements[0], case .global(let global) = tuple.elements[1],
      let type = global.elements, case .string(let key) = tuple.elements[2],
      case .integer(let count) = tuple.elements[4], 0...PickleStorage.countLimit ~= count
    else { throw fail("a persistent identity that is no storage of numbers") }
    return PickleStorage(type: type, key: try checked(key), count: count)
  }

  /// `(storage, offset, size, stride, requires_grad, backward_hooks[, metadata])`
  private func tensor(_ arguments: [PickleValue]) throws(InferenceError) -> PickleValue {
    guard 4...7 ~= arguments.count, case .storage(let storage) = arguments[0],
      case .integer(let offset) = arguments[1], let shape = integers(arguments[2]),
      let strides = integers(arguments[3])
    else { throw fail("a tensor made of something else than a storage, an offset, a size and strides") }
    if arguments.count == 7, case .dictionary(let views) = arguments[6] {
      for name in ["neg", "conj"] {
        if case .bool(true)? = views.elements[name] {
          return .unreadableTensor("a view that \(name == "neg" ? "negates" : "conjugates"), which cannot be read")
        }
      }
    }
    guard let tensor = PickleTensor(storage: storage, offset: offset, shape: shape, strides: strides) else {
      return .unreadableTensor(
        "a tensor of shape \(shape) and strides \(strides) at \(offset) of a storage of \(storage.count) elements, "
          + "which cannot be read")
    }
    return .tensor(tensor)
  }

  private func integers(_ value: PickleValue) -> [Int]? {
    guard case .tuple(let tuple) = value, tuple.elements.count <= 8 else { return nil }
    var result: [Int] = []
    for element in tuple.elements {
      guard case .integer(let number) = element else { return nil }
      result.append(number)
    }
    return result
  }
}
