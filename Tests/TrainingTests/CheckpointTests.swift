import Foundation
import TestSupport
import Testing

@testable import Training

struct CheckpointTests {
  private struct State: Codable, Equatable {
    var epoch: Int
    var loss: Double
    var note: String
  }

  private func temporaryPath() -> String {
    FileManager.default.temporaryDirectory.appending(path: "ferd-\(UUID().uuidString).ckpt").path
  }

  private func sample() throws -> Checkpoint {
    var checkpoint = try Checkpoint(state: State(epoch: 3, loss: 0.1 + 0.2, note: "\"quoted\" ä"))
    checkpoint.append("values", (0..<1001).map { Float($0) * 0.37 - 5 })
    checkpoint.append("momentum", [])
    checkpoint.append("average", [.infinity, -0.0, .leastNonzeroMagnitude])
    return checkpoint
  }

  @Test func comesBackBitForBit() throws {
    let path = temporaryPath()
    defer { try? FileManager.default.removeItem(atPath: path) }
    let written = try sample()
    try written.write(to: path)
    let read = try Checkpoint.read(from: path)
    #expect(read.bufferNames == ["values", "momentum", "average"])
    for name in read.bufferNames {
      #expect(read.values(name)?.map(\.bitPattern) == written.values(name)?.map(\.bitPattern))
    }
    #expect(try read.decodeState(State.self, path: path) == State(epoch: 3, loss: 0.1 + 0.2, note: "\"quoted\" ä"))
  }

  @Test func noDamageGoesUnnoticed() throws {
    let path = temporaryPath()
    defer { try? FileManager.default.removeItem(atPath: path) }
    try sample().write(to: path)
    let sound = try Data(contentsOf: URL(fileURLWithPath: path))
    var random = RandomGenerator(seed: 1)
    for trial in 0..<200 {
      var damaged = sound
      switch trial % 3 {
      case 0: damaged[Int(random.next() % UInt64(sound.count))] ^= UInt8(1 << (random.next() % 8))
      case 1: damaged = sound.prefix(Int(random.next() % UInt64(sound.count)))
      default: damaged.append(contentsOf: [UInt8](repeating: 0, count: 1 + trial % 16))
      }
      try damaged.write(to: URL(fileURLWithPath: path))
      #expect(throws: TrainingError.self) { try Checkpoint.read(from: path) }
    }
  }

  @Test func refusesForeignFilesByName() throws {
    let path = temporaryPath()
    defer { try? FileManager.default.removeItem(atPath: path) }
    #expect(throws: TrainingError.noSuchInput(path: path, "no such checkpoint")) { try Checkpoint.read(from: path) }
    try Data("hello".utf8).write(to: URL(fileURLWithPath: path))
    #expect(throws: TrainingError.invalidCheckpoint(path: path, "is no checkpoint (5 bytes)")) {
      try Checkpoint.read(from: path)
    }
  }

  @Test func aCheckpointThatDoesNotFitChangesNothing() throws {
    let checkpoint = try sample()
    var values = [Float](repeating: 7, count: 1001)
    var momentum: [Float] = []
    var average = [Float](repeating: 7, count: 2)
    values.withUnsafeMutableBufferPointer { values in
      momentum.withUnsafeMutableBufferPointer { momentum in
        average.withUnsafeMutableBufferPointer { average in
          let all = [("values", values), ("momentum", momentum), ("average", average)]
          #expect(
            throws: TrainingError.invalidCheckpoint(
              path: "x", "expected 2 values for \"average\", it has 3")
          ) { try checkpoint.restore(all, path: "x") }
          #expect(
            throws: TrainingError.invalidCheckpoint(
              path: "x", "has values for \"average\", which this run does not know")
          ) { try checkpoint.restore(Array(all.prefix(2)), path: "x") }
          #expect(throws: TrainingError.invalidCheckpoint(path: "x", "has no values for \"other\"")) {
            try checkpoint.restore([("values", values), ("other", momentum)], path: "x")
          }
        }
      }
    }
    #expect(values.allSatisfy { $0 == 7 } && average == [7, 7])
  }

  @Test(.timeLimit(.minutes(1))) func whatIsNoFileIsRefusedWithoutWaiting() throws {
    let folder = try TemporaryFolder()
    let pipe = folder.url.appending(path: "last.ckpt").path
    try #require(mkfifo(pipe, 0o600) == 0)
    #expect(throws: TrainingError.invalidCheckpoint(path: pipe, "not a regular file")) {
      try Checkpoint.read(from: pipe)
    }
    #expect(throws: TrainingError.invalidCheckpoint(path: folder.path, "not a regular file")) {
      try Checkpoint.read(from: folder.path)
    }
  }
}
