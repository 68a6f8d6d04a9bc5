import Foundation
import Testing
import Threads

@testable import Pipeline

/// A pipe whose buffer is as small as it can be.
private struct SmallPipe {
  let reader: Int32
  let writer: Int32

  init() throws {
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    (reader, writer) = (ends[0], ends[1])
    try #require(fcntl(writer, 1031 /* F_SETPIPE_SZ */, 4096) == 4096)
  }

  /// Everything until the other end is closed.
  func rest() -> [String] {
    var received: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = read(reader, &buffer, buffer.count)
      guard count > 0 else { break }
      received += buffer[..<count]
    }
    close(reader)
    return String(decoding: received, as: UTF8.self).split(separator: "\n").map(String.init)
  }
}

struct DescriptorReceiverTests {
  private let failures = Guarded<[OutputError]>([])

  private func makeReceiver(
    _ descriptor: Int32, _ policy: DescriptorReceiver.SlowReaderPolicy, lines: Int = 5,
    metrics: StreamMetrics = testMetrics()
  ) -> DescriptorReceiver {
    let failures = failures
    return DescriptorReceiver(
      descriptor: descriptor, destination: "pipe", policy: policy,
      limits: LineQueueLimits(lines: lines, bytes: 1 << 20),
      metrics: metrics, onFailure: { error in failures.withLock { $0.append(error) } })
  }

  @Test func aSlowReaderOfAFileHoldsTheStreamUpAndLosesNothing() async throws {
    let pipe = try SmallPipe()
    let broadcaster = LineBroadcaster()
    broadcaster.add(makeReceiver(pipe.writer, .wait))
    let published = Guarded(0)
    let publisher = Task {
      await onThread {
        var stream = TestStream()
        broadcaster.publish(stream.hello)
        for _ in 0..<500 {
          broadcaster.publish(stream.frame())
          published.withLock { $0 += 1 }
        }
        broadcaster.publish(stream.end())
      }
    }
    // Without a reader it comes as far as pipe and queue reach.
    try await Task.sleep(for: .milliseconds(200))
    #expect(published.withLock { $0 } < 100)
    let lines = Task { await onThread { pipe.rest() } }
    await publisher.value
    await broadcaster.finish()
    close(pipe.writer)
    let coverage = Coverage(await lines.value)
    #expect(coverage.problems.isEmpty && coverage.hasEnd && coverage.gaps == 0 && coverage.frames == 500)
    #expect(failures.withLock { $0.isEmpty })
  }

  @Test func aSlowReaderOfACameraLosesTheOldestLinesAndIsToldWhich() async throws {
    let pipe = try SmallPipe()
    let metrics = testMetrics()
    let broadcaster = LineBroadcaster()
    broadcaster.add(makeReceiver(pipe.writer, .drop, metrics: metrics))
    var stream = TestStream()
    broadcaster.publish(stream.hello)
    let time = ContinuousClock().measure { for _ in 0..<500 { broadcaster.publish(stream.frame()) } }
    #expect(time < .seconds(2))
    let lines = Task { await onThread { pipe.rest() } }
    broadcaster.publish(stream.end())
    await broadcaster.finish()
    close(pipe.writer)
    let coverage = Coverage(await lines.value)
    #expect(coverage.problems.isEmpty && coverage.hasEnd && coverage.gaps >= 1)
    #expect(coverage.frames + coverage.lost == 500 && coverage.lost > 400)
    #expect(metrics.figure(#"ferd_lines_lost_total{sink="stdout"}"#) == Double(coverage.lost))
  }

  @Test func aReaderThatGoesAwayIsTold() async throws {
    signal(SIGPIPE, SIG_IGN)
    let pipe = try SmallPipe()
    let receiver = makeReceiver(pipe.writer, .wait)
    close(pipe.reader)
    var stream = TestStream()
    receiver.receive(stream.hello)
    #expect(await eventually { failures.withLock { $0 } == [.readerGone] })
    // Nobody waits for it.
    for _ in 0..<100 { receiver.receive(stream.frame()) }
    await receiver.finish(by: .now + .seconds(5))
    #expect(failures.withLock { $0.count } == 1)
    close(pipe.writer)
  }

  @Test func whoIsAskedToEndWaitsForNobody() async throws {
    let pipe = try SmallPipe()
    let broadcaster = LineBroadcaster()
    broadcaster.add(makeReceiver(pipe.writer, .wait))
    let isDone = Guarded(false)
    Thread.detachNewThread {
      var stream = TestStream()
      broadcaster.publish(stream.hello)
      for _ in 0..<200 { broadcaster.publish(stream.frame()) }
      broadcaster.publish(stream.end())
      isDone.withLock { $0 = true }
    }
    try await Task.sleep(for: .milliseconds(100))
    #expect(!isDone.withLock { $0 })
    broadcaster.stopWaiting()
    #expect(await eventually { isDone.withLock { $0 } })
    let start = ContinuousClock.now
    await broadcaster.finish()
    // Asked for are 0.8 s; the machine may be busy.
    #expect(.now - start < .seconds(2))
    // Ends the thread that writes.
    let lines = Task { await onThread { pipe.rest() } }
    try await Task.sleep(for: .milliseconds(100))
    close(pipe.writer)
    #expect(Coverage(await lines.value).problems.isEmpty)
  }

  @Test(.enabled(if: SmallDisk.isPossible, "only root may mount a disk that is small enough"))
  func aDiskThatIsFullKeepsWholeLines() async throws {
    let disk = try SmallDisk(bytes: 16_384)
    let file = open("\(disk.path)/lines", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    let receiver = makeReceiver(file, .wait)
    var stream = TestStream()
    receiver.receive(stream.hello)
    for _ in 0..<200 { receiver.receive(stream.frame()) }
    await receiver.finish(by: .now + .seconds(5))
    close(file)
    #expect(failures.withLock { $0 } == [.failed(destination: "pipe", "No space left on device")])
    let text = try String(contentsOfFile: "\(disk.path)/lines", encoding: .utf8)
    #expect(text.hasSuffix("}\n"))
    let coverage = Coverage(text.split(separator: "\n").map(String.init))
    #expect(coverage.problems.isEmpty && coverage.frames > 10 && coverage.frames < 200)
  }
}

/// A file system in memory that is soon full.
private final class SmallDisk {
  let path: String

  static let isPossible = getuid() == 0 && (try? SmallDisk(bytes: 8192)) != nil

  init(bytes: Int) throws {
    path = "/tmp/ferd-disk-\(UInt32.random(in: 0...UInt32.max))"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    let isMounted = mount("none", path, "tmpfs", 0, "size=\(bytes)") == 0
    if !isMounted {
      rmdir(path)
      throw POSIXError(.EPERM)
    }
  }

  deinit {
    umount2(path, Int32(MNT_DETACH))
    rmdir(path)
  }
}
