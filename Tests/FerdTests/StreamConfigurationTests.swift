import Capture
import Foundation
import Logging
import TestSupport
import Testing

@testable import ferd

/// Reading `ferd stream`'s configuration: file, environment, command line.
struct StreamConfigurationTests {
  private static let minimum = ["source": "/dev/video0"]

  private func load(
    _ yaml: String? = nil, environment: [String: String] = [:], options: [String: String] = minimum
  ) async throws -> StreamConfiguration {
    let folder = try TemporaryFolder()
    let file = folder.path("ferd.yaml")
    if let yaml { try Data(yaml.utf8).write(to: URL(fileURLWithPath: file)) }
    return try await ConfigurationLayers(
      file: yaml == nil ? nil : file, environment: environment, options: options
    ).load()
  }

  private func problems(
    _ yaml: String? = nil, environment: [String: String] = [:], options: [String: String] = minimum
  ) async throws -> (status: ferd.ExitStatus, texts: [String]) {
    do {
      _ = try await load(yaml, environment: environment, options: options)
      return (.done, [])
    } catch let rejection as ConfigurationRejection {
      // Without the folder, which has another name every time.
      let texts = rejection.problems.map { $0.description.replacing(/^\/.*\/ferd\.yaml:/, with: "") }
      return (rejection.status, texts)
    }
  }

  @Test func everythingHasADefaultButTheSource() async throws {
    var expected = StreamConfiguration()
    expected.source = "/dev/video0"
    for yaml in [nil, "", "# nothing\n", "---\n", "{}"] {
      #expect(try await load(yaml) == expected, "\(yaml ?? "-")")
    }
    #expect(try await problems(options: [:]).texts.count == 1)
  }

  @Test func noticesVariablesThatNameNoSetting() {
    let layers = ConfigurationLayers(
      environment: ["FERD_RAET": "30", "FERD_RATE": "30", "FERD_CONFIG": "x", "FERDINAND": "1", "PATH": "/bin"])
    #expect(layers.unknownVariables == ["FERD_RAET"])
  }

  @Test func theShippedFileNamesEveryKeyAndGivesTheDefaults() async throws {
    let file = TestData.repository.appending(path: "config/ferd.yaml")
    let shipped = try await ConfigurationLayers(file: file.path).load()
    let defaults = StreamConfiguration()
    // What a service wants otherwise; the file says so.
    let others = ["source": "/dev/video0", "stdout": "false", "socket": "/run/ferd/ferd.sock"]
    let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
    for key in ConfigurationKey.all {
      #expect(key.text(shipped) == others[key.name] ?? key.text(defaults), "\(key.name)")
      let line = lines.filter { $0.hasPrefix("\(key.name): ") }
      #expect(line == ["\(key.name): \(key.text(shipped))"])
    }
    let named = lines.filter { !$0.hasPrefix("#") }.map { String($0.prefix { $0 != ":" }) }
    #expect(named == ConfigurationKey.all.map(\.name))
  }

  @Test func theShippedFileMarksWhatAReloadChanges() throws {
    let text = try String(contentsOf: TestData.repository.appending(path: "config/ferd.yaml"), encoding: .utf8)
    var comment = ""
    var marked: [String] = []
    for line in text.split(separator: "\n") {
      if line.hasPrefix("#") {
        comment += line
      } else {
        if comment.contains("[reload]") { marked.append(String(line.prefix { $0 != ":" })) }
        comment = ""
      }
    }
    // The head of the file explains the mark.
    #expect(marked.filter { $0 != "source" } == ConfigurationKey.all.filter(\.isReloadable).map(\.name))
  }

