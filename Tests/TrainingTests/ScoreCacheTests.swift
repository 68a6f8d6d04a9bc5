import Foundation
import Testing

@testable import Training

struct ScoreCacheTests {
  private static let key = ScoreCache.Key(model: "m", precision: "f32", view: "single", labels: ["a", "b", "c"])
  private static let hashes = (0..<20).map { ScoreCache.hash(of: [UInt8($0)]) }

  private static func entry(_ index: Int) -> ScoreCache.Entry {
    index == 3
      ? .init(faces: 0, scores: [])
      : .init(faces: index % 3 + 1, scores: [0.25, Float(index) / 40, 0.75 - Float(index) / 40])
  }

  private func write(_ folder: TemporaryFolder) throws -> ScoreCache {
    var cache = ScoreCache(folder: folder.path, key: Self.key)
    #expect(cache.count == 0 && !cache.isChanged)
    for (index, hash) in Self.hashes.enumerated() { cache.use(Self.entry(index), for: hash) }
    #expect(cache.isChanged)
    try cache.write()
    return cache
  }

  @Test func givesBackWhatItHolds() throws {
    let folder = try TemporaryFolder()
    _ = try write(folder)
    var read = ScoreCache(folder: folder.path, key: Self.key)
    #expect(read.count == 20)
    for (index, hash) in Self.hashes.enumerated() {
      #expect(read[hash] == Self.entry(index))
      read.use(Self.entry(index), for: hash)
    }
    #expect(!read.isChanged)
    #expect(read[ScoreCache.hash(of: [99])] == nil)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 1)
  }

  @Test(arguments: [
    ScoreCache.Key(model: "n", precision: "f32", view: "single", labels: ["a", "b", "c"]),
    ScoreCache.Key(model: "m", precision: "bf16", view: "single", labels: ["a", "b", "c"]),
    ScoreCache.Key(model: "m", precision: "f32", view: "flip-averaged", labels: ["a", "b", "c"]),
    ScoreCache.Key(model: "m", precision: "f32", view: "single", labels: ["a", "c", "b"]),
  ])
  func otherKeysHaveOtherFiles(key: ScoreCache.Key) throws {
    let folder = try TemporaryFolder()
    let written = try write(folder)
    let other = ScoreCache(folder: folder.path, key: key)
    #expect(other.count == 0 && other.path != written.path)
    // Not even under its name.
    try FileManager.default.copyItem(atPath: written.path, toPath: other.path)
    #expect(ScoreCache(folder: folder.path, key: key).count == 0)
  }

  @Test func whatIsDamagedCountsAsEmptyWhereverItIs() throws {
    let folder = try TemporaryFolder()
    let cache = try write(folder)
    let file = URL(fileURLWithPath: cache.path)
    let whole = try Data(contentsOf: file)
    for position in stride(from: 0, to: whole.count, by: 7) {
      var damaged = whole
      damaged[position] ^= 0x10
      try damaged.write(to: file)
      #expect(ScoreCache(folder: folder.path, key: Self.key).count == 0, "\(position)")
    }
    for length in [0, 5, 16, 40, whole.count / 2, whole.count - 1] {
      try whole.prefix(length).write(to: file)
      #expect(ScoreCache(folder: folder.path, key: Self.key).count == 0, "\(length)")
    }
    try (whole + Data(count: 8)).write(to: file)
    #expect(ScoreCache(folder: folder.path, key: Self.key).count == 0)
    try whole.write(to: file)
    #expect(ScoreCache(folder: folder.path, key: Self.key).count == 20)
  }

  @Test func sameEntriesMakeTheSameFile() throws {
    let (one, two) = (try TemporaryFolder(), try TemporaryFolder())
    let first = try write(one)
    var second = ScoreCache(folder: two.path, key: Self.key)
    for (index, hash) in Self.hashes.enumerated().reversed() { second.use(Self.entry(index), for: hash) }
    try second.write()
    #expect(
      try Data(contentsOf: URL(fileURLWithPath: first.path)) == Data(contentsOf: URL(fileURLWithPath: second.path)))
  }

  @Test func aFolderThatCannotBeMadeIsAnError() throws {
    let folder = try TemporaryFolder()
    try folder.write([1], to: "file")
    var cache = ScoreCache(folder: folder.path + "/file/cache", key: Self.key)
    cache.use(Self.entry(1), for: Self.hashes[1])
    #expect(throws: TrainingError.self) { try cache.write() }
  }
}
