import ArgumentParser
import Foundation
import Threads

struct StreamCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stream",
    abstract: "Tell the emotions of the faces before a camera, as they happen.",
    discussion: """
      Prints a line for each frame (docs/output.schema.json) and, if told so, serves the same lines to many clients at \
      once, on a UNIX socket and over HTTP. What there is no time for is skipped, and a "gap" line says so; a camera \
      or a server that breaks off is opened again.

      Settings may also stand in the file that --config names, and in the environment: rate: 30 and FERD_RATE=30 are \
      the same as --rate 30 (not so --backbone, --labels, --image-size and single bias factors). The command line wins over the environment, and that over the file. \
      SIGHUP reads the file and the models again. See docs/streaming.md and config/ferd.yaml.
      """)

  @Argument(
    help: ArgumentHelp(
      "A camera (/dev/video0; ferd devices lists them), a stream (rtsp://…, http://…), or a file at its own pace.",
      valueName: "source"))
  var source: String?

  @Option(
    help: ArgumentHelp("Settings; config/ferd.yaml explains them all. Default: $FERD_CONFIG.", valueName: "file"))
  var config: String?

  @Flag(inversion: .prefixedNo, help: "Start a file over at its end.")
  var loop: Bool?

  @Flag(
    inversion: .prefixedNo,
    help: "Play a file as a camera would: time does not wait, and what there is no time for is skipped.")
  var asCamera: Bool?

  @Flag(inversion: .prefixedNo, help: "Print the lines. Default: yes.")
  var stdout: Bool?

  @OptionGroup(title: "Camera options") var camera: CameraArguments
  @OptionGroup(title: "Output options") var sinks: SinkArguments
  @OptionGroup(title: "Work options") var work: WorkArguments
  @OptionGroup(title: "Model options") var model: ModelOptions
  @OptionGroup(title: "Detector options") var detector: DetectorOptions
  @OptionGroup(title: "Bias options") var bias: BiasOptions

  /// What the command line says, by keys of the configuration.
  private var values: [String: String] {
    var values = camera.values.merging(sinks.values) { $1 }.merging(work.values) { $1 }
    values["source"] = source
    values["loop"] = loop.map { "\($0)" }
    values["as-camera"] = asCamera.map { "\($0)" }
    values["stdout"] = stdout.map { "\($0)" }
    values["model"] = model.model
    values["precision"] = model.precision?.rawValue
    values["threads"] = model.threads.map { "\($0)" }
    values["detector"] = detector.detector
    values["detect-size"] = detector.detectSize.map { "\($0)" }
    return values
  }

  func run() throws {
    // First of all, before there are threads that would not know.
    let session = StreamSession()
    let environment = ProcessInfo.processInfo.environment
    let layers = ConfigurationLayers(
      file: config ?? environment[ConfigurationLayers.fileVariable].flatMap { $0.isEmpty ? nil : $0 },
      environment: environment,
      options: values)
    var loader = LiveModelLoader(declaration: model.declaration)
    if bias.isGiven { loader.biasOptions = bias }
    var arguments = RawArguments.ofProgram
    let sourcePath = source.map { arguments.path(for: $0) }
    let status = try waiting { [loader] in
      try await session.run(try await layers.load(), layers: layers, loader: loader, sourcePath: sourcePath)
    }
    try session.leave(status)
  }

  /// Keeps this thread, which has nothing else to do, until the work is done.
  private func waiting<Result: Sendable>(
    for work: @escaping @Sendable () async throws -> Result
  ) throws -> Result {
    let outcome = Handoff<Swift.Result<Result, any Error>>(capacity: 1)
    Task {
      do { outcome.put(.success(try await work())) } catch { outcome.put(.failure(error)) }
    }
    do {
      return try outcome.take()!.get()
    } catch let rejection as ConfigurationRejection {
      for problem in rejection.problems { Diagnostics.error("\(problem)") }
      throw ExitCode(rejection.status.rawValue)
    }
  }
}

/// Options of `ferd stream` that ask a camera for something. Their values are checked together with all others.
struct CameraArguments: ParsableArguments {
  @Option(help: ArgumentHelp("Width and height. Default: what suits the detector best.", valueName: "WxH"))
  var size: String?

  @Option(
    help: ArgumentHelp(
      "Frames per second: the camera's next higher rate, else its fastest. Default: 30.", valueName: "n"))
  var rate: String?

  @Option(
    help: ArgumentHelp("Pixel format, such as YUYV or MJPEG. Default: the cheapest to read.", valueName: "name"))
  var format: String?

  var values: [String: String] {
    ["size": size, "rate": rate, "format": format].compactMapValues { $0 }
  }
}

/// Options of `ferd stream` that say where lines go.
struct SinkArguments: ParsableArguments {
  @Option(help: ArgumentHelp("Append the lines to this file.", valueName: "file"))
  var output: String?

  @Option(
    help: ArgumentHelp(
      "Serve the lines on a UNIX socket: a path, @NAME (abstract), or systemd: (from a socket unit).",
      valueName: "path"))
  var socket: String?

  @Option(help: ArgumentHelp("Mode of the socket's file, octal. Default: 0600.", valueName: "mode"))
  var socketMode: String?

  @Option(help: ArgumentHelp("Group of the socket's file. Default: the program's own.", valueName: "group"))
  var socketGroup: String?

  @Option(
    help: ArgumentHelp(
      "Serve /events, /metrics, /healthz and /readyz here, such as 127.0.0.1:8080.", valueName: "address"))
  var http: String?

  var values: [String: String] {
    [
      "output": output, "socket": socket, "socket-mode": socketMode, "socket-group": socketGroup, "http": http,
    ].compactMapValues { $0 }
  }
}

/// Options of `ferd stream` that say how much is computed, and what is told of it.
struct WorkArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Look at the whole picture in every n-th frame at least. Default: as often as time allows.", valueName: "n"))
  var detectEvery: String?

  @Option(
    help: ArgumentHelp(
      "Score, between 0 and 1, that is enough for a face. Default: what the detector's evaluation found right.",
      valueName: "x"))
  var detectThreshold: String?

  @Option(
    help: ArgumentHelp(
      "Classify a face that seems unchanged again after so many frames. Default: as often as time allows.",
      valueName: "n"))
  var reclassifyEvery: String?

  @Option(
    help: ArgumentHelp(
      "Time constant of the smoothing of a face's scores; 0 switches it off. Default: 0.3.", valueName: "seconds"))
  var smooth: String?

  @Option(
    help: ArgumentHelp("Which members of the ensemble to use: full (all) or fast (the first).", valueName: "name"))
  var profile: String?

  @Option(
    help: ArgumentHelp(
      "What to tell on standard error: trace, debug, info, notice, warning, error, critical. Default: info.",
      valueName: "level"))
  var logLevel: String?

  var values: [String: String] {
    [
      "detect-every": detectEvery, "detect-threshold": detectThreshold, "reclassify-every": reclassifyEvery,
      "smooth": smooth, "profile": profile, "log-level": logLevel,
    ].compactMapValues { $0 }
  }
}
