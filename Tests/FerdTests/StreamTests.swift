import Foundation
import TestSupport
import Testing

/// `ferd stream` as a whole program, on a clip at its own pace.
struct StreamTests {
  private let folder: TemporaryFolder
  private let models: TestModels

  init() throws {
    folder = try TemporaryFolder()
    models = try TestModels(folder: folder.url)
  }

  private var socket: String { folder.path("s") }

  /// One second: a happy face, and from the 15th frame on a sad one beside it.
  private func clip() throws -> String {
    let path = folder.path("clip.mkv")
    try TestClips.write(path, frames: 25) { number in
      [.happy(column: 1, row: 1)] + (number < 15 ? [] : [.sad(column: 4, row: 2)])
    }
    return path
  }

  private func start(_ arguments: [String], output: Any? = nil, environment: [String: String] = [:]) throws
    -> StreamProcess
  {
    try StreamProcess(models.options + arguments, output: output, environment: environment)
  }

  private func sequences(_ objects: [ParsedJSON]) -> [Int] {
    objects.filter { $0["type"]?.string == "frame" }.compactMap { $0["seq"]?.integer }
  }

  // MARK: Lines

  @Test func printsEveryFrameOfAFileAtItsPace() throws {
    let schema = try JSONSchema(contentsOf: TestData.repository.appending(path: "docs/output.schema.json"))
    let clip = try clip()
    let stream = try start([clip])
    #expect(stream.output.waitUntilOver() && stream.status() == 0)
    let objects = try stream.output.objects()
    #expect(objects.flatMap { schema.problems(with: $0) } == [])
    #expect(objects.first?["type"]?.string == "hello" && objects.first?["source"]?.string == clip)
    #expect(sequences(objects) == Array(0..<25))
    #expect(objects.last?["type"]?.string == "end" && objects.last?["reason"]?.string == "eof")
    #expect(objects[5]["faces"]?[0]?["emotion"]?.string == "happy")
    #expect(objects.dropLast().last?["faces"]?.array?.count == 2)
    try stream.logged("ended")
  }

  @Test func defaultMeansTheBundledModelsWhateverTheEnvironmentSays() throws {
    let result = try FerdProcess.run(
      ["stream", "--model", "default", "--detector", "default", try clip()],
      environment: ["FERD_MODEL": "/nowhere", "FERD_DETECTOR": "/nowhere"])
    #expect(result.status == 0, "\(result.errors)")
  }

  @Test func loopsWithOneRunOfNumbersAndTimes() throws {
    let stream = try start([try clip(), "--loop"])
    #expect(stream.output.wait(count: 61))
    stream.send(SIGTERM)
    #expect(stream.status() == 143 && stream.output.waitUntilOver())
    let objects = try stream.output.objects()
    #expect(sequences(objects) == Array(0..<sequences(objects).count))
    let times = objects.compactMap { $0["pts_ns"]?.integer }
    #expect(zip(times, times.dropFirst()).allSatisfy { $1 - $0 == 40_000_000 })
    #expect(objects.last?["reason"]?.string == "signal")
  }

  @Test func playsAFileAsACameraWould() throws {
    let stream = try start([try clip(), "--as-camera"])
    #expect(stream.output.waitUntilOver() && stream.status() == 0)
    let objects = try stream.output.objects()
    #expect(objects.first?["policy"]?["frames"]?.string == "newest")
    // Frames or gaps in their place, and the time at which each frame would have been taken.
    let covered = objects.flatMap { line -> [Int] in
      if let number = line["seq"]?.integer { return [number] }
      guard let first = line["seq_from"]?.integer, let last = line["seq_to"]?.integer else { return [] }
      return Array(first...last)
    }
    #expect(covered == Array(0..<25))
    #expect(objects.filter { $0["type"]?.string == "frame" }.allSatisfy { $0["wall"]?.string != nil })
  }