  static let values: [(key: String, text: String, check: @Sendable (StreamConfiguration) -> Bool)] = [
    ("source", "rtsp://camera/live", { $0.source == "rtsp://camera/live" }),
    ("loop", "yes", { $0.loops }), ("loop", "true", { $0.loops }), ("loop", "off", { !$0.loops }),
    ("size", "1280x720", { $0.size == CameraOptions.Size(width: 1280, height: 720) }),
    ("size", "auto", { $0.size == nil }),
    ("rate", "30", { $0.rate == 30 }), ("rate", "29.97", { $0.rate == 29.97 }),
    ("rate", "auto", { $0.rate == nil }),
    ("format", "yuyv", { $0.format == FourCC("YUYV") }), ("format", "MJPEG", { $0.format == FourCC("MJPG") }),
    ("as-camera", "true", { $0.playsAsCamera }),
    ("stdout", "no", { !$0.writesStandardOutput }),
    ("output", "/tmp/lines", { $0.output == "/tmp/lines" }), ("output", "none", { $0.output == nil }),
    ("socket", "'@ferd'", { $0.socket == "@ferd" }), ("socket", "none", { $0.socket == nil }),
    ("socket-mode", "0660", { $0.socketMode == 0o660 }), ("socket-mode", "666", { $0.socketMode == 0o666 }),
    ("socket-group", "video", { $0.socketGroup == "video" }),
    ("http", "127.0.0.1:8080", { $0.http == .init(host: "127.0.0.1", port: 8080) }),
    ("http", "'[::1]:80'", { $0.http == .init(host: "::1", port: 80) }),
    ("http", "8080", { $0.http == .init(host: "127.0.0.1", port: 8080) }),
    ("http", "localhost:0", { $0.http == .init(host: "localhost", port: 0) }),
    ("model", "/m", { $0.model == "/m" }), ("model", "default", { $0.model == nil }),
    ("profile", "fast", { $0.profile == .fast }), ("precision", "bf16", { $0.precision == .bf16 }),
    ("threads", "3", { $0.threads == 3 }), ("bias", "none", { $0.bias == .given("none") }),
    ("bias", "angry=1.4,neutral=1.2", { $0.bias == .given("angry=1.4,neutral=1.2") }),
    ("bias", "/b.json", { $0.bias == .given("/b.json") }), ("bias", "model", { $0.bias == .ofModel }),
    ("detector", "/d", { $0.detector == "/d" }), ("detect-size", "320", { $0.detectSize == 320 }),
    ("detect-every", "2", { $0.detectEvery == 2 }), ("detect-threshold", "0.6", { $0.detectThreshold == 0.6 }),
    ("reclassify-every", "5", { $0.reclassifyEvery == 5 }), ("smooth", "0", { $0.smooth == 0 }),
    ("log-level", "debug", { $0.logLevel == .debug }),
  ]

  @Test(arguments: values)
  func aValueIsTheSameInFileEnvironmentAndCommandLine(
    key: String, text: String, check: @Sendable (StreamConfiguration) -> Bool
  ) async throws {
    let plain = text.trimmingCharacters(in: ["'"])
    let variable = "FERD_" + key.uppercased().replacing("-", with: "_")
    let base = key == "source" ? [:] : key == "stdout" ? Self.minimum.merging(["output": "o"]) { $1 } : Self.minimum
    #expect(check(try await load("\(key): \(text)\n", options: base)))
    #expect(check(try await load(environment: [variable: plain], options: base)))
    #expect(check(try await load(options: base.merging([key: plain]) { $1 })))
  }

  @Test func everyKeyIsTriedHere() {
    #expect(Set(Self.values.map(\.key)) == Set(ConfigurationKey.all.map(\.name)))
  }

  @Test func theCommandLineWinsOverTheEnvironmentAndThatOverTheFile() async throws {
    let yaml = "rate: 10\nsmooth: 1\nthreads: 1\n"
    let environment = ["FERD_RATE": "20", "FERD_SMOOTH": "2", "FERD_THREADS": ""]
    let configuration = try await load(
      yaml, environment: environment, options: Self.minimum.merging(["rate": "30"]) { $1 })
    #expect(configuration.rate == 30 && configuration.smooth == 2 && configuration.threads == 1)
  }

