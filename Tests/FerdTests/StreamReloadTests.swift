import Foundation
import TestSupport
import Testing

/// What SIGHUP and a service manager see of `ferd stream`.
struct StreamReloadTests {
  private let folder: TemporaryFolder
  private let models: TestModels

  init() throws {
    folder = try TemporaryFolder()
    models = try TestModels(folder: folder.url)
  }

  private var socket: String { folder.path("s") }
  private var configuration: String { folder.path("ferd.yaml") }

  /// One face that stays, so that its track must, too.
  private func start(_ settings: String = "", environment: [String: String] = [:]) throws -> StreamProcess {
    let clip = folder.path("clip.mkv")
    try TestClips.write(clip, frames: 50) { _ in [.happy(column: 2, row: 1)] }
    try configure(settings)
    return try StreamProcess(
      [
        clip, "--loop", "--no-stdout", "--socket", socket, "--config", configuration, "--detector", models.detector,
        // This detector knows squares on its own grid only, and regions have theirs.
        "--detect-every", "1",
      ],
      environment: environment)
  }

  private func configure(_ settings: String) throws {
    // A model among them, so that it can be changed.
    let text = settings.contains("model:") ? settings : "model: \(models.ensemble)\n" + settings
    try Data(text.utf8).write(to: URL(fileURLWithPath: configuration))
  }

  /// All that a client got: one stream without a loss, a track and a face in every frame.
  private func check(_ client: LineCollector) throws -> [ParsedJSON] {
    let objects = try client.objects()
    let frames = objects.filter { $0["type"]?.string == "frame" }
    let numbers = frames.compactMap { $0["seq"]?.integer }
    #expect(numbers == Array((numbers.first ?? 0)..<(numbers.first ?? 0) + frames.count))
    #expect(!objects.contains { $0["type"]?.string == "gap" })
    #expect(Set(frames.compactMap { $0["faces"]?[0]?["track"]?.integer }) == [1])
    #expect(frames.allSatisfy { $0["faces"]?.array?.count == 1 })
    return objects
  }

