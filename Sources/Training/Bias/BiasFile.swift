import Foundation
public import Inference

/// Where the scores of a search came from.
public struct BiasOrigin: Equatable, Sendable {
  /// One file of the model.
  public struct ModelPart: Codable, Equatable, Sendable {
    public var file: String
    public var sha256: String
    /// Its share in the average, relative to the others'.
    public var weight: Float

    public init(file: String, sha256: String, weight: Float) {
      self.file = file
      self.sha256 = sha256
      self.weight = weight
    }
  }

  /// Name of the model and the beginning of its checksum.
  public var model: String
  public var modelParts: [ModelPart]
  /// Number formats inside the networks.
  public var precision: String
  /// `single`, or `flip-averaged` for the mean of each picture and its mirror image.
  public var view: String
  /// Whether a detector looked for faces.
  public var isDetected: Bool
  /// SHA-256 over paths, contents and classes of the pictures.
  public var dataChecksum: String
  /// ferd's version.
  public var version: String

  public init(
    model: String, modelParts: [ModelPart], precision: String, view: String, isDetected: Bool, dataChecksum: String,
    version: String
  ) {
    self.model = model
    self.modelParts = modelParts
    self.precision = precision
    self.view = view
    self.isDetected = isDetected
    self.dataChecksum = dataChecksum
    self.version = version
  }
}

/// The `bias.json` that a search leaves behind.
public struct BiasFile: Sendable {
  public static let fileName = "bias.json"

  private let json: OrderedJSON

  public init(_ result: BiasResult, scores: BiasScores, settings: BiasSearchSettings, origin: BiasOrigin) {
    let labels = scores.labels
    let objective = settings.objective
    var fields: [(name: String, value: OrderedJSON)] = [
      ("v", .integer(1)),
      ("factors", .numbers(labels, result.factors)),
      ("temperature", .number(result.temperature)),
      ("recommended", .bool(result.recommended)),
      ("interrupted", .bool(result.isInterrupted)),
      ("candidate", .numbers(labels, result.candidate)),
      ("candidate_temperature", .number(result.candidateTemperature)),
      ("method", .string(settings.method.rawValue)),
      ("objective", .string(objective.text)),
    ]
    if let target = objective.targetDistribution {
      fields.append(("target_distribution", .numbers(labels, target)))
    }
    fields += [
      ("regularisation", .number(objective.regularisation)),
      ("classes", .array(settings.searchedClasses.map { .string(labels[$0]) })),
      ("on_all", .object([("before", .number(result.valueBefore)), ("after", .number(result.value))])),
    ]
    if let estimate = result.crossValidated { fields.append(("cross_validated", Self.json(estimate))) }
    if let alternative = result.alternative {
      var parts: [(name: String, value: OrderedJSON)] = [
        ("factors", .numbers(labels, alternative.factors)), ("temperature", .number(alternative.temperature)),
        ("on_all", .object([("before", .number(result.valueBefore)), ("after", .number(alternative.value))])),
      ]
      if let estimate = alternative.crossValidated { parts.append(("cross_validated", Self.json(estimate))) }
      fields.append(("alternative", .object(parts)))
    }
    fields += [
      ("folds", .integer(settings.folds)),
      ("trials", .integer(result.trials.count)),
      ("seed", .integer(Int(truncatingIfNeeded: settings.seed))),
      ("closed_form", .numbers(labels, result.closedForm)),
      ("effective_prior", .numbers(labels, result.effectivePrior)),
      ("importance", .numbers(settings.searchedClasses.map { labels[$0] }, result.importance)),
      ("model", .string(origin.model)),
      (
        "model_files",
        .array(
          origin.modelParts.map {
            .object([
              ("file", .string($0.file)), ("sha256", .string($0.sha256)), ("weight", .number(Double($0.weight))),
            ])
          })
      ),
      ("precision", .string(origin.precision)),
      ("view", .string(origin.view)),
      ("detected", .bool(origin.isDetected)),
      ("images", .integer(scores.truth.count)),
    ]
    if scores.isTruthKnown {
      fields.append(("images_by_class", .object(zip(labels, scores.classCounts).map { ($0, .integer($1)) })))
    }
    fields += [("data_sha256", .string(origin.dataChecksum)), ("ferd", .string(origin.version))]
    json = .object(fields)
  }

  private static func json(_ estimate: BiasEstimate) -> OrderedJSON {
    .object([
      ("before", .number(estimate.before)), ("after", .number(estimate.after)),
      ("interval", .array([.number(estimate.interval.low), .number(estimate.interval.high)])),
    ])
  }

  /// On one line, without its end.
  public var line: String { json.text(isPretty: false) }

  /// Writes the file as a whole or not at all.
  public func write(to path: String) throws(TrainingError) {
    try FileAccess.replace(path, with: [Array((json.text(isPretty: true) + "\n").utf8)]) {
      TrainingError.inputOutput(path: path, $0)
    }
  }
}

/// What of a `bias.json` tells whether it belongs to a model.
public struct BiasFileOrigin: Decodable, Sendable {
  /// nil in a file that somebody wrote.
  public var modelFiles: [BiasOrigin.ModelPart]?
  public var recommended: Bool?

  private enum CodingKeys: String, CodingKey {
    case modelFiles = "model_files"
    case recommended
  }

  /// - Throws: `invalidData`.
  public static func read(_ path: String) throws(TrainingError) -> BiasFileOrigin {
    let bytes = try FileAccess.read(path, limit: 1 << 24) { TrainingError.invalidData(path: path, $0) }
    do {
      return try JSONDecoder().decode(BiasFileOrigin.self, fromForeign: Data(bytes))
    } catch {
      throw .invalidData(path: path, "is no bias.json")
    }
  }
}

extension BiasObjective {
  /// As `--objective` takes it: one term's name, or terms with their weights.
  public var text: String {
    let terms = Term.allCases.compactMap { term in weights[term].map { (term, $0) } }.filter { $0.1 != 0 }
    if terms.count == 1, terms[0].1 == 1 { return terms[0].0.rawValue }
    return terms.map { "\($0.0.rawValue)=\(ReportText.general($0.1))" }.joined(separator: ",")
  }
}

extension BiasScores {
  public var isTruthKnown: Bool { truth.allSatisfy { $0 != nil } }

  /// Pictures of each class; those of unknown class count nowhere.
  public var classCounts: [Int] {
    truth.reduce(into: [Int](repeating: 0, count: labels.count)) { counts, label in
      if let label { counts[label] += 1 }
    }
  }

  /// How often each class has the highest probability after a correction; they sum to 1.
  public func answers(_ correction: BiasCorrection) -> [Double] {
    var counts = [Double](repeating: 0, count: labels.count)
    for row in 0..<truth.count {
      let corrected = correction.corrected(Array(probabilities[row * labels.count..<(row + 1) * labels.count]))
      var best = 0
      for index in corrected.indices where corrected[index] > corrected[best] { best = index }
      counts[best] += 1
    }
    return counts.map { $0 / Double(max(1, truth.count)) }
  }

  /// What a correction makes of all pictures; nil where the truth of one is unknown.
  func metrics(_ correction: BiasCorrection) -> ClassificationMetrics? {
    guard isTruthKnown else { return nil }
    var corrected: [Float] = []
    corrected.reserveCapacity(probabilities.count)
    for row in 0..<truth.count {
      corrected += correction.corrected(Array(probabilities[row * labels.count..<(row + 1) * labels.count]))
    }
    return ClassificationMetrics(probabilities: corrected, truth: truth.map { $0! }, classes: labels.count)
  }
}