  static let rejections: [(yaml: String, expected: [String])] = [
    ("rat: 30", ["1: \"rat\": no such key; did you mean rate?"]),
    ("Socket_Mode: 0600", ["1: \"Socket_Mode\": no such key; did you mean socket-mode?"]),
    ("colour: blue", ["1: \"colour\": no such key"]),
    ("loop: maybe", ["1: loop: expected true or false, found \"maybe\""]),
    (
      "size: 640",
      ["1: size: expected a width and a height up to 16384 such as 640x360, or auto, found \"640\""]
    ),
    (
      "size: 0x360",
      ["1: size: expected a width and a height up to 16384 such as 640x360, or auto, found \"0x360\""]
    ),
    ("rate: fast", ["1: rate: expected frames per second from 0.1 to 1000, or auto, found \"fast\""]),
    ("rate: .nan", ["1: rate: expected frames per second from 0.1 to 1000, or auto, found \".nan\""]),
    ("rate: nan", ["1: rate: expected frames per second from 0.1 to 1000, or auto, found \"nan\""]),
    ("rate: 0", ["1: rate: expected frames per second from 0.1 to 1000, or auto, found \"0\""]),
    (
      "format: a colourful one",
      [
        "1: format: expected a pixel format such as YUYV or MJPEG (ferd devices lists them), or auto, found \"a colourful one\""
      ]
    ),
    ("as-camera: perhaps", ["1: as-camera: expected true or false, found \"perhaps\""]),
    ("stdout: 2", ["1: stdout: expected true or false, found \"2\""]),
    ("output: ''", ["1: output: expected the path of a file, or none, found \"\""]),
    (
      "socket: \(String(repeating: "x", count: 104))",
      [
        "1: socket: expected a path or @ and a name of at most 103 bytes, systemd: (and a name), or none, "
          + "found \"\(String(repeating: "x", count: 60))…\""
      ]
    ),
    (
      "socket-mode: 0689",
      ["1: socket-mode: expected an octal file mode from 0000 to 0777 such as 0660, found \"0689\""]
    ),
    (
      "socket-mode: 1777",
      ["1: socket-mode: expected an octal file mode from 0000 to 0777 such as 0660, found \"1777\""]
    ),
    (
      "http: eighty",
      ["1: http: expected an address and a port such as 127.0.0.1:8080 or [::1]:8080, or none, found \"eighty\""]
    ),
    (
      "http: ::1:8080",
      ["1: http: expected an address and a port such as 127.0.0.1:8080 or [::1]:8080, or none, found \"::1:8080\""]
    ),
    (
      "http: localhost:65536",
      [
        "1: http: expected an address and a port such as 127.0.0.1:8080 or [::1]:8080, or none, found \"localhost:65536\""
      ]
    ),
    ("profile: slow", ["1: profile: expected one of full, fast, found \"slow\""]),
    ("precision: f16", ["1: precision: expected f32, bf16 or auto, found \"f16\""]),
    ("threads: 0", ["1: threads: expected a whole number from 1 to 1024, or auto, found \"0\""]),
    ("threads: 1.5", ["1: threads: expected a whole number from 1 to 1024, or auto, found \"1.5\""]),
    (
      "bias: angry=0",
      [
        "1: bias: expected model, none, a list such as angry=1.4,neutral=1.2 or the path of a bias.json, found \"angry=0\""
      ]
    ),
    ("detect-size: 31", ["1: detect-size: expected a whole number from 32 to 4096, found \"31\""]),
    ("detect-size: auto", ["1: detect-size: expected a whole number from 32 to 4096, found \"auto\""]),
    ("detect-every: 1001", ["1: detect-every: expected a whole number from 1 to 1000, or auto, found \"1001\""]),
    ("detect-threshold: 1", ["1: detect-threshold: expected a score between 0 and 1, or auto, found \"1\""]),
    (
      "reclassify-every: -1", ["1: reclassify-every: expected a whole number from 1 to 1000, or auto, found \"-1\""]
    ),
    ("smooth: -0.1", ["1: smooth: expected seconds from 0 to 3600, found \"-0.1\""]),
    (
      "log-level: loud",
      ["1: log-level: expected one of trace, debug, info, notice, warning, error, critical, found \"loud\""]
    ),
    // Wrong types.
    ("rate:", ["1: rate: expected frames per second from 0.1 to 1000, or auto, found no value"]),
    ("model: ~", ["1: model: expected the path of an ensemble folder or a model file, or default, found no value"]),
    ("smooth: [1, 2]", ["1: smooth: expected seconds from 0 to 3600, found a list"]),
    (
      "http:\n  port: 80",
      [
        "2: http: expected an address and a port such as 127.0.0.1:8080 or [::1]:8080, or none, found keys of its own"
      ]
    ),
    ("[a, b]: 1", ["1: expected a key, found a list"]),
    ("- rate\n- 30", ["1: expected lines such as \"rate: 30\", found a list"]),
    ("rate 30", ["1: expected lines such as \"rate: 30\", found \"rate 30\""]),
    // Twice, in every spelling.
    ("rate: 1\nrate: 2\n", ["2: rate: given again (first in line 1)"]),
    (
      "'rate': 1\n\"rate\": 2\nrate: x\n",
      [
        "2: rate: given again (first in line 1)", "3: rate: given again (first in line 1)",
        "3: rate: expected frames per second from 0.1 to 1000, or auto, found \"x\"",
      ]
    ),
    // The file itself.
    (
      "rate: 1\n---\nrate: 2\n",
      ["2: no YAML: expected a single document in the stream, but found another document"]
    ),
    (
      "smooth: x\nmodel: \"a\nrate: 3\n",
      [
        "1: smooth: expected seconds from 0 to 3600, found \"x\"",
        "4: no YAML: while scanning a quoted scalar, found unexpected end of stream",
      ]
    ),
    (
      "rate: 1\n\tsmooth: 1\n",
      ["2: no YAML: while scanning a plain scalar, found a tab character that violates indentation"]
    ),
    (
      "socket: @ferd\n",
      [
        "1: no YAML: while scanning for the next token, found character that cannot start any token; a value that "
          + "begins with it needs quotes"
      ]
    ),
    ("model: *other\n", ["1: no YAML: found undefined alias"]),
    ("rate: 1\nmodel: \u{1}\n", ["2: no YAML: control characters are not allowed"]),
    ("model: \u{E000}\n", ["1: a character for private use (U+E000)"]),
  ]