  @Test func aReloadChangesModelAndBiasWithoutLosingAnything() throws {
    let stream = try start()
    let client = try SocketClient.connect(to: socket).collector()
    #expect(client.wait(count: 5))
    try configure("bias: happy=3,sad=2\nlog-level: debug\n")
    stream.send(SIGHUP)
    try stream.logged("reloaded")
    let hello = client.wait { $0.contains(#""type":"hello""#) && $0.contains(#""happy":3"#) }
    #expect(hello != nil)
    // Another model, whose name shows.
    try FileManager.default.copyItem(atPath: models.model, toPath: folder.path("other.safetensors"))
    try configure("model: \(folder.path("other.safetensors"))\n")
    stream.send(SIGHUP)
    #expect(client.wait { $0.contains(#""model":"other@"#) } != nil)
    #expect(client.wait(count: client.lines.count + 10))
    stream.send(SIGTERM)
    #expect(stream.status() == 143 && client.waitUntilOver())
    let objects = try check(client)
    let hellos = objects.filter { $0["type"]?.string == "hello" }
    #expect(hellos.count == 3)
    #expect(hellos[0]["bias"]?["angry"]?.number == 2 && hellos[1]["bias"]?["angry"]?.number == 1)
    #expect(hellos[2]["bias"]?["happy"]?.number == 1)
  }

  /// The configuration after which nothing may have changed, and what the log must say.
  static let mistakes: [(settings: String, logged: String)] = [
    ("bias: happy=0\n", "bias: expected"), ("colour: blue\n", "no such key"), ("bias: glad=2\n", "glad"),
    ("bias: /nowhere/bias.json\n", "/nowhere/bias.json"), ("model: /nowhere\n", "/nowhere"),
    ("model: /proc/self/status\n", "/proc/self/status"), ("rate: [\n", "no YAML"),
  ]

  @Test func badConfigurationsAndModelsLeaveEverythingAsItIs() throws {
    let stream = try start("bias: happy=3\n")
    let client = try SocketClient.connect(to: socket).collector()
    #expect(client.wait(count: 5))
    for (index, mistake) in Self.mistakes.enumerated() {
      try configure(mistake.settings)
      let before = stream.errors.lines.count
      stream.send(SIGHUP)
      while stream.errors.lines.dropFirst(before).first(where: { $0.contains("everything stays as it is") }) == nil
      {
        try #require(stream.process.isRunning, "\(index)")
        usleep(5_000)
      }
      let told = stream.errors.lines.dropFirst(before).joined(separator: "\n")
      #expect(told.contains(mistake.logged), "\(told)")
    }
    try FileManager.default.removeItem(atPath: configuration)
    stream.send(SIGHUP)
    try stream.logged("cannot read the configuration")
    #expect(client.wait(count: client.lines.count + 5))
    stream.send(SIGTERM)
    #expect(stream.status() == 143 && client.waitUntilOver())
    #expect(try check(client).count { $0["type"]?.string == "hello" } == 1)
  }

  @Test func namesWhatNeedsARestart() throws {
    let stream = try start()
    let client = try SocketClient.connect(to: socket).collector()
    #expect(client.wait(count: 3))
    try configure("threads: 7\nsmooth: 2\nbias: sad=2\nloop: false\n")
    stream.send(SIGHUP)
    // The command line says loop, so that stays.
    #expect(try stream.logged("needs a restart").contains("settings=\"threads smooth\""))
    #expect(client.wait { $0.contains(#""type":"hello""#) && $0.contains(#""sad":2"#) } != nil)
    stream.send(SIGTERM)
    #expect(stream.status() == 143)
  }

  @Test func manySignalsAtOnceAreNoHarm() throws {
    let stream = try start()
    let client = try SocketClient.connect(to: socket).collector()
    #expect(client.wait(count: 3))
    for _ in 0..<50 {
      stream.send(SIGHUP)
      usleep(2_000)
    }
    try stream.logged("reloaded")
    #expect(client.wait(count: client.lines.count + 10))
    stream.send(SIGTERM)
    #expect(stream.status() == 143 && client.waitUntilOver())
    _ = try check(client)
  }

  @Test func tellsTheServiceManagerHowItFares() throws {
    let manager = try NotifySocket(folder.path("notify"))
    let stream = try start(
      environment: ["NOTIFY_SOCKET": folder.path("notify"), "WATCHDOG_USEC": "1000000"])
    var heard: [String] = []
    func hear(_ line: String) throws {
      while !heard.contains(line) {
        let lines = manager.receive()
        try #require(!lines.isEmpty, "\(line) was not told, but \(heard)")
        heard += lines
      }
    }
    try hear("READY=1")
    heard = []
    stream.send(SIGHUP)
    try hear("RELOADING=1")
    #expect(heard.contains { $0.hasPrefix("MONOTONIC_USEC=") })
    heard = []
    try hear("READY=1")
    #expect(heard.contains { $0.hasPrefix("STATUS=Reloaded: ") })
    stream.send(SIGTERM)
    try hear("STOPPING=1")
    #expect(stream.status() == 143)
  }

  @Test func aWatchdogIsFedWhileFramesFlowAndNoLonger() throws {
    let manager = try NotifySocket(folder.path("notify"))
    // A pipe whose writer falls asleep: nothing moves any more, and nobody says that it is over.
    let (clip, pipe) = (folder.path("clip.mkv"), folder.path("pipe"))
    try TestClips.write(clip, frames: 75) { _ in [.happy(column: 2, row: 1)] }
    mkfifo(pipe, 0o600)
    let writer = open(pipe, O_RDWR | O_CLOEXEC)
    defer { close(writer) }
    let content = try Data(contentsOf: URL(fileURLWithPath: clip))
    _ = fcntl(writer, 1031 /* F_SETPIPE_SZ */, 1 << 20)
    try #require(content.count < 1 << 20)
    #expect(content.withUnsafeBytes { write(writer, $0.baseAddress!, $0.count) } == content.count)
    let stream = try StreamProcess(
      models.options + [pipe, "--no-stdout", "--socket", socket],
      environment: ["NOTIFY_SOCKET": folder.path("notify"), "WATCHDOG_USEC": "1000000"])
    let client = try SocketClient.connect(to: socket).collector()
    var fed = 0
    while fed < 4 {
      let lines = manager.receive()
      try #require(!lines.isEmpty)
      if lines.contains("WATCHDOG=1") { fed += 1 }
    }
    // FFmpeg keeps the last frames back until it knows that no more come.
    var count = -1
    while client.lines.count != count {
      count = client.lines.count
      usleep(700_000)
    }
    manager.drain()
    usleep(1_500_000)
    #expect(!manager.hasMore)
    #expect(stream.process.isRunning && !client.isOver)
    stream.send(SIGTERM)
    #expect(stream.status() == 143)
  }
}
