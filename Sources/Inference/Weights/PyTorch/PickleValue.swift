/// What a pickle of PyTorch may consist of. Nothing in here can be called.
enum PickleValue {
  case none
  case bool(Bool)
  case integer(Int)
  case float(Double)
  case string(String)
  case bytes
  case tuple(PickleTuple)
  case list(PickleList)
  case dictionary(PickleDictionary)
  case global(PickleGlobal)
  case storage(PickleStorage)
  case tensor(PickleTensor)
  /// A tensor that cannot be read, and why; no harm as long as it is none of the state dict's.
  case unreadableTensor(String)
  /// A type of elements, a device, a set, a very large integer: allowed, of no use here.
  case opaque

  /// For messages.
  var kind: String {
    switch self {
    case .none: "None"
    case .bool: "a truth value"
    case .integer: "an integer"
    case .float: "a float"
    case .string: "a string"
    case .bytes: "bytes"
    case .tuple: "a tuple"
    case .list: "a list"
    case .dictionary: "a dictionary"
    case .global(let global): "\(global.rawValue)"
    case .storage: "a storage"
    case .tensor, .unreadableTensor: "a tensor"
    case .opaque: "something of no use here"
    }
  }
}

/// Cannot change, and holds only what came before it; `depth` bounds how deep the chain of tuples in tuples goes, as
/// taking it down takes stack.
struct PickleTuple {
  static let depthLimit = 32

  let elements: [PickleValue]
  let depth: Int

  init?(_ elements: [PickleValue]) {
    var depth = 1
    for case .tuple(let inner) in elements { depth = max(depth, inner.depth + 1) }
    guard depth <= Self.depthLimit else { return nil }
    self.elements = elements
    self.depth = depth
  }
}

/// May hold itself. The unpickler knows all of them and empties them at its end, so nothing leaks.
final class PickleList {
  var elements: [PickleValue] = []
}

/// Likewise. Keys are strings, or what stands for other ones, such as decimal digits for integers.
final class PickleDictionary {
  var elements: [String: PickleValue] = [:]
  /// In the order in which they came.
  var keys: [String] = []

  func set(_ key: String, _ value: PickleValue) {
    if elements.updateValue(value, forKey: key) == nil { keys.append(key) }
  }
}

/// The things of Python that a state dict may refer to: all there are.
enum PickleGlobal: String {
  case orderedDict = "collections.OrderedDict"
  case set = "__builtin__.set"
  case set3 = "builtins.set"
  case counter = "collections.Counter"
  /// How protocol 2 writes bytes.
  case encode = "_codecs.encode"
  case rebuildTensor = "torch._utils._rebuild_tensor_v2"
  case rebuildParameter = "torch._utils._rebuild_parameter"
  case size = "torch.Size"
  case device = "torch.device"
  case floatStorage = "torch.FloatStorage"
  case doubleStorage = "torch.DoubleStorage"
  case halfStorage = "torch.HalfStorage"
  case bfloat16Storage = "torch.BFloat16Storage"
  case longStorage = "torch.LongStorage"
  case intStorage = "torch.IntStorage"
  case shortStorage = "torch.ShortStorage"
  case charStorage = "torch.CharStorage"
  case byteStorage = "torch.ByteStorage"
  case boolStorage = "torch.BoolStorage"
  case float32 = "torch.float32"
  case float64 = "torch.float64"
  case float16 = "torch.float16"
  case bfloat16 = "torch.bfloat16"
  case int64 = "torch.int64"
  case int32 = "torch.int32"
  case int16 = "torch.int16"
  case int8 = "torch.int8"
  case uint8 = "torch.uint8"
  case bool = "torch.bool"

  /// Of the elements of a storage; nil for what is none.
  var elements: SafetensorsType? {
    switch self {
    case .floatStorage: .f32
    case .doubleStorage: .f64
    case .halfStorage: .f16
    case .bfloat16Storage: .bf16
    case .longStorage: .i64
    case .intStorage: .i32
    case .shortStorage: .i16
    case .charStorage: .i8
    case .byteStorage: .u8
    case .boolStorage: .bool
    default: nil
    }
  }

  /// What the global is worth by itself, without being called.
  var value: PickleValue {
    switch self {
    case .float32, .float64, .float16, .bfloat16, .int64, .int32, .int16, .int8, .uint8, .bool: .opaque
    default: .global(self)
    }
  }
}

/// One record of the archive that holds elements.
struct PickleStorage {
  /// Far above what can be read, and low enough that no arithmetic overflows.
  static let countLimit = 1 << 40

  var type: SafetensorsType
  /// Its name below `data/`.
  var key: String
  var count: Int
}

/// A view of a storage.
struct PickleTensor {
  var storage: PickleStorage
  /// In elements.
  var offset: Int
  var shape: [Int]
  /// In elements, one per axis.
  var strides: [Int]

  /// nil where the view would reach outside of the storage, or is larger than it.
  init?(storage: PickleStorage, offset: Int, shape: [Int], strides: [Int]) {
    guard shape.count == strides.count, shape.count <= 8, offset >= 0, (shape + strides).allSatisfy({ $0 >= 0 })
    else { return nil }
    var count = 1
    var last = offset
    for (size, stride) in zip(shape, strides) {
      let (product, isTooLarge) = count.multipliedReportingOverflow(by: size)
      let (reach, isTooFar) = max(0, size - 1).multipliedReportingOverflow(by: stride)
      let (sum, isBeyond) = last.addingReportingOverflow(reach)
      guard !isTooLarge, !isTooFar, !isBeyond else { return nil }
      count = product
      last = sum
    }
    // Views that show an element more than once are no parameters; refusing them bounds memory.
    guard count == 0 || (last < storage.count && count <= storage.count) else { return nil }
    self.storage = storage
    self.offset = offset
    self.shape = shape
    // Along an axis of one element nobody steps, whatever the file says.
    self.strides = zip(shape, strides).map { size, stride in size > 1 ? stride : 0 }
  }

  var elementCount: Int { shape.reduce(1, *) }

  /// True where the elements lie one after the other in row-major order.
  var isDense: Bool {
    guard elementCount > 0 else { return true }
    var expected = 1
    for (size, stride) in zip(shape, strides).reversed() where size > 1 {
      guard stride == expected else { return false }
      expected *= size
    }
    return true
  }
}