  @Test func everyClientGetsTheSameLinesAndTheSocketGoesAtTheEnd() throws {
    let stream = try start([try clip(), "--loop", "--no-stdout", "--socket", socket])
    let clients = try (0..<3).map { _ in try SocketClient.connect(to: socket).collector() }
    var status = stat()
    #expect(lstat(socket, &status) == 0 && status.st_mode == S_IFSOCK | 0o600)
    #expect(clients[0].wait(count: 30))
    let late = try SocketClient.connect(to: socket).collector()
    #expect(late.wait(count: 5))
    stream.send(SIGTERM)
    #expect(stream.status() == 143)
    for client in clients + [late] {
      #expect(client.waitUntilOver() && client.rest.isEmpty)
      let objects = try client.objects()
      #expect(objects.first?["type"]?.string == "hello" && objects.last?["type"]?.string == "end")
      let numbers = sequences(objects)
      #expect(numbers == Array(numbers[0]..<numbers[0] + numbers.count))
    }
    // Whoever came later has nothing from before.
    #expect(clients[0].lines.suffix(late.lines.count - 1) == late.lines.dropFirst())
    #expect(stream.output.lines.isEmpty)
    #expect(!FileManager.default.fileExists(atPath: socket))
  }

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/socat"), "socat is not installed"))
  func anotherProgramReadsTheSocket() throws {
    let stream = try start([try clip(), "--loop", "--no-stdout", "--socket", socket])
    _ = try SocketClient.connect(to: socket)
    let (socat, pipe) = (Process(), Pipe())
    socat.executableURL = URL(fileURLWithPath: "/usr/bin/socat")
    socat.arguments = ["-u", "UNIX-CONNECT:\(socket)", "-"]
    socat.standardOutput = pipe
    try socat.run()
    let lines = LineCollector(pipe.fileHandleForReading.fileDescriptor, owner: pipe)
    #expect(lines.wait(count: 10))
    stream.send(SIGTERM)
    #expect(lines.waitUntilOver() && lines.lines.last?.contains(#""type":"end""#) == true)
    #expect(stream.status() == 143)
  }

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/curl"), "curl is not installed"))
  func tellsOverHTTPHowItFares() throws {
    let stream = try start([try clip(), "--loop", "--no-stdout", "--http", "127.0.0.1:0"])
    let line = try stream.logged("http=127.0.0.1:")
    let address = try #require(line.firstMatch(of: /http=(127\.0\.0\.1:\d+)/)?.1)
    #expect(stream.errors.wait { $0.contains("opened") } != nil)
    func get(_ path: String) throws -> String {
      let (curl, pipe) = (Process(), Pipe())
      curl.executableURL = URL(fileURLWithPath: "/usr/bin/curl")
      curl.arguments = ["-sS", "--max-time", "20", "http://\(address)/\(path)"]
      curl.standardOutput = pipe
      try curl.run()
      return String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    }
    #expect(try get("healthz") == "ok\n")
    var readiness = ""
    for _ in 0..<200 where readiness != "ready\n" {
      readiness = try get("readyz")
      usleep(20_000)
    }
    #expect(readiness == "ready\n")
    let metrics = try get("metrics")
    #expect(metrics.contains("ferd_frames_total ") && metrics.contains("version=\"0.1.0\""))
    stream.send(SIGTERM)
    #expect(stream.status() == 143)
  }

  // MARK: Ends

  @Test(arguments: [(SIGTERM, 143), (SIGINT, 130)])
  func endsWithinASecondThoughAClientStalls(signal: Int32, status: Int) throws {
    let stream = try start([try clip(), "--loop", "--no-stdout", "--socket", socket])
    let good = try SocketClient.connect(to: socket).collector()
    // Never reads.
    let stalled = try SocketClient.connect(to: socket)
    #expect(good.wait(count: 5))
    let start = ContinuousClock.now
    stream.send(signal)
    #expect(stream.status() == Int32(status))
    let duration = ContinuousClock.now - start
    #expect(duration < .seconds(1.2), "\(duration)")
    #expect(good.waitUntilOver() && good.lines.last?.contains(#""type":"end""#) == true)
    #expect(stalled.collector().waitUntilOver())
  }

  @Test func endsWithinASecondThoughNobodyReadsStandardOutput() throws {
    let pipe = Pipe()
    // Room for a few lines.
    _ = fcntl(pipe.fileHandleForWriting.fileDescriptor, 1031 /* F_SETPIPE_SZ */, 4096)
    let stream = try start([try clip(), "--loop"], output: pipe)
    try stream.logged("opened")
    usleep(500_000)
    let start = ContinuousClock.now
    stream.send(SIGTERM)
    #expect(stream.status() == 143)
    #expect(ContinuousClock.now - start < .seconds(1.2))
  }

  @Test func aReaderThatGoesAwayEndsItCleanly() throws {
    let pipe = Pipe()
    let stream = try start([try clip(), "--loop"], output: pipe)
    try pipe.fileHandleForWriting.close()
    let first = pipe.fileHandleForReading.readData(ofLength: 1)
    #expect(first == Data("{".utf8))
    try pipe.fileHandleForReading.close()
    #expect(stream.status() == 0)
  }

  @Test func comesBackAfterItWasKilled() throws {
    let arguments = [try clip(), "--loop", "--no-stdout", "--socket", socket]
    let killed = try start(arguments)
    #expect(try SocketClient.connect(to: socket).collector().wait(count: 3))
    killed.send(SIGKILL)
    #expect(killed.status() == 128 + SIGKILL)
    #expect(FileManager.default.fileExists(atPath: socket))
    let stream = try start(arguments)
    #expect(try SocketClient.connect(to: socket).collector().wait(count: 3))
    // Nobody takes a socket that lives.
    let second = try start(arguments)
    #expect(second.status() == 69)
    #expect(second.errors.lines.joined().contains(socket))
    #expect(try SocketClient.connect(to: socket).collector().wait(count: 3))
    stream.send(SIGTERM)
    #expect(stream.status() == 143)
  }

