import ArgumentParser
import Foundation
import Inference

struct ModelsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "models",
    abstract: "List the models that come with ferd, describe one, or put an ensemble together.",
    discussion: """
      Without a path: one line for each model in the models folders, with name, kind, number of parameters and path. \
      With a path: one JSON object with what the model's file tells. With --assemble: the paths are the members of a new \
      ensemble folder, each a model file, or a file and its weight in the average as file=weight.
      """)

  @Argument(help: ArgumentHelp("An ensemble folder or a model file (.safetensors).", valueName: "path"))
  var paths: [String] = []

  @Option(help: ArgumentHelp("Make an ensemble of the given model files in this folder.", valueName: "folder"))
  var assemble: String?

  @Option(help: ArgumentHelp("With --assemble: how weights are stored, f32 or bf16.", valueName: "format"))
  var storage = Safetensors.Storage.f32

  func validate() throws {
    if assemble == nil, paths.count > 1 { throw ValidationError("Expected one model, got \(paths.count).") }
    if assemble != nil, paths.isEmpty { throw ValidationError("--assemble needs the model files.") }
  }

  func run() throws {
    if let assemble {
      try EnsembleAssembly(folder: assemble, members: paths, storage: storage).run()
      try describe(assemble)
    } else if let path = paths.first {
      try describe(path)
    } else {
      try list()
    }
  }

  private func list() throws {
    var isEmpty = true
    for folder in ModelLocator().bundledFolders {
      for name in (try? FileManager.default.contentsOfDirectory(atPath: folder))?.sorted() ?? [] {
        let path = "\(folder)/\(name)"
        guard name.hasSuffix(".safetensors") || ModelDescription.isEnsemble(path) else { continue }
        isEmpty = false
        do {
          let description = try ModelDescription.read(path)
          try StandardOutput.write(
            "\(description.name)\t\(description.kind.rawValue)\t\(description.parameters)\t\(path)\n")
        } catch {
          Diagnostics.warning("\(error)")
        }
      }
    }
    if isEmpty { throw CommandFailure(.noSuchInput, "no models in a models folder beside or above the executable") }
  }

  private func describe(_ path: String) throws {
    try ModelLocator.checkExistence(of: path)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let text = String(decoding: try encoder.encode(try ModelDescription.read(path)), as: UTF8.self)
    try StandardOutput.write(text + "\n")
  }
}

/// What a model's file tells, in the form in which `ferd models` prints it.
struct ModelDescription: Encodable {
  enum Kind: String, Encodable {
    case ensemble
    case classifier
    case detector
  }

  struct Member: Encodable {
    var file: String
    var network: String
    /// Share in the average; nil where it is alone.
    var weight: Float?
    var sha256: String
    var parameters: Int
    var inputChannels: Int
    var inputHeight: Int
    var inputWidth: Int
    var record: ModelRecord
  }

  var name: String
  var kind: Kind
  var labels: [String]
  var bias: [String: Double]?
  /// Of the correction; nil = none.
  var temperature: Double?
  var parameters: Int
  var members: [Member]

  static func isEnsemble(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: "\(path)/\(EnsembleDescription.fileName)")
  }

  static func read(_ path: String) throws(InferenceError) -> ModelDescription {
    guard isEnsemble(path) else {
      let member = try member(at: path, weight: nil)
      return ModelDescription(
        name: URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent,
        kind: member.record.labels.isEmpty ? .detector : .classifier, labels: member.record.labels,
        parameters: member.parameters, members: [member])
    }
    let ensemble = try EnsembleDescription.read(fromFolder: path)
    var members: [Member] = []
    for part in ensemble.members { members.append(try member(at: "\(path)/\(part.file)", weight: part.weight)) }
    return ModelDescription(
      name: ensemble.name, kind: .ensemble, labels: ensemble.labels, bias: ensemble.bias,
      temperature: ensemble.temperature,
      parameters: members.reduce(0) { $0 + $1.parameters }, members: members)
  }

  private static func member(at path: String, weight: Float?) throws(InferenceError) -> Member {
    let file = try ModelFile.read(from: path)
    return Member(
      file: URL(fileURLWithPath: path).lastPathComponent, network: file.spec.name, weight: weight,
      sha256: file.checksum ?? "", parameters: file.spec.trainableParameterCount,
      inputChannels: file.spec.inputChannels, inputHeight: file.spec.inputHeight,
      inputWidth: file.spec.inputWidth, record: file.record)
  }
}