  @Test(arguments: rejections)
  func refusesWhatIsWrongAndSaysWhere(yaml: String, expected: [String]) async throws {
    let found = try await problems(yaml)
    #expect(found.texts == expected)
    #expect(found.status == .unreadable)
  }

  @Test func everyKeyIsRefusedSomewhere() {
    // Any text is a source, a group, a model and a detector.
    let free: Set = ["source", "socket-group", "detector"]
    let refused = Self.rejections.flatMap(\.expected).compactMap { text -> Substring? in
      text.split(separator: ": ").dropFirst().first
    }
    #expect(Set(ConfigurationKey.all.map(\.name)).subtracting(refused.map(String.init)) == free)
  }

  @Test func listsEverythingAtOnce() async throws {
    let found = try await problems(
      "rate: x\ncolour: 1\nsmooth: 1\nsmooth: -1\nthreads: [1]\n",
      environment: ["FERD_LOG_LEVEL": "loud", "FERD_DETECT_SIZE": "1"],
      options: ["format": "of all sorts", "stdout": "false"])
    #expect(
      found.texts == [
        "1: rate: expected frames per second from 0.1 to 1000, or auto, found \"x\"",
        "2: \"colour\": no such key",
        "4: smooth: given again (first in line 3)",
        "4: smooth: expected seconds from 0 to 3600, found \"-1\"",
        "5: threads: expected a whole number from 1 to 1024, or auto, found a list",
        "--format: expected a pixel format such as YUYV or MJPEG (ferd devices lists them), or auto, found \"of all sorts\"",
        "FERD_DETECT_SIZE: expected a whole number from 32 to 4096, found \"1\"",
        "FERD_LOG_LEVEL: expected one of trace, debug, info, notice, warning, error, critical, found \"loud\"",
      ], "what a refused file would have set is not called missing")
    #expect(
      try await problems(options: ["stdout": "false"]).texts == [
        "no source; name a device, a URL or a file, such as /dev/video0",
        "nowhere to write: stdout is off, and there is no output, socket or http",
      ])
    #expect(try await problems(environment: ["FERD_RATE": "x"]).status == .wrongUsage)
    #expect(try await problems(options: ["source": "a", "rate": "x"]).status == .wrongUsage)
  }

  @Test func refusesWhatIsNoUTF8WithItsLine() async throws {
    let folder = try TemporaryFolder()
    let file = folder.path("ferd.yaml")
    try (Data("rate: 1\nmodel: ".utf8) + Data([0xC3, 0x28])).write(to: URL(fileURLWithPath: file))
    await #expect(
      throws: ConfigurationRejection([ConfigurationProblem(place: .file(file, line: 2), text: "expected UTF-8")])
    ) { try await ConfigurationLayers(file: file, options: Self.minimum).load() }
  }

  @Test func refusesFilesThatCannotBeRead() async throws {
    let folder = try TemporaryFolder()
    for (path, status) in [(folder.path("none"), ferd.ExitStatus.noSuchInput), (folder.path(""), .unreadable)] {
      await #expect { try await ConfigurationLayers(file: path, options: Self.minimum).load() } throws: {
        ($0 as? ConfigurationRejection)?.status == status
      }
    }
    let large = folder.path("large")
    try Data(count: (1 << 20) + 1).write(to: URL(fileURLWithPath: large))
    await #expect { try await ConfigurationLayers(file: large, options: Self.minimum).load() } throws: {
      ($0 as? ConfigurationRejection)?.problems.first?.text.contains("1048576 bytes") == true
    }
  }
}
