import Foundation
import Logging
import TestSupport
import Threads
import Testing

@testable import ferd

struct ServiceManagerTests {
  @Test(arguments: [false, true]) func sendsDatagramsToAPathOrAName(isAbstract: Bool) throws {
    let folder = try TemporaryFolder()
    let name = isAbstract ? "@ferd-\(UUID().uuidString)" : folder.path("notify")
    let listener = try NotifySocket(name)
    let manager = try #require(ServiceManager(environment: ["NOTIFY_SOCKET": name]))
    manager.send(["READY=1", "STATUS=ok"])
    manager.send([])
    manager.send(["STOPPING=1"])
    #expect(listener.receive() == ["READY=1", "STATUS=ok"])
    #expect(listener.receive() == ["STOPPING=1"])
  }

  @Test func doesNotWaitForAManagerThatIsGoneOrDoesNotRead() throws {
    let folder = try TemporaryFolder()
    let listener = try NotifySocket(folder.path("notify"))
    let manager = try #require(ServiceManager(environment: ["NOTIFY_SOCKET": folder.path("notify")]))
    for _ in 0..<1000 { manager.send(["STATUS=" + String(repeating: "x", count: 1000)]) }
    #expect(listener.receive().count == 1)
    try FileManager.default.removeItem(atPath: folder.path("notify"))
    manager.send(["STATUS=x"])
  }

  @Test(arguments: [nil, "", "/", "relative", String(repeating: "/x", count: 60)])
  func nobodyIsThere(address: String?) {
    #expect(ServiceManager(environment: address.map { ["NOTIFY_SOCKET": $0] } ?? [:]) == nil)
  }

  private static let watchdogs: [(environment: [String: String], nanoseconds: UInt64?)] = [
    (["WATCHDOG_USEC": "30000000"], 30_000_000_000), (["WATCHDOG_USEC": "5", "WATCHDOG_PID": "7"], 5000),
    (["WATCHDOG_USEC": "5", "WATCHDOG_PID": "8"], nil), (["WATCHDOG_USEC": "0"], nil),
    (["WATCHDOG_USEC": "x"], nil),
    (["WATCHDOG_USEC": "18446744073709551615"], nil), ([:], nil),
  ]

  @Test(arguments: watchdogs)
  func knowsWhetherItIsWatched(environment: [String: String], expected: UInt64?) {
    let environment = environment.merging(["NOTIFY_SOCKET": "/run/notify"]) { $1 }
    #expect(ServiceManager(environment: environment, process: 7)?.watchdogNanoseconds == expected)
  }
}

struct ServiceReportTests {
  private let second: UInt64 = 1_000_000_000

  private func observed(_ frames: Int, _ progress: Int) -> ServiceReport.Observation {
    ServiceReport.Observation(frames: frames, progress: progress, status: "\(frames) frames")
  }

  @Test func isReadyWithTheFirstFrameAndOnlyOnce() {
    var report = ServiceReport(watchdogNanoseconds: nil)
    #expect(report.interval < second / 10)
    #expect(report.update(observed(0, 1), now: 1 * second).isEmpty)
    #expect(report.reloading(nowMicroseconds: 1).isEmpty)
    #expect(report.update(observed(1, 2), now: 2 * second) == ["READY=1", "STATUS=1 frames"])
    #expect(report.update(observed(9, 10), now: 3 * second).isEmpty)
    #expect(report.update(observed(99, 100), now: 12 * second) == ["STATUS=99 frames"])
  }

  /// How often systemd would have heard from a service, with its longest silence in seconds.
  private func run(seconds: Int, progress: (Int) -> Int) -> (fed: [Int], longestSilence: Int) {
    var report = ServiceReport(watchdogNanoseconds: 30 * second)
    var fed: [Int] = []
    for now in 0..<seconds {
      let lines = report.update(observed(1 + progress(now), progress(now)), now: UInt64(now) * second)
      if lines.contains("WATCHDOG=1") { fed.append(now) }
    }
    let silences = zip(fed, fed.dropFirst() + [seconds]).map { $1 - $0 }
    return (fed, silences.max() ?? seconds)
  }

  @Test func feedsTheWatchdogAtHalfItsTimeWhileSomethingMoves() {
    let (fed, silence) = run(seconds: 300) { $0 }
    #expect(silence <= 15 && (20...25).contains(fed.count))
  }

  @Test func slowProgressIsProgress() {
    #expect(run(seconds: 300) { $0 / 10 }.longestSilence <= 15)
  }

  @Test func letsTheWatchdogBiteWhereNothingMoves() {
    // From second 60 on nothing moves.
    let (fed, _) = run(seconds: 300) { min($0, 60) }
    #expect(fed.last! >= 45 && fed.last! < 60 + 15)
  }

  @Test func tellsAReloadWithItsTime() {
    var report = ServiceReport(watchdogNanoseconds: nil)
    _ = report.update(observed(1, 1), now: second)
    #expect(report.reloading(nowMicroseconds: 5).prefix(2) == ["RELOADING=1", "MONOTONIC_USEC=5"])
    #expect(report.reloaded("new model", now: 2 * second) == ["READY=1", "STATUS=new model"])
    #expect(report.update(observed(2, 2), now: 11 * second).isEmpty)
    #expect(report.update(observed(3, 3), now: 12 * second) == ["STATUS=3 frames"])
  }

  @Test func saysNothingAfterStopping() {
    var report = ServiceReport(watchdogNanoseconds: second)
    #expect(report.stopping().first == "STOPPING=1")
    #expect(report.stopping().isEmpty)
    #expect(report.update(observed(1, 1), now: second).isEmpty)
  }
}

