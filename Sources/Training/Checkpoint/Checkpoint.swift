public import Foundation
import Inference

/// Everything a run needs to go on as if it had not been interrupted: named flat f32 buffers and a JSON value.
///
/// In the file: the magic bytes, the header's length (8 bytes, little endian), the header (JSON: format version,
/// state, name and count of each buffer), zeros up to a multiple of 8, the buffers in that order, each padded to a
/// multiple of 8, and a checksum of all of that (8 bytes).
public struct Checkpoint: Sendable {
  /// Stands for the file's format; another number is refused.
  static let version = 1
  static let magic = Array("FERDCKPT".utf8)

  /// Counters, settings and names, as JSON.
  public private(set) var state: Data
  private var buffers: [(name: String, values: [Float])] = []

  /// - Throws: `TrainingError.invalidSettings` where the state has no JSON form (a number that is not finite).
  public init(state: some Encodable) throws(TrainingError) {
    do {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys]
      self.state = try encoder.encode(state)
    } catch {
      throw .invalidSettings("the state of the run cannot be written down: \(error)")
    }
  }

  /// Adds a copy of `values`; names must differ.
  public mutating func append(_ name: String, _ values: UnsafeBufferPointer<Float>) {
    append(name, Array(values))
  }

  /// Adds `values`; names must differ.
  public mutating func append(_ name: String, _ values: [Float]) {
    precondition(!buffers.contains { $0.name == name }, "two buffers called \(name)")
    buffers.append((name, values))
  }

  public var bufferNames: [String] { buffers.map(\.name) }

  public func values(_ name: String) -> [Float]? { buffers.first { $0.name == name }?.values }

  /// The state as the type it was made from.
  public func decodeState<State: Decodable>(_ type: State.Type, path: String) throws(TrainingError) -> State {
    do {
      return try JSONDecoder().decode(type, fromForeign: state)
    } catch {
      throw .invalidCheckpoint(path: path, "its state is not that of such a run: \(error)")
    }
  }

  /// Copies all buffers to where they belong: every name must be there with the same count on both sides, else
  /// nothing at all is changed.
  public func restore(
    _ targets: [(name: String, values: UnsafeMutableBufferPointer<Float>)], path: String
  ) throws(TrainingError) {
    var sources: [[Float]] = []
    for target in targets {
      guard let values = values(target.name) else {
        throw .invalidCheckpoint(path: path, "has no values for \"\(target.name)\"")
      }
      guard values.count == target.values.count else {
        throw .invalidCheckpoint(
          path: path, "expected \(target.values.count) values for \"\(target.name)\", it has \(values.count)")
      }
      sources.append(values)
    }
    let expected = Set(targets.map(\.name))
    for name in bufferNames where !expected.contains(name) {
      throw .invalidCheckpoint(path: path, "has values for \"\(name)\", which this run does not know")
    }
    for (target, values) in zip(targets, sources) { _ = target.values.update(fromContentsOf: values) }
  }
}

extension Checkpoint {
  private struct Header: Codable {
    struct Buffer: Codable {
      var name: String
      var count: Int
    }
    var version: Int
    /// JSON inside JSON keeps the state's bytes as they are.
    var state: String
    var buffers: [Buffer]
  }

