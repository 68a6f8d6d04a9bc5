import Foundation
import Logging
import Pipeline

/// The places where a stream's lines go.
final class StreamSinks: Sendable {
  private let configuration: StreamConfiguration
  private let ending: StreamEnding
  private let metrics: StreamMetrics
  private let logger: Logger
  private let file: LineFile?

  /// - Throws: `OutputError` where the file cannot be opened.
  init(
    _ configuration: StreamConfiguration, ending: StreamEnding, metrics: StreamMetrics, logger: Logger
  ) throws(OutputError) {
    self.configuration = configuration
    self.ending = ending
    self.metrics = metrics
    self.logger = logger
    if let path = configuration.output { file = try LineFile(path: path) } else { file = nil }
  }

  /// Opens socket and HTTP; from then on clients may come.
  ///
  /// - Throws: `SinkError`.
  func startServers() async throws {
    if let socket = configuration.socket {
      var settings = SocketServerSettings()
      settings.permissions = SocketPermissions(
        mode: UInt32(configuration.socketMode), group: configuration.socketGroup)
      let endpoint = try SocketEndpoint(parsing: socket)
      ending.broadcaster.add(
        try await SocketServer.start(endpoint, settings: settings, metrics: metrics, logger: logger))
      logger.info("serving lines", metadata: ["socket": "\(endpoint)"])
    }
    if let address = configuration.http {
      let server = try await HTTPServer.start(address, metrics: metrics, logger: logger)
      ending.broadcaster.add(server)
      logger.info("serving lines", metadata: ["http": "\(server.address)"])
    }
  }

  /// Opens what may hold the stream up, where that is no camera.
  func begin(isLive: Bool) {
    let policy = isLive ? DescriptorReceiver.SlowReaderPolicy.drop : .wait
    if configuration.writesStandardOutput {
      ending.broadcaster.add(
        DescriptorReceiver(policy: policy, metrics: metrics) { [ending] in ending.endByFailure($0) })
    }
    if let file {
      ending.broadcaster.add(
        DescriptorReceiver(
          descriptor: file.descriptor, destination: file.path, kind: .file, policy: policy, metrics: metrics
        ) { [ending] in ending.endByFailure($0) })
    }
  }

  /// Goes on in a new file where the old one was moved away.
  func reopen(firstLine: [UInt8]?) {
    do {
      if try file?.reopen(firstLine: firstLine) == true {
        logger.notice("goes on in a new file", metadata: ["output": "\(file!.path)"])
      }
    } catch {
      logger.error("goes on in the old file", metadata: ["problem": "\(error)"])
    }
  }

  /// To be called when all lines are written.
  func finish() {
    do throws(OutputError) { try file?.finish() } catch { ending.endByFailure(error) }
  }
}