struct SupervisorTests {
  /// Moves on whenever somebody looks, until it hangs.
  private final class Pipeline: Sendable {
    private let state = Guarded((count: 0, moves: true))

    func look() -> Int {
      state.withLock {
        if $0.moves { $0.count += 1 }
        return $0.count
      }
    }

    func hang() { state.withLock { $0.moves = false } }
  }

  @Test func feedsAWatchdogOnlyWhileThePipelineMoves() throws {
    let folder = try TemporaryFolder()
    let listener = try NotifySocket(folder.path("notify"))
    let manager = ServiceManager(
      environment: ["NOTIFY_SOCKET": folder.path("notify"), "WATCHDOG_USEC": "400000"])
    let pipeline = Pipeline()
    let supervisor = Supervisor(manager) {
      let number = pipeline.look()
      return ServiceReport.Observation(frames: number, progress: number, status: "moving")
    }
    #expect(listener.receive() == ["READY=1", "STATUS=moving", "WATCHDOG=1"])
    for _ in 0..<3 { #expect(listener.receive() == ["WATCHDOG=1"]) }
    supervisor.reloading()
    supervisor.reloaded("done")
    var lines: [String] = []
    while lines.last != "STATUS=done" { lines += listener.receive() }
    let moment = try #require(lines.first { $0.hasPrefix("MONOTONIC_USEC=") }.flatMap { UInt64($0.dropFirst(15)) })
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    #expect(Int64(now.tv_sec) - Int64(moment / 1_000_000) < 60)
    pipeline.hang()
    // Whatever was under way, and then nothing any more.
    usleep(600_000)
    listener.drain()
    usleep(600_000)
    #expect(!listener.hasMore)
    supervisor.stopping()
    #expect(listener.receive().first == "STOPPING=1")
  }
}

struct LineLogHandlerTests {
  private func logged(
    isJournal: Bool = false, level: Logger.Level = .info, _ body: (Logger, LineLogHandler.Shared) -> Void
  ) -> [String] {
    let box = LineBox()
    let shared = LineLogHandler.Shared(level: level, isJournal: isJournal) { box.add($0) }
    var logger = Logger(label: "ferd") { LineLogHandler(label: $0, shared: shared) }
    logger[metadataKey: "source"] = "/dev/video0"
    body(logger, shared)
    return box.lines
  }

  private final class LineBox: Sendable {
    private let storage = Guarded<[String]>([])
    var lines: [String] { storage.withLock { $0 } }
    func add(_ line: String) { storage.withLock { $0.append(line) } }
  }

  @Test func writesOneLineForEachEventWithItsCircumstances() throws {
    let lines = logged { logger, _ in
      logger.info("opened", metadata: ["width": "640", "name": "a \"b\"\nc", "empty": ""])
      logger.debug("not told")
    }
    let line = try #require(lines.first)
    #expect(lines.count == 1)
    #expect(line.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info ferd: .*\n/) != nil)
    #expect(line.hasSuffix(" info ferd: opened empty=\"\" name=\"a \\\"b\\\"?c\" source=/dev/video0 width=640\n"))
  }

  @Test func speaksTheJournalsLanguage() {
    let lines = logged(isJournal: true) { logger, _ in
      logger.warning("late")
      logger.critical("gone")
    }
    #expect(lines == ["<4>ferd: late source=/dev/video0\n", "<2>ferd: gone source=/dev/video0\n"])
  }

  @Test func changesItsLevelWhileItRuns() {
    let lines = logged { logger, shared in
      logger.debug("1")
      shared.setLevel(.debug)
      logger.debug("2")
      shared.setLevel(.error)
      logger.warning("3")
    }
    #expect(lines.count == 1)
  }

  @Test func knowsTheJournalByItsInode() throws {
    let pipe = Pipe()
    let descriptor = pipe.fileHandleForWriting.fileDescriptor
    var status = stat()
    fstat(descriptor, &status)
    let stream = "\(status.st_dev):\(status.st_ino)"
    #expect(LineLogHandler.Shared.isJournal(descriptor, ["JOURNAL_STREAM": stream]))
    #expect(!LineLogHandler.Shared.isJournal(descriptor, ["JOURNAL_STREAM": stream + "1"]))
    #expect(!LineLogHandler.Shared.isJournal(descriptor, [:]))
  }
}

struct ServiceUnitTests {
  private static let analyser = "/usr/bin/systemd-analyze"
  private static let unit = TestData.repository.appending(path: "config/ferd.service")

  /// Exposure from 0 to 10; the limit is in tenths.
  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: analyser), "systemd-analyze is not installed"))
  func exposesLittleOfTheSystem() throws {
    let (process, output) = (Process(), Pipe())
    process.executableURL = URL(fileURLWithPath: Self.analyser)
    process.arguments = ["security", "--offline=true", "--threshold=20", "--no-pager", Self.unit.path]
    process.standardOutput = output
    try process.run()
    let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(text)")
    #expect(text.contains("Overall exposure level"))
  }

  @Test func letsTheNetworksCompileTheirLoops() throws {
    let settings = try String(contentsOf: Self.unit, encoding: .utf8).split(separator: "\n").filter {
      !$0.hasPrefix("#")
    }
    // oneDNN writes machine code when it runs.
    #expect(!settings.contains { $0.hasPrefix("MemoryDenyWriteExecute=yes") })
    #expect(settings.contains("Type=notify") && settings.contains("SuccessExitStatus=143"))
    // Half of it must be longer than a server may take to answer and the pause before the next attempt.
    let watchdog = settings.first { $0.hasPrefix("WatchdogSec=") }.flatMap { Double($0.dropFirst(12)) }
    #expect(try #require(watchdog) / 2 > 10 + 5)
  }
}
