import Foundation
import TestSupport
import Testing

@testable import Inference

struct SafetensorsTests {
  /// A file made of a header and that many bytes of values, whatever sense they make.
  static func file(_ header: String, values: Int, length: UInt64? = nil) -> [UInt8] {
    let count = length ?? UInt64(header.utf8.count)
    return withUnsafeBytes(of: count.littleEndian) { [UInt8]($0) } + Array(header.utf8)
      + [UInt8](repeating: 0, count: values)
  }

  static func entry(_ name: String, _ type: String, _ shape: String, _ offsets: String) -> String {
    #""\#(name)":{"dtype":"\#(type)","shape":\#(shape),"data_offsets":\#(offsets)}"#
  }

  struct Damage: CustomTestStringConvertible {
    var name: String
    var bytes: [UInt8]
    /// What the message has to contain.
    var message: String
    var testDescription: String { name }
  }

  static let a = entry("a", "F32", "[2]", "[0,8]")

  static let damages: [Damage] = [
    .init(name: "empty", bytes: [], message: "found 0 bytes"),
    .init(name: "seven bytes", bytes: [1, 0, 0, 0, 0, 0, 0], message: "found 7 bytes"),
    .init(name: "text", bytes: Array("This is a text file.".utf8), message: "found a length of"),
    .init(name: "no header", bytes: file("", values: 0), message: "found a length of 0"),
    .init(name: "header beyond the file", bytes: file("{}", values: 0, length: 3), message: "truncated"),
    .init(
      name: "header of 2^63", bytes: file("{}", values: 0, length: 1 << 63), message: "found a length of 9223372"),
    .init(name: "header cut", bytes: file("{\"a\"", values: 0), message: "expected ':' at byte 4, found its end"),
    .init(name: "a list", bytes: file("[]", values: 0), message: "expected '{' at byte 0"),
    .init(name: "text after the header", bytes: file("{} x", values: 0), message: "expected nothing more"),
    .init(name: "NaN", bytes: file("{\"a\":NaN}", values: 0), message: "expected '{' at byte 5"),
    .init(
      name: "invalid UTF-8", bytes: [6, 0, 0, 0, 0, 0, 0, 0, 0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x7D], message: "UTF-8"),
    .init(name: "lone surrogate", bytes: file(#"{"\ud800":{}}"#, values: 0), message: "surrogate"),
    .init(name: "unknown escape", bytes: file(#"{"\x":{}}"#, values: 0), message: "an escape that JSON knows"),
    .init(name: "control character", bytes: file("{\"a\n\":{}}", values: 0), message: "no control character"),
    .init(name: "duplicate", bytes: file("{\(a),\(a)}", values: 8), message: "parameter \"a\": named twice"),
    .init(
      name: "duplicate by escape", bytes: file("{\(a),\(entry(#"\u0061"#, "F32", "[2]", "[8,16]"))}", values: 16),
      message: "parameter \"a\": named twice"),
    .init(
      name: "duplicate field", bytes: file(#"{"a":{"dtype":"F32","dtype":"F32"}}"#, values: 8),
      message: "\"dtype\": named twice"),
    .init(
      name: "unknown field", bytes: file(#"{"a":{"dtype":"F32","stride":[1]}}"#, values: 8),
      message: "parameter \"a\": unknown field \"stride\""),
    .init(
      name: "no shape", bytes: file(#"{"a":{"dtype":"F32","data_offsets":[0,8]}}"#, values: 8),
      message: "parameter \"a\": expected dtype, shape"),
    .init(
      name: "unknown type", bytes: file("{\(entry("a", "F8_E4M3", "[8]", "[0,8]"))}", values: 8),
      message: "parameter \"a\": unknown type \"F8_E4M3\""),
    .init(
      name: "wrong size", bytes: file("{\(entry("a", "F32", "[3]", "[0,8]"))}", values: 8),
      message: "parameter \"a\": expected 12 bytes for F32 [3], found 8"),
    .init(
      name: "negative extent", bytes: file("{\(entry("a", "F32", "[-2]", "[0,8]"))}", values: 8),
      message: "a non-negative integer"),
    .init(
      name: "fraction", bytes: file("{\(entry("a", "F32", "[2.0]", "[0,8]"))}", values: 8),
      message: "expected ']'"),
    .init(
      name: "leading zero", bytes: file("{\(entry("a", "F32", "[02]", "[0,8]"))}", values: 8),
      message: "leading zeros"),
    .init(
      name: "overflowing shape",
      bytes: file("{\(entry("a", "F32", "[4294967296,4294967296]", "[0,8]"))}", values: 8), message: "is too large"),
    .init(
      name: "overflowing number",
      bytes: file("{\(entry("a", "F32", "[99999999999999999999]", "[0,8]"))}", values: 8),
      message: "below 2^63"),
    .init(
      name: "descending offsets", bytes: file("{\(entry("a", "F32", "[2]", "[8,0]"))}", values: 8),
      message: "two ascending offsets"),
    .init(
      name: "three offsets", bytes: file("{\(entry("a", "F32", "[2]", "[0,4,8]"))}", values: 8),
      message: "two ascending offsets"),
    .init(
      name: "overlap", bytes: file("{\(a),\(entry("b", "F32", "[2]", "[4,12]"))}", values: 12),
      message: "parameter \"b\": starts at byte 4, inside"),
    .init(
      name: "gap", bytes: file("{\(a),\(entry("b", "F32", "[2]", "[12,20]"))}", values: 20),
      message: "parameter \"b\": starts at byte 12, leaving a gap"),
    .init(
      name: "gap at the start", bytes: file("{\(entry("a", "F32", "[2]", "[4,12]"))}", values: 12),
      message: "leaving a gap"),
    .init(name: "trailing bytes", bytes: file("{\(a)}", values: 9), message: "expected 8 bytes of values, found 9"),
    .init(name: "truncated", bytes: file("{\(a)}", values: 7), message: "parameter \"a\": ends at byte 8 of 7"),
    .init(
      name: "metadata that are no strings", bytes: file(#"{"__metadata__":{"a":1}}"#, values: 0),
      message: "expected '\"'"),
  ]

  @Test(arguments: damages)
  func aDamagedFileIsRefusedWithAReason(damage: Damage) {
    let error = #expect(throws: InferenceError.self) { try Safetensors(bytes: damage.bytes, path: "x") }
    let text = error.map { "\($0)" } ?? ""
    #expect(text.contains(damage.message), "\(text)")
  }

  @Test func everyPrefixOfAFileIsRefused() throws {
    let file = Safetensors(tensors: ["a": Tensor(shape: [3], values: [1, 2, 3])]).encoded(storage: .f32).flatMap(
      \.self)
    for count in 0..<file.count {
      #expect(throws: InferenceError.self) { try Safetensors(bytes: Array(file.prefix(count)), path: "x") }
    }
  }

  @Test func noChangedByteTrapsTheReader() {
    let file = Safetensors(
      tensors: ["a": Tensor(shape: [1, 2], values: [1, 2]), "é": Tensor(shape: [], values: [3])],
      metadata: ["key": "\"\\\n"]
    ).encoded(storage: .bf16).flatMap(\.self)
    var generator = SeededGenerator(seed: 3)
    for index in file.indices {
      for _ in 0..<8 {
        var copy = file
        copy[index] = UInt8.random(in: 0...255, using: &generator)
        _ = try? Safetensors(bytes: copy, path: "x")
      }
    }
  }

  @Test func allFloatTypesAreReadAndIntegersNamed() throws {
    let header = """
      {"d":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"f":{"dtype":"F32","shape":[],"data_offsets":[8,12]},\
      "h":{"dtype":"F16","shape":[4],"data_offsets":[12,20]},"b":{"dtype":"BF16","shape":[2],"data_offsets":[20,24]},\
      "n.num_batches_tracked":{"dtype":"I64","shape":[],"data_offsets":[24,32]},\
      "empty":{"dtype":"F32","shape":[0,3],"data_offsets":[32,32]},"__metadata__":{"k":"\\u00e9\\ud83d\\ude00"}}
      """
    var bytes = Self.file(header, values: 0)
    bytes += withUnsafeBytes(of: 0.1) { [UInt8]($0) }
    bytes += withUnsafeBytes(of: Float(0.25)) { [UInt8]($0) }
    // 1.5, -2^-24 (subnormal), infinity, 65504
    for half: UInt16 in [0x3E00, 0x8001, 0x7C00, 0x7BFF] { bytes += [UInt8(half & 255), UInt8(half >> 8)] }
    for half: UInt16 in [0x3FC0, 0xC000] { bytes += [UInt8(half & 255), UInt8(half >> 8)] }
    bytes += [7, 0, 0, 0, 0, 0, 0, 0]
    let content = try Safetensors(bytes: bytes, path: "x")
    #expect(content.tensors["d"] == Tensor(shape: [1], values: [0.1]))
    #expect(content.tensors["f"] == Tensor(shape: [], values: [0.25]))
    #expect(content.tensors["h"] == Tensor(shape: [4], values: [1.5, -0x1p-24, .infinity, 65504]))
    #expect(content.tensors["b"] == Tensor(shape: [2], values: [1.5, -2]))
    #expect(content.tensors["empty"] == Tensor(shape: [0, 3], values: []))
    #expect(content.integers == ["n.num_batches_tracked": "I64"])
    #expect(content.metadata == ["k": "é😀"])
  }

  @Test func whatIsWrittenIsReadBack() throws {
    try withTemporaryFolder { folder in
      var generator = SeededGenerator(seed: 4)
      let content = Safetensors(
        tensors: [
          "w": Tensor(shape: [3, 5], values: generator.values(15)),
          "odd": Tensor(shape: [1, 3], values: generator.values(3)),
          "b": Tensor(shape: [7], values: generator.values(7)), "s": Tensor(shape: [], values: [1]),
        ], metadata: ["a \"quote\"": "line\nbreak \u{1} é \\"])
      try content.write(to: "\(folder)/f32.safetensors")
      #expect(try Safetensors(contentsOf: "\(folder)/f32.safetensors") == content)
      try content.write(to: "\(folder)/bf16.safetensors", storage: .bf16)
      let rounded = try Safetensors(contentsOf: "\(folder)/bf16.safetensors")
      #expect(rounded.tensors["b"] == content.tensors["b"])
      let error = relativeError(rounded.tensors["w"]!.values, content.tensors["w"]!.values)
      #expect(error > 0 && error <= 0x1p-8)
      // No temporary file is left behind.
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == [
          "bf16.safetensors", "f32.safetensors",
        ])
    }
  }

  @Test func bf16RoundsToNearestEven() {
    let cases: [(Float, UInt16)] = [
      (1, 0x3F80), (Float(bitPattern: 0x3F80_8000), 0x3F80), (Float(bitPattern: 0x3F81_8000), 0x3F82),
      (Float(bitPattern: 0x3F80_8001), 0x3F81), (-.infinity, 0xFF80), (.greatestFiniteMagnitude, 0x7F80),
      (-0.0, 0x8000),
      (Float(bitPattern: 0x7F80_0001), 0x7FC0),
    ]
    for (value, expected) in cases {
      #expect(FileBytes.narrowToBF16([value]) == [UInt8(expected & 255), UInt8(expected >> 8)], "\(value)")
    }
  }

  @Test func foldersFifosAndMissingFilesAreRefused() throws {
    try withTemporaryFolder { folder in
      mkfifo("\(folder)/fifo", 0o600)
      for path in [folder, "\(folder)/fifo", "\(folder)/missing"] {
        #expect(throws: InferenceError.self) { try Safetensors(contentsOf: path) }
      }
    }
  }

  /// Vectors of FIPS 180-4's examples (NIST), and lengths around the padding's limits by `sha256sum`.
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    (
      String(repeating: "a", count: 1_000_000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
    ),
    (String(repeating: "a", count: 55), "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"),
    (String(repeating: "a", count: 64), "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"),
  ])
  func sha256GivesThePublishedDigests(text: String, digest: String) {
    for isPlain in [false, true] {
      #expect(Array(text.utf8).withUnsafeBytes { FileBytes.sha256($0, isPlain: isPlain) } == digest)
    }
  }

  @Test func sha256IsTheSameWithAndWithoutTheProcessorsHelp() {
    var generator = SeededGenerator(seed: 9)
    for count in Array(0..<200) + [1023, 4096, 70_001] {
      let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
      let (fast, plain) = bytes.withUnsafeBytes {
        (FileBytes.sha256($0, isPlain: false), FileBytes.sha256($0, isPlain: true))
      }
      #expect(fast == plain, "\(count) bytes")
    }
  }
}

/// Calls `body` with the path of a new folder, which is removed afterwards.
func withTemporaryFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
  let folder = FileManager.default.temporaryDirectory.appending(path: "ferd-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder.path)
}