  /// Writes the file so that a crash at any moment leaves the old or the new one, never a part.
  public func write(to path: String) throws(TrainingError) {
    let header = Header(
      version: Self.version, state: String(decoding: state, as: UTF8.self),
      buffers: buffers.map { .init(name: $0.name, count: $0.values.count) })
    var head = Self.magic
    do {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys]
      let json = try encoder.encode(header)
      withUnsafeBytes(of: UInt64(json.count).littleEndian) { head.append(contentsOf: $0) }
      head.append(contentsOf: json)
    } catch {
      throw .invalidSettings("the checkpoint's header cannot be written down: \(error)")
    }
    head.append(contentsOf: repeatElement(0, count: Self.padding(after: head.count)))
    let failure = { TrainingError.inputOutput(path: path, $0) }
    try FileAccess.replace(path, failure: failure) { (file) throws(TrainingError) in
      var check = DamageCheck()
      func put(_ bytes: RawSpan) throws(TrainingError) {
        bytes.withUnsafeBytes { check.update($0) }
        try file.append(bytes)
      }
      try put(head.span.bytes)
      for buffer in buffers {
        try put(buffer.values.span.bytes)
        let gap = [UInt8](repeating: 0, count: Self.padding(after: buffer.values.count * 4))
        // The checksum takes multiples of eight bytes; an odd buffer's last word is completed by the file's padding.
        if !gap.isEmpty { try file.append(gap.span.bytes) }
        check.completeWord()
      }
      var trailer: [UInt8] = []
      withUnsafeBytes(of: check.value.littleEndian) { trailer.append(contentsOf: $0) }
      try file.append(trailer.span.bytes)
    }
  }

  /// Reads and checks a whole file; what comes back is sound.
  ///
  /// - Throws: `noSuchInput`, or `invalidCheckpoint` naming what is wrong with it.
  public static func read(from path: String) throws(TrainingError) -> Checkpoint {
    guard FileManager.default.fileExists(atPath: path) else { throw .noSuchInput(path: path, "no such checkpoint") }
    // Larger than any that fits the memory it is to be restored to.
    let data = try FileAccess.read(path, limit: 1 << 36) { TrainingError.invalidCheckpoint(path: path, $0) }
    let outcome: Result<Checkpoint, TrainingError> = data.withUnsafeBytes { bytes in
      do throws(TrainingError) {
        return .success(try parse(bytes, path: path))
      } catch {
        return .failure(error)
      }
    }
    return try outcome.get()
  }

  private static func parse(_ bytes: UnsafeRawBufferPointer, path: String) throws(TrainingError) -> Checkpoint {
    func fail(_ problem: String) -> TrainingError { .invalidCheckpoint(path: path, problem) }
    guard bytes.count >= magic.count + 16, bytes.prefix(magic.count).elementsEqual(magic) else {
      throw fail("is no checkpoint (\(bytes.count) bytes)")
    }
    let end = bytes.count - 8
    let stored = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: end, as: UInt64.self))
    guard DamageCheck.checksum(UnsafeRawBufferPointer(rebasing: bytes[..<end])) == stored else {
      throw fail("is damaged: its checksum does not fit its \(bytes.count) bytes")
    }
    let length = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: magic.count, as: UInt64.self))
    var position = magic.count + 8
    guard length <= UInt64(end - position) else {
      throw fail("its header of \(length) bytes reaches beyond its end")
    }
    let header: Header
    do {
      header = try JSONDecoder().decode(Header.self, fromForeign: Data(bytes[position..<position + Int(length)]))
    } catch {
      throw fail("its header is not valid: \(error)")
    }
    guard header.version == version else { throw fail("expected format \(version), it is \(header.version)") }
    position += Int(length)
    position += padding(after: position)
    var checkpoint = Checkpoint(stateData: Data(header.state.utf8))
    for buffer in header.buffers {
      guard buffer.count >= 0, buffer.count <= (end - position) / 4, checkpoint.values(buffer.name) == nil else {
        throw fail("\(buffer.count) values for \"\(buffer.name)\" do not fit")
      }
      let part = UnsafeRawBufferPointer(rebasing: bytes[position..<position + buffer.count * 4])
      checkpoint.append(
        buffer.name,
        [Float](unsafeUninitializedCapacity: buffer.count) { target, count in
          UnsafeMutableRawBufferPointer(target).copyMemory(from: part)
          count = buffer.count
        })
      position += buffer.count * 4 + padding(after: buffer.count * 4)
    }
    guard position == end else { throw fail("\(end - position) bytes too many") }
    return checkpoint
  }

  private init(stateData: Data) { state = stateData }

  private static func padding(after count: Int) -> Int { (8 - count % 8) % 8 }
}
