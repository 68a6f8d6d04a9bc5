import Capture
import Foundation
import Inference
import Logging
import Pipeline

/// One thing that `ferd stream` can be told: `rate: 30` in the file, `FERD_RATE=30` in the environment and `--rate 30` on
/// the command line are the same.
struct ConfigurationKey: Sendable {
  let name: String
  /// For messages: what a value must be.
  let expected: String
  /// SIGHUP changes it; all others need a restart.
  let isReloadable: Bool
  /// Takes a value over; false where it is not as expected.
  let apply: @Sendable (_ text: String, _ configuration: inout StreamConfiguration) -> Bool
  /// A configuration's value, as it would be written.
  let text: @Sendable (StreamConfiguration) -> String

  var environmentVariable: String {
    "FERD_" + name.uppercased().replacing("-", with: "_")
  }

  var option: String { "--" + name }

  private init(
    _ name: String, _ expected: String, isReloadable: Bool = false,
    text: @escaping @Sendable (StreamConfiguration) -> String,
    apply: @escaping @Sendable (_ text: String, _ configuration: inout StreamConfiguration) -> Bool
  ) {
    self.name = name
    self.expected = expected
    self.isReloadable = isReloadable
    self.apply = apply
    self.text = text
  }

  static func named(_ name: String) -> ConfigurationKey? { all.first { $0.name == name } }

  // In the order of config/ferd.yaml.
  static let all: [ConfigurationKey] = source + sinks + networks + [logLevel]

  private static let source: [ConfigurationKey] = [
    .text("source", "a device, a URL or a file", { $0.source }, word: nil) { $1.source = $0 },
    .boolean("loop", { $0.loops }) { $1.loops = $0 },
    .boolean("as-camera", { $0.playsAsCamera }) { $1.playsAsCamera = $0 },
    ConfigurationKey(
      "size", "a width and a height up to 16384 such as 640x360, or auto",
      text: { $0.size.map { "\($0)" } ?? "auto" },
      apply: { text, configuration in
        guard text != "auto" else { return set(&configuration.size, nil) }
        guard let size = CameraOptions.Size(text) else { return false }
        return set(&configuration.size, size)
      }),
    ConfigurationKey(
      "rate", "frames per second from 0.1 to 1000, or auto",
      text: { $0.rate.map { plain($0) } ?? "auto" },
      apply: { text, configuration in
        guard text != "auto" else { return set(&configuration.rate, nil) }
        guard let rate = Double(text), 0.1...1000 ~= rate else { return false }
        return set(&configuration.rate, rate)
      }),
    ConfigurationKey(
      "format", "a pixel format such as YUYV or MJPEG (ferd devices lists them), or auto",
      text: { $0.format.map { "\($0)" } ?? "auto" },
      apply: { text, configuration in
        guard text != "auto" else { return set(&configuration.format, nil) }
        guard let format = FourCC(text) else { return false }
        return set(&configuration.format, format)
      }),
  ]

  private static let sinks: [ConfigurationKey] = [
    .boolean("stdout", { $0.writesStandardOutput }) { $1.writesStandardOutput = $0 },
    .text("output", "the path of a file, or none", { $0.output }, word: "none") { $1.output = $0 },
    ConfigurationKey(
      "socket", "a path or @ and a name of at most 103 bytes, systemd: (and a name), or none",
      text: { $0.socket ?? "none" },
      apply: { text, configuration in
        guard text != "none" else { return set(&configuration.socket, nil) }
        guard (try? SocketEndpoint(parsing: text)) != nil else { return false }
        return set(&configuration.socket, text)
      }),
    ConfigurationKey(
      "socket-mode", "an octal file mode from 0000 to 0777 such as 0660",
      text: {
        String(repeating: "0", count: max(0, 4 - String($0.socketMode, radix: 8).count))
          + String($0.socketMode, radix: 8)
      },
      apply: { text, configuration in
        guard 3...4 ~= text.utf8.count, let mode = Int(text, radix: 8), 0...0o777 ~= mode else { return false }
        return set(&configuration.socketMode, mode)
      }),
    .text(
      "socket-group", "the name or number of a group, or none", { $0.socketGroup }, word: "none"
    ) { $1.socketGroup = $0 },
    ConfigurationKey(
      "http", "an address and a port such as 127.0.0.1:8080 or [::1]:8080, or none",
      text: { $0.http.map { "\($0)" } ?? "none" },
      apply: { text, configuration in
        guard text != "none" else { return set(&configuration.http, nil) }
        guard let address = try? HTTPAddress(parsing: text) else { return false }
        return set(&configuration.http, address)
      }),
  ]

