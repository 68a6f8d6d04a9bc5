import ArgumentParser
import Capture
import Foundation

struct DevicesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "devices",
    abstract: "List the cameras, and their formats, sizes and rates.",
    discussion: """
      With --json: one JSON object (docs/devices.schema.json). Cameras that cannot be looked at are told on standard \
      error, and under "problems". A device that is named must be a camera: otherwise the exit status is 66 or 69.
      """)

  @Argument(help: ArgumentHelp("Cameras to tell about. Default: all.", valueName: "device"))
  var paths: [String] = []

  @Flag(help: "One JSON object instead of text.")
  var json = false

  func run() throws {
    let found = paths.isEmpty ? CameraSource.list() : paths.map { CameraSource.look(at: $0) }
    let report = DeviceReport(found)
    if json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      try StandardOutput.write(String(decoding: try encoder.encode(report), as: UTF8.self) + "\n")
    } else {
      try StandardOutput.write(report.text)
    }
    let failures = found.compactMap { entry in
      if case .failure(let error) = entry { CommandFailure(wrapping: error) } else { nil }
    }
    for failure in failures {
      if paths.isEmpty { Diagnostics.warning(failure.message) } else { Diagnostics.error(failure.message) }
    }
    if found.isEmpty { Diagnostics.note("no cameras found") }
    if !paths.isEmpty, let worst = failures.map(\.status).max() { throw ExitCode(worst.rawValue) }
  }
}

/// What `ferd devices` prints.
struct DeviceReport: Encodable, Equatable {
  struct Camera: Encodable, Equatable {
    var path: String
    var links: [String]
    var name: String
    var driver: String
    var bus: String
    var formats: [Format]
  }

  struct Format: Encodable, Equatable {
    var format: String
    var description: String
    /// As `CameraReading`; nil for formats that ferd cannot read.
    var reading: String?
    var sizes: [Sizes]
  }

  /// One size, or a grid of them: then `width` and `height` are the smallest.
  struct Sizes: Encodable, Equatable {
    var width: Int
    var height: Int
    var maxWidth: Int?
    var maxHeight: Int?
    var stepWidth: Int?
    var stepHeight: Int?
    var rates: [Rates]

    enum CodingKeys: String, CodingKey {
      case width, height, rates
      case maxWidth = "max_width"
      case maxHeight = "max_height"
      case stepWidth = "step_width"
      case stepHeight = "step_height"
    }
  }

  /// One rate in frames per second (then both are the same), or all between two.
  struct Rates: Encodable, Equatable {
    var min: Double
    var max: Double
  }

  struct Problem: Encodable, Equatable {
    var path: String
    var message: String
  }

  var version = 1
  var cameras: [Camera] = []
  var problems: [Problem] = []

  enum CodingKeys: String, CodingKey {
    case cameras, problems
    case version = "v"
  }

  init(_ found: [Result<CameraDescription, CaptureError>]) {
    for entry in found {
      switch entry {
      case .success(let camera): cameras.append(Camera(camera))
      case .failure(let error): problems.append(Problem(path: error.input, message: error.message))
      }
    }
  }

  /// For people: a block for each camera, a line for each size of a format.
  var text: String {
    var text = ""
    for camera in cameras {
      text += "\(camera.path)  \(camera.name) (\(camera.driver), \(camera.bus))\n"
      for link in camera.links { text += "  also \(link)\n" }
      for format in camera.formats {
        let suffix = format.reading == nil ? ", which ferd cannot read" : ""
        text += "  \(format.format)  \(format.description)\(suffix)\n"
        for sizes in format.sizes { text += "    \(sizes.text)\n" }
      }
    }
    return text
  }
}

extension DeviceReport.Camera {
  fileprivate init(_ camera: CameraDescription) {
    self.init(
      path: camera.path, links: camera.links, name: camera.name, driver: camera.driver, bus: camera.bus,
      formats: camera.formats.map { format in
        DeviceReport.Format(
          format: format.code.description, description: format.description, reading: format.reading?.rawValue,
          sizes: format.sizes.map(DeviceReport.Sizes.init))
      })
  }
}

extension DeviceReport.Sizes {
  fileprivate init(_ sizes: CameraSizes) {
    let rates = sizes.rates.map { DeviceReport.Rates(min: rounded($0.slowest.rate), max: rounded($0.fastest.rate)) }
    self.init(width: sizes.widths.smallest, height: sizes.heights.smallest, rates: rates)
    guard !sizes.isOneSize else { return }
    maxWidth = sizes.widths.largest
    maxHeight = sizes.heights.largest
    stepWidth = sizes.widths.step
    stepHeight = sizes.heights.step
  }

  /// `640x480 at 30, 15 frames/s`.
  fileprivate var text: String {
    var text = "\(width)x\(height)"
    if let maxWidth, let maxHeight, let stepWidth, let stepHeight {
      text += " to \(maxWidth)x\(maxHeight) in steps of \(stepWidth)x\(stepHeight)"
    }
    guard !rates.isEmpty else { return text }
    let list = rates.map { $0.min == $0.max ? number($0.max) : "\(number($0.min)) to \(number($0.max))" }
    return text + " at \(list.joined(separator: ", ")) frames/s"
  }
}

/// To thousandths: 30000/1001 frames per second are 29.97.
private func rounded(_ rate: Double) -> Double { (rate * 1000).rounded() / 1000 }

private func number(_ value: Double) -> String { value == value.rounded() ? "\(Int(value))" : "\(value)" }
