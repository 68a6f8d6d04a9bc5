import Foundation
import TestSupport
import Testing

@testable import Inference

/// Damaged files: always an error, never a trap, and never other values than the file had.
struct DamagedPyTorchFileTests {
  static let names = ["plain", "deflated", "checkpoint", "views"]

  private func original(_ name: String) throws -> [UInt8] {
    try FileAccess.read(PyTorchFileTests.path(name))
  }

  @Test(arguments: names)
  func aTruncatedFileIsRefusedWhereverItEnds(name: String) throws {
    let bytes = try original(name)
    for length in stride(from: 0, to: bytes.count, by: 7) {
      #expect(throws: InferenceError.self, "\(length) bytes") {
        try StateDict(bytes: Array(bytes[..<length]), path: "file")
      }
    }
  }

  @Test(arguments: names)
  func flippedBitsAreNoticedOrHarmless(name: String) throws {
    let bytes = try original(name)
    let expected = try StateDict(bytes: bytes, path: "file")
    var random = SeededGenerator(seed: 21)
    var refused = 0
    for _ in 0..<600 {
      var damaged = bytes
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        damaged[Int.random(in: 0..<bytes.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      }
      do {
        // What is not covered by a checksum carries no values: dates, attributes, padding, records nobody needs.
        let result = try StateDict(bytes: damaged, path: "file")
        #expect(result == expected)
      } catch {
        refused += 1
      }
    }
    #expect(refused > 200, "\(refused) of 600")
  }

  /// With checksums that are right, so that the pickle itself has to be found wrong.
  @Test(arguments: names)
  func aWrongPickleIsNoticedOrHarmless(name: String) throws {
    let archive = try ZipArchive(bytes: try original(name), path: "file")
    var entries = try archive.entries.keys.sorted().map { ($0, try archive.content($0, limit: 1 << 20)) }
    let place = try #require(entries.firstIndex { $0.0.hasSuffix("data.pkl") })
    let pickle = entries[place].1
    var random = SeededGenerator(seed: 22)
    var refused = 0
    for round in 0..<600 {
      var damaged = pickle
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let index = Int.random(in: 0..<damaged.count, using: &random)
        switch round % 3 {
        case 0: damaged[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1: damaged[index] = UInt8.random(in: 0...255, using: &random)
        default: damaged.remove(at: index)
        }
      }
      entries[place].1 = damaged
      do {
        // Another name or shape may come out; never more values than the file has.
        let result = try StateDict(bytes: PyTorchWriter.archive(entries), path: "file")
        for tensor in result.tensors.values { #expect(tensor.values.count <= 108) }
      } catch {
        refused += 1
      }
    }
    #expect(refused > 300, "\(refused) of 600")
  }

  /// What the directory says of an entry, changed.
  private func altered(
    _ bytes: [UInt8], entry: String, field: Int, to value: UInt32
  ) throws -> [UInt8] {
    var result = bytes
    let name = Array(entry.utf8)
    let place = try #require(
      bytes.indices.dropLast(name.count).last { bytes[$0...].starts(with: name) }, "no \(entry) in the file")
    for index in 0..<4 {
      result[place - 46 + field + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt32(index)))
    }
    return result
  }

  @Test func sizesThatDoNotHoldAreRefused() throws {
    let bytes = try original("deflated")
    for (value, message) in [
      // A bomb: more than deflate can make of so few bytes; then more and less than it makes.
      (UInt32.max - 1, "cannot have"), (1_000_000, "cannot have"), (10_000, "cannot be inflated"),
      (10, "cannot be inflated"), (0, "cannot be inflated"), (.max, "lacks its size"),
    ] {
      let altered = try altered(bytes, entry: "plain/data/0", field: 24, to: value)
      let error = #expect(throws: InferenceError.self) { try StateDict(bytes: altered, path: "file") }
      #expect(error?.description.contains(message) == true, "\(value): \(error!)")
    }
    let offset = try altered(bytes, entry: "plain/data/0", field: 42, to: 1 << 30)
    #expect(throws: InferenceError.self) { try StateDict(bytes: offset, path: "file") }
    let method = try altered(bytes, entry: "plain/data/0", field: 10, to: 12)
    let error = #expect(throws: InferenceError.self) { try StateDict(bytes: method, path: "file") }
    #expect(error?.description.contains("compressed by method 12") == true, "\(error!)")
    let encrypted = try altered(bytes, entry: "plain/data/0", field: 8, to: 0x0008_0001)
    #expect(throws: InferenceError.self) { try StateDict(bytes: encrypted, path: "file") }
  }

  @Test func aBombCostsNoMoreThanItsShare() throws {
    // A pickle whose content would take 100 MB: refused by its size, before anything is inflated.
    let bytes = PyTorchWriter.file(pickle: [UInt8](repeating: 0x30, count: 20_000_000))
    let error = #expect(throws: InferenceError.self) { try StateDict(bytes: bytes, path: "file") }
    #expect(error?.description.contains("expected at most") == true, "\(error!)")
  }

  @Test func aStructureThatIsAmbiguousIsRefused() throws {
    let pickle: [UInt8] = [0x80, 2, 0x7D, 0x2E]
    for (entries, message) in [
      ([("archive/data.pkl", pickle), ("archive/data.pkl", pickle)], "two entries"),
      ([("a/data.pkl", pickle), ("b/data.pkl", pickle)], "2 data.pkl"),
      ([("a/other", pickle)], "0 data.pkl"),
      ([("a/data.pkl", pickle), ("a/constants.pkl", pickle)], "TorchScript"),
      ([("a/data.pkl", pickle), ("a/byteorder", Array("big".utf8))], "big-endian"),
    ] {
      let bytes = PyTorchWriter.archive(entries)
      let error = #expect(throws: InferenceError.self) { try StateDict(bytes: bytes, path: "file") }
      #expect(error?.description.contains(message) == true, "\(error!)")
    }
  }

  @Test func whatTheTestsWriteIsRead() throws {
    let tensors = ModelSpec.fer48(widths: [8]).randomWeights()
    #expect(try StateDict(bytes: PyTorchWriter.file(tensors), path: "file").tensors == tensors)
  }
}
