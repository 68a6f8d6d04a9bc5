import Configuration
import Foundation

/// Where a configuration comes from: a file, above it the environment, above that the command line.
///
/// SIGHUP reads the file again; the other two stay as they were at the start.
struct ConfigurationLayers: Sendable {
  /// nil: there is none.
  var file: String?
  var environment: [String: String] = [:]
  /// Values of the command line by key.
  var options: [String: String] = [:]

  /// Names the file itself, and so stands for no setting.
  static let fileVariable = "FERD_CONFIG"

  /// Variables that look like settings and are none: most likely mistyped. Nothing is wrong with them, as other programs'
  /// may begin alike.
  var unknownVariables: [String] {
    let known = Set(ConfigurationKey.all.map(\.environmentVariable) + [Self.fileVariable])
    return environment.keys.filter { $0.hasPrefix("FERD_") && !known.contains($0) }.sorted()
  }

  /// - Throws: `ConfigurationRejection` with everything that is wrong in all of them.
  func load() async throws -> StreamConfiguration {
    let fileProvider = try await checkedFile()
    // As everywhere in ferd, an empty variable counts as none.
    let environment = environment.filter { !$0.value.isEmpty }
    var providers: [any ConfigProvider] = [
      InMemoryProvider(
        name: "command line",
        values: Dictionary(
          uniqueKeysWithValues: options.map { (AbsoluteConfigKey([$0.key]), ConfigValue(stringLiteral: $0.value)) })
      ),
      EnvironmentVariablesProvider(environmentVariables: environment).prefixKeys(with: "ferd"),
    ]
    var problems: [ConfigurationProblem] = []
    switch fileProvider {
    case .success(let provider?): providers.append(provider)
    case .success(nil): break
    case .failure(let rejection): problems += rejection.problems
    }
    let reader = ConfigReader(providers: providers)
    var configuration = StreamConfiguration()
    for key in ConfigurationKey.all {
      guard let text = reader.string(forKey: ConfigKey([key.name])) else { continue }
      guard !key.apply(text, &configuration) else { continue }
      let place: ConfigurationProblem.Place =
        if options[key.name] != nil {
          .option(key.option)
        } else if environment[key.environmentVariable] != nil {
          .environment(variable: key.environmentVariable)
        } else {
          // Only where the file changed after it was looked through.
          .file(file ?? "", line: nil)
        }
      problems.append(ConfigurationProblem(place: place, text: "expected \(key.expected), found \"\(text)\""))
    }
    // What a refused file would have set is not known: nothing can be said to be missing.
    if case .success = fileProvider { problems += Self.contradictions(in: configuration) }
    guard problems.isEmpty else { throw ConfigurationRejection(problems) }
    return configuration
  }

  /// What is wrong although each value is right.
  private static func contradictions(in configuration: StreamConfiguration) -> [ConfigurationProblem] {
    var problems: [ConfigurationProblem] = []
    if configuration.source == nil {
      problems.append(
        ConfigurationProblem(
          place: .configuration, text: "no source; name a device, a URL or a file, such as /dev/video0"))
    }
    if !configuration.writesStandardOutput, configuration.output == nil, configuration.socket == nil,
      configuration.http == nil
    {
      problems.append(
        ConfigurationProblem(
          place: .configuration, text: "nowhere to write: stdout is off, and there is no output, socket or http"))
    }
    return problems
  }

  /// - Returns: nil for a file that holds nothing.
  /// - Throws: `ConfigurationRejection` (66) where there is no such file.
  private func checkedFile() async throws -> Result<(any ConfigProvider)?, ConfigurationRejection> {
    guard let file else { return .success(nil) }
    let checked = ConfigurationFile(try Self.read(file), path: file)
    guard checked.problems.isEmpty else { return .failure(ConfigurationRejection(checked.problems)) }
    guard checked.hasContent else { return .success(nil) }
    do {
      let place = InMemoryProvider(
        name: "place of the file", values: ["filePath": ConfigValue(stringLiteral: file)])
      return .success(try await FileProvider<YAMLSnapshot>(config: ConfigReader(provider: place)))
    } catch {
      return .failure(
        ConfigurationRejection([ConfigurationProblem(place: .file(file, line: nil), text: "\(error)")]))
    }
  }

  private static func read(_ path: String) throws(ConfigurationRejection) -> [UInt8] {
    func rejection(_ text: String, _ status: ExitStatus) -> ConfigurationRejection {
      ConfigurationRejection([ConfigurationProblem(place: .file(path, line: nil), text: text)], status: status)
    }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      let code = errno
      throw rejection(
        "cannot read the configuration: \(String(cString: strerror(code)))",
        code == ENOENT || code == ENOTDIR ? .noSuchInput : .unreadable)
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw rejection("expected a file with the configuration, found something else", .unreadable)
    }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while bytes.count <= ConfigurationFile.sizeLimit {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      if count == -1, errno == EINTR { continue }
      guard count >= 0 else {
        throw rejection("cannot read the configuration: \(String(cString: strerror(errno)))", .unreadable)
      }
      if count == 0 { break }
      bytes += buffer[..<count]
    }
    return bytes
  }
}
