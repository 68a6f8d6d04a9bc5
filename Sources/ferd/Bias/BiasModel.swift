import FaceCrop
import Foundation
import Inference
import Pipeline
import Training

/// The model that factors are searched for.
struct BiasModel: Sendable {
  /// An ensemble folder or a model file.
  let path: String
  let declaration: ModelDeclaration
  let precision: Precision?
  let labels: [String]
  /// Name and beginning of the checksum.
  let identity: String
  let parts: [BiasOrigin.ModelPart]
  /// Number formats that the networks really have.
  let precisions: String

  /// - Throws: `CommandFailure` and `InferenceError` for models that are missing or damaged.
  init(_ options: ModelOptions) throws {
    let path = try options.path()
    self.path = path
    declaration = options.declaration
    precision = options.precision
    let ensemble = try AnnotationEngine.naming(path) {
      try EmotionEnsemble(path: path, as: options.declaration, precision: options.precision)
    }
    labels = ensemble.labels
    identity = ensemble.identity
    precisions = Set(ensemble.members.map(\.precision.rawValue)).sorted().joined(separator: " and ")
    parts =
      ModelDescription.isEnsemble(path)
      ? try EnsembleDescription.read(fromFolder: path).members.map {
        BiasOrigin.ModelPart(file: $0.file, sha256: $0.sha256.lowercased(), weight: $0.weight)
      }
      : [BiasOrigin.ModelPart(file: ensemble.members[0].file, sha256: ensemble.checksum, weight: 1)]
  }

  /// For one thread.
  @Sendable func makeClassifier() throws -> EnsembleClassifier {
    try EnsembleClassifier(ensemble: EmotionEnsemble(path: path, as: declaration, precision: precision))
  }

  /// What scores depend on. Not the file of an ensemble, whose factors have no influence on them.
  func cacheKey(view: String) -> ScoreCache.Key {
    var model = parts.map { "\($0.sha256) \($0.weight)" }.joined(separator: ", ")
    if let backbone = declaration.backbone { model += " as \(backbone.rawValue)" }
    if let size = declaration.imageSize { model += " at \(size)" }
    return ScoreCache.Key(model: model, precision: precisions, view: view, labels: labels)
  }

  /// - Throws: `CommandFailure` (64) where there is no ensemble to write factors into.
  func checkApplicable() throws {
    guard !ModelDescription.isEnsemble(path) else { return }
    throw CommandFailure(
      .wrongUsage,
      "--apply writes the factors into an ensemble's \(EnsembleDescription.fileName), but \(path) is a single model "
        + "file, which holds none: use the bias.json with --bias, or make an ensemble of it with ferd models --assemble"
    )
  }

  /// Puts a correction into the `ensemble.json`, as a whole or not at all.
  func apply(factors: [Double], temperature: Double) throws {
    var description = try EnsembleDescription.read(fromFolder: path)
    let areNeutral = factors.allSatisfy { $0 == 1 }
    description.bias = areNeutral ? nil : Dictionary(uniqueKeysWithValues: zip(labels, factors))
    description.temperature = temperature == 1 ? nil : temperature
    do {
      try description.write(toFolder: path)
    } catch {
      throw CommandFailure(.inputOutput, "\(error)")
    }
  }
}
