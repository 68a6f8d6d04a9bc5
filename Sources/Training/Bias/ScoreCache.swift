import Foundation
import Inference

/// What a model said about pictures, kept on disk by the contents of their files, so that each picture goes through the
/// network once.
///
/// In the file, in this order: magic bytes, a description (JSON) with its length before it, one entry after the other
/// (the SHA-256 of the picture's file, how many faces it has, and the scores of the largest one), and a checksum of all
/// of that. All numbers are little-endian. What is damaged, or belongs to something else, counts as empty.
public struct ScoreCache: Sendable {
  /// What scores depend on beside the picture.
  public struct Key: Codable, Equatable, Sendable {
    /// SHA-256 of the model's files, with whatever joins their results.
    public var model: String
    /// Number formats inside the networks.
    public var precision: String
    /// Such as `single`; whether a detector looked for faces, and which.
    public var view: String
    public var labels: [String]

    public init(model: String, precision: String, view: String, labels: [String]) {
      self.model = model
      self.precision = precision
      self.view = view
      self.labels = labels
    }
  }

  /// What is known of one picture.
  public struct Entry: Equatable, Sendable {
    /// That the detector found; 1 where the picture is a face.
    public var faces: Int
    /// Probabilities of the largest face, not corrected by factors; empty without a face.
    public var scores: [Float]

    public init(faces: Int, scores: [Float]) {
      self.faces = faces
      self.scores = scores
    }
  }

  /// More entries than this are not kept: then those that were not used are forgotten.
  static let limit = 1_000_000
  private static let magic = Array("FERDSCR1".utf8)
  private static let hashLength = 64

  public let key: Key
  /// Of the file.
  public let path: String
  private var entries: [String: Entry] = [:]
  private var used: Set<String> = []
  /// Whether there is something that the file does not hold.
  public private(set) var isChanged = false

  public var count: Int { entries.count }

  /// Opens the cache of a key, which has a file of its own in the folder.
  public init(folder: String, key: Key) {
    self.key = key
    let name = Self.description(of: key).withUnsafeBytes(FileBytes.sha256).prefix(16)
    path = "\(folder)/scores-\(name).cache"
    if let bytes = try? FileAccess.read(path, limit: 1 << 30), let found = Self.entries(in: bytes, key: key) {
      entries = found
    }
  }

  /// The SHA-256 by which a picture's entry is found.
  public static func hash(of bytes: [UInt8]) -> String { bytes.withUnsafeBytes(FileBytes.sha256) }

  /// - Parameter hash: Of the picture's file.
  public subscript(hash: String) -> Entry? { entries[hash] }

  /// Notes what was asked for, and what is new.
  public mutating func use(_ entry: Entry, for hash: String) {
    precondition(hash.utf8.count == Self.hashLength, "a hash of \(hash.utf8.count) digits")
    precondition(entry.scores.count == (entry.faces == 0 ? 0 : key.labels.count), "scores of other labels")
    used.insert(hash)
    guard entries[hash] != entry else { return }
    entries[hash] = entry
    isChanged = true
  }

  /// Puts everything into the file, as a whole or not at all.
  public func write() throws(TrainingError) {
    let failure = { TrainingError.inputOutput(path: path, $0) }
    if let end = path.lastIndex(of: "/") { try FileAccess.makeFolder(String(path[..<end]), failure: failure) }
    var bytes = Self.magic
    func put(_ number: UInt64) { withUnsafeBytes(of: number.littleEndian) { bytes += $0 } }
    let description = Self.description(of: key)
    put(UInt64(description.count))
    bytes += description
    let kept = entries.count > Self.limit ? entries.filter { used.contains($0.key) } : entries
    // Sorted, so that the same entries make the same file.
    for (hash, entry) in kept.sorted(by: { $0.key < $1.key }) {
      bytes += Array(hash.utf8)
      put(UInt64(entry.faces))
      for column in key.labels.indices {
        let score = entry.scores.indices.contains(column) ? entry.scores[column] : 0
        withUnsafeBytes(of: score.bitPattern.littleEndian) { bytes += $0 }
      }
    }
    put(bytes.withUnsafeBytes(DamageCheck.checksum))
    try FileAccess.replace(path, with: [bytes], failure: failure)
  }

  private static func description(of key: Key) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Strings always have a JSON form.
    return Array(try! encoder.encode(key))
  }

  private static func entries(in bytes: [UInt8], key: Key) -> [String: Entry]? {
    bytes.withUnsafeBytes { bytes in
      func word(_ position: Int) -> UInt64 {
        UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
      }
      let description = description(of: key)
      let start = magic.count + 8 + description.count
      let end = bytes.count - 8
      let stride = hashLength + 8 + 4 * key.labels.count
      guard end >= start, (end - start) % stride == 0, bytes.starts(with: magic),
        word(magic.count) == UInt64(description.count), bytes[(magic.count + 8)..<start].elementsEqual(description),
        DamageCheck.checksum(UnsafeRawBufferPointer(rebasing: bytes[..<end])) == word(end)
      else { return nil }
      var result: [String: Entry] = [:]
      result.reserveCapacity((end - start) / stride)
      for position in Swift.stride(from: start, to: end, by: stride) {
        let hash = String(decoding: bytes[position..<position + hashLength], as: UTF8.self)
        let faces = word(position + hashLength)
        guard faces <= 1 << 20 else { return nil }
        var scores: [Float] = []
        for column in 0..<(faces == 0 ? 0 : key.labels.count) {
          let place = position + hashLength + 8 + 4 * column
          let bits = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self))
          scores.append(Float(bitPattern: bits))
        }
        guard scores.allSatisfy({ $0 >= 0 && $0 <= 1.001 }) else { return nil }
        result[hash] = Entry(faces: Int(faces), scores: scores)
      }
      return result
    }
  }
}