  private static let networks: [ConfigurationKey] = [
    .text(
      "model", "the path of an ensemble folder or a model file, or default", isReloadable: true, { $0.model },
      word: "default"
    ) { $1.model = $0 },
    .choice("profile", EnsembleProfile.self, isReloadable: true, { $0.profile }) { $1.profile = $0 },
    ConfigurationKey(
      "precision", "f32, bf16 or auto", isReloadable: true,
      text: { $0.precision?.rawValue ?? "auto" },
      apply: { text, configuration in
        guard text != "auto" else { return set(&configuration.precision, nil) }
        guard let precision = Precision(rawValue: text) else { return false }
        return set(&configuration.precision, precision)
      }),
    .count("threads", 1...1024, word: "auto", { $0.threads }) { $1.threads = $0 },
    .text(
      "bias", "model, none, a list such as angry=1.4,neutral=1.2 or the path of a bias.json", isReloadable: true,
      { configuration in
        if case .given(let text) = configuration.bias { text } else { nil }
      }, word: "model", check: { !$0.contains("=") || (try? BiasOptions.parse(list: $0)) != nil }
    ) { $1.bias = $0.map { .given($0) } ?? .ofModel },
    .text(
      "detector", "the path of a detector (.safetensors), or default", isReloadable: true, { $0.detector },
      word: "default"
    ) { $1.detector = $0 },
    .count("detect-size", 32...4096, isReloadable: true, { $0.detectSize }) { $1.detectSize = $0 ?? $1.detectSize },
    .count("detect-every", 1...1000, word: "auto", { $0.detectEvery }) { $1.detectEvery = $0 },
    ConfigurationKey(
      "detect-threshold", "a score between 0 and 1, or auto", isReloadable: true,
      text: { $0.detectThreshold.map { plain($0) } ?? "auto" },
      apply: { text, configuration in
        guard text != "auto" else { return set(&configuration.detectThreshold, nil) }
        guard let score = Double(text), score > 0, score < 1 else { return false }
        return set(&configuration.detectThreshold, score)
      }),
    .count("reclassify-every", 1...1000, word: "auto", { $0.reclassifyEvery }) { $1.reclassifyEvery = $0 },
    ConfigurationKey(
      "smooth", "seconds from 0 to 3600",
      text: { plain($0.smooth) },
      apply: { text, configuration in
        guard let seconds = Double(text), 0...3600 ~= seconds else { return false }
        return set(&configuration.smooth, seconds)
      }),
  ]

  private static let logLevel = ConfigurationKey.choice(
    "log-level", Logger.Level.self, isReloadable: true, { $0.logLevel }
  ) { $1.logLevel = $0 }
}

// MARK: Kinds of values

extension ConfigurationKey {
  /// - Parameter word: stands for no value.
  private static func text(
    _ name: String, _ expected: String, isReloadable: Bool = false,
    _ value: @escaping @Sendable (StreamConfiguration) -> String?, word: String?,
    check: @escaping @Sendable (String) -> Bool = { _ in true },
    set: @escaping @Sendable (String?, inout StreamConfiguration) -> Void
  ) -> ConfigurationKey {
    ConfigurationKey(
      name, expected, isReloadable: isReloadable, text: { value($0) ?? word ?? "" },
      apply: { text, configuration in
        guard !text.isEmpty, !text.utf8.contains(0), text == word || check(text) else { return false }
        set(text == word ? nil : text, &configuration)
        return true
      })
  }

  /// - Parameter word: stands for no value; nil: there must be one.
  private static func count(
    _ name: String, _ range: ClosedRange<Int>, word: String? = nil, isReloadable: Bool = false,
    _ value: @escaping @Sendable (StreamConfiguration) -> Int?,
    set: @escaping @Sendable (Int?, inout StreamConfiguration) -> Void
  ) -> ConfigurationKey {
    ConfigurationKey(
      name, "a whole number from \(range.lowerBound) to \(range.upperBound)" + (word.map { ", or \($0)" } ?? ""),
      isReloadable: isReloadable, text: { value($0).map { "\($0)" } ?? word ?? "" },
      apply: { text, configuration in
        let number = Int(text)
        guard text == word || number.map({ range.contains($0) }) == true else { return false }
        set(number, &configuration)
        return true
      })
  }

  private static func choice<Value>(
    _ name: String, _: Value.Type, isReloadable: Bool = false,
    _ value: @escaping @Sendable (StreamConfiguration) -> Value,
    set: @escaping @Sendable (Value, inout StreamConfiguration) -> Void
  ) -> ConfigurationKey where Value: RawRepresentable<String> & CaseIterable & Sendable {
    let values = Dictionary(uniqueKeysWithValues: Value.allCases.map { ($0.rawValue, $0) })
    return ConfigurationKey(
      name, "one of " + Value.allCases.map(\.rawValue).joined(separator: ", "), isReloadable: isReloadable,
      text: { value($0).rawValue },
      apply: { text, configuration in
        guard let chosen = values[text] else { return false }
        set(chosen, &configuration)
        return true
      })
  }

  private static func boolean(
    _ name: String, _ value: @escaping @Sendable (StreamConfiguration) -> Bool,
    set: @escaping @Sendable (Bool, inout StreamConfiguration) -> Void
  ) -> ConfigurationKey {
    ConfigurationKey(
      name, "true or false", text: { value($0) ? "true" : "false" },
      apply: { text, configuration in
        switch text.lowercased() {
        case "true", "yes", "on", "1": set(true, &configuration)
        case "false", "no", "off", "0": set(false, &configuration)
        default: return false
        }
        return true
      })
  }

  private static func set<Value>(_ target: inout Value, _ value: Value) -> Bool {
    target = value
    return true
  }

  /// Without ".0".
  private static func plain(_ number: Double) -> String {
    Int(exactly: number).map { "\($0)" } ?? "\(number)"
  }
}