  // MARK: Files

  @Test func appendsToAFileAndGoesOnInANewOneAfterSIGHUP() throws {
    let file = folder.path("lines")
    let stream = try start([try clip(), "--loop", "--no-stdout", "--output", file])
    func lines(_ path: String) -> [Substring] {
      ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").split(separator: "\n")
    }
    while lines(file).count < 10 { usleep(5_000) }
    try FileManager.default.moveItem(atPath: file, toPath: file + ".1")
    stream.send(SIGHUP)
    try stream.logged("goes on in a new file")
    while lines(file).count < 10 { usleep(5_000) }
    stream.send(SIGTERM)
    #expect(stream.status() == 143)
    let (first, second) = (
      try lines(file + ".1").map { try ParsedJSON.parse($0) }, try lines(file).map { try ParsedJSON.parse($0) }
    )
    #expect(second.first?["type"]?.string == "hello" && second.last?["type"]?.string == "end")
    let numbers = sequences(first + second)
    #expect(numbers == Array(0..<numbers.count))
  }

  @Test func aFullDiskIs74AndLeavesWholeLines() throws {
    let clip = try clip()
    let file = folder.path("lines")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    // Files of at most 8 kB.
    process.arguments =
      ["-c", "ulimit -f 16; exec \"$@\"", "sh", FerdProcess.executable.path, "stream", clip, "--loop"]
      + models.options + ["--no-stdout", "--output", file, "--socket", socket]
    let errors = Pipe()
    process.standardError = errors
    try process.run()
    let client = try SocketClient.connect(to: socket).collector()
    let message = String(decoding: try errors.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    #expect(FerdProcess.status(of: process) == 74)
    #expect(message.contains("lines: File too large"), "\(message)")
    let content = try Data(contentsOf: URL(fileURLWithPath: file))
    #expect(content.count <= 8192 && content.last == UInt8(ascii: "\n"))
    let objects = try content.split(separator: UInt8(ascii: "\n")).map { try ParsedJSON.parse(Data($0)) }
    #expect(sequences(objects) == Array(0..<sequences(objects).count))
    #expect(client.waitUntilOver())
    let end = try #require(client.lines.last)
    #expect(end.contains(#""type":"end""#) && end.contains(#""reason":"error""#), "\(end)")
  }

  @Test func nowhereToWriteIs74() throws {
    let full = try #require(FileHandle(forWritingAtPath: "/dev/full"))
    let stream = try start([try clip(), "--loop"], output: full)
    #expect(stream.status() == 74)
    #expect(stream.errors.lines.joined().contains("No space left"))
    let other = try start([try clip(), "--loop", "--no-stdout", "--output", folder.path("none/x")])
    #expect(other.status() == 74)
    #expect(other.errors.lines.joined().contains("none/x"))
  }

  // MARK: What is wrong from the start

  @Test func tellsEverythingThatIsWrongAtOnce() throws {
    let file = folder.path("ferd.yaml")
    try Data("rate: fast\ncolour: blue\n".utf8).write(to: URL(fileURLWithPath: file))
    let result = try FerdProcess.run(
      ["stream", "--config", file, "--socket", String(repeating: "x", count: 200)],
      environment: ["FERD_LOG_LEVEL": "loud"])
    #expect(result.status == 65 && result.output.isEmpty)
    for part in ["ferd.yaml:1: rate", "ferd.yaml:2: \"colour\"", "--socket", "FERD_LOG_LEVEL"] {
      #expect(result.errors.contains(part), "\(part) in \(result.errors)")
    }
    #expect(try FerdProcess.run(["stream", "/dev/video0", "--rate", "x"]).status == 64)
    #expect(try FerdProcess.run(["stream", "--config", folder.path("none.yaml")]).status == 66)
  }

  @Test(arguments: [("none.mkv", 66), ("folder", 65)])
  func aSourceThatCannotBeReadIsAnError(name: String, status: Int) throws {
    try FileManager.default.createDirectory(
      atPath: folder.path("folder"), withIntermediateDirectories: true)
    let stream = try start([folder.path(name), "--socket", socket])
    #expect(stream.status() == Int32(status))
    #expect(stream.errors.waitUntilOver() && stream.errors.lines.joined().contains(name))
    #expect(stream.output.waitUntilOver() && stream.output.lines.isEmpty)
    #expect(!FileManager.default.fileExists(atPath: socket))
  }

  @Test func aSocketPathThatIsAnotherFileStaysAsItIs() throws {
    try Data("precious".utf8).write(to: URL(fileURLWithPath: socket))
    let stream = try start([try clip(), "--no-stdout", "--socket", socket])
    #expect(stream.status() == 64)
    #expect(try String(contentsOfFile: socket, encoding: .utf8) == "precious")
  }
}
