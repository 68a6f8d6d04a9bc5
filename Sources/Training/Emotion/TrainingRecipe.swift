import Foundation
public import Inference
public import Pixels

/// All settings of a training run that its result depends on. Committed as JSON, kept in every checkpoint and model.
public struct TrainingRecipe: Codable, Equatable, Sendable {
  public enum OptimiserKind: String, Codable, Sendable, CaseIterable {
    /// With Nesterov momentum.
    case sgd
    case adamw
  }

  public enum LossKind: String, Codable, Sendable, CaseIterable {
    case crossEntropy = "cross-entropy"
    /// Cross-entropy with each class weighted by 1 / its share, scaled to a mean of 1 over the pictures.
    case classWeighted = "class-weighted"
    case balancedSoftmax = "balanced-softmax"
  }

  /// One of `Backbone`'s names.
  public var backbone = Backbone.fer48.rawValue
  /// Two or more of `Backbone`'s names: they are fused into one network (`ModelSpec.fused`), and `backbone` does not count.
  public var backbones: [String] = []
  /// Channels of the stages of `fer48`; the other backbones have theirs.
  public var widths = [32, 64, 128, 256]
  /// 1, or 3, which torchvision's own weights are for: pictures are grey, so each channel gets the same plane, normalised its
  /// way.
  public var inputChannels = 1
  /// Side of the pictures in pixels.
  public var imageSize = 48
  /// Side to which pictures are reduced in the first epochs, which makes these quicker.
  public var earlyImageSize = 48
  /// How many epochs that are.
  public var earlyEpochs = 0
  public var epochs = 42
  /// Pictures that are computed at a time.
  public var batchSize = 128
  /// Batches whose gradients are added up for one step of the optimiser.
  public var accumulation = 1
  public var learningRate: Float = 0.1
  /// Multiples of the learning rate for the first layers, the last ones and those between.
  public var layerRates = LayerRates()
  /// Epochs in which the learning rate rises from 0; may be a fraction.
  public var warmupEpochs: Float = 1
  /// The last step's learning rate as a part of the highest.
  public var finalLearningRateShare: Float = 0
  /// Epochs of the first fall of the learning rate, after which it starts from the top again; 0 = one fall in all.
  public var restartEpochs = 0
  /// How many times as long each fall is as the one before.
  public var restartGrowth = 1
  public var optimiser = OptimiserKind.sgd
  /// Of SGD.
  public var momentum: Float = 0.9
  public var weightDecay: Float = 5e-4
  /// Probability before the last layer; nil = the backbone's own.
  public var dropout: Float?
  public var labelSmoothing: Float = 0.07
  /// Share that a step leaves of the averaged weights; 0 = no averaging.
  public var emaDecay: Float = 0.998
  /// Largest norm of all gradients together; 0 = no limit.
  public var clipNorm: Float = 5
  /// 0 shows each picture once in an epoch, 1 all classes equally often; see `ClassSampler`.
  public var samplerPower: Float = 0
  /// Whether classes that validation finds neglected come more often from epoch to epoch; see `DynamicSampling`.
  public var dynamicSampling = false
  /// Classes of extra importance.
  public var focus: [String] = []
  /// How much more often they are shown, and how much more their recall counts where the best epoch is selected.
  public var focusFactor: Float = 2
  public var loss = LossKind.crossEntropy
  /// Part of the targets that comes from crowd votes, where they are given.
  public var softLabelShare: Float = 0
  /// Pictures whose own class has less than this part of the votes are not trained on; 0 = all are.
  public var softLabelDrop: Float = 0
  /// Classes whose pictures votes neither change nor drop.
  public var softLabelKeep: [String] = []
  /// Votes become targets as the training part's own labels are where a crowd votes so.
  public var softLabelCalibration = false
  /// Part of the targets that comes from the teachers, in a run that has some.
  public var distillationShare: Float = 0.7
  /// Epochs without a better score after which training ends; 0 = never.
  public var patience = 0
  /// Weight of accuracy in the score that selects the best epoch; the rest is macro recall.
  public var accuracyWeight: Float = 0
  /// Of the pictures, which one channel takes as they are.
  public var normalisation = Normalisation.fer2013
  /// Of each channel where there are three; nil = ImageNet's. One channel takes no notice of it.
  public var channelNormalisations: [Normalisation]?
  public var augmentation = AugmentationPolicy.standard
  /// Whether under-represented classes and those in focus are varied more strongly; see `ClassAugmentation`.
  public var targetedAugmentation = false
  public var seed: UInt64 = 1

  public init() {}

  /// Reads a recipe; what the file does not name keeps its default.
  ///
  /// - Throws: `noSuchInput`, or `invalidSettings` naming a key that is unknown or a value that does not fit.
  public static func read(_ path: String) throws(TrainingError) -> TrainingRecipe {
    let bytes = try FileAccess.read(path, limit: 1 << 20, acceptsPipes: true) {
      TrainingError.noSuchInput(path: path, "recipe: \($0)")
    }
    do {
      return try decode(Data(bytes))
    } catch {
      throw .invalidSettings("\(path): \(error)")
    }
  }

  /// As a recipe's file calls them.
  func names(ofSettingsOtherThanIn other: TrainingRecipe) -> [String] {
    zip(Mirror(reflecting: self).children, Mirror(reflecting: other).children)
      .filter { "\($0.value)" != "\($1.value)" }
      .compactMap(\.0.label)
  }

  static func decode(_ data: Data) throws -> TrainingRecipe {
    let defaults = try JSONSerialization.jsonObject(with: JSONEncoder().encode(TrainingRecipe()))
    try ForeignJSON.check(data)
    guard let given = try? JSONSerialization.jsonObject(with: data) else {
      throw TrainingError.invalidSettings("is no JSON")
    }
    guard var defaults = defaults as? [String: Any], let given = given as? [String: Any] else {
      throw TrainingError.invalidSettings("expected a JSON object")
    }
    // A nil leaves no trace in the defaults.
    defaults["dropout"] = NSNull()
    defaults["channelNormalisations"] = NSNull()
    let merged = try merge(given, over: defaults, prefix: "")
    guard let recipe = try? decoded(merged) else {
      // One after the other: the decoder does not always say which it was.
      for key in given.keys.sorted() {
        var single = defaults
        single[key] = merged[key]
        guard (try? decoded(single)) == nil else { continue }
        throw TrainingError.invalidSettings(
          "\"\(key)\" cannot be \(describe(given[key]!)); its default is \(describe(defaults[key]!))")
      }
      throw TrainingError.invalidSettings("holds values of other kinds than expected")
    }
    try recipe.validate()
    return recipe
  }

  private static func decoded(_ settings: [String: Any]) throws -> TrainingRecipe {
    try JSONDecoder().decode(TrainingRecipe.self, from: JSONSerialization.data(withJSONObject: settings))
  }

  private static func describe(_ value: Any) -> String {
    let json = try? JSONSerialization.data(
      withJSONObject: value, options: [.fragmentsAllowed, .sortedKeys, .withoutEscapingSlashes])
    return json.map { String(decoding: $0, as: UTF8.self) } ?? "no JSON"
  }

  private static func merge(
    _ given: [String: Any], over defaults: [String: Any], prefix: String
  ) throws -> [String: Any] {
    var result = defaults
    for (key, value) in given {
      guard let former = defaults[key] else {
        throw TrainingError.invalidSettings("\"\(prefix)\(key)\" is no setting of a recipe")
      }
      if value is NSNull, !(former is NSNull) {
        throw TrainingError.invalidSettings("\"\(prefix)\(key)\" is null; leave it out, or give it a value")
      }
      if key == "channelNormalisations", let list = value as? [[String: Any]] {
        let known = defaults["normalisation"] as? [String: Any] ?? [:]
        for item in list { _ = try merge(item, over: known, prefix: "\(key).") }
        result[key] = value
      } else if let inner = value as? [String: Any], let former = former as? [String: Any] {
        result[key] = try merge(inner, over: former, prefix: "\(prefix)\(key).")
      } else {
        result[key] = value
      }
    }
    return result
  }

  /// - Throws: `invalidSettings` naming the first value out of its range.
  public func validate() throws(TrainingError) {
    var ranges: [(String, Float, ClosedRange<Float>)] = [
      ("imageSize", Float(imageSize), 16...1024), ("earlyImageSize", Float(earlyImageSize), 16...1024),
      ("earlyEpochs", Float(earlyEpochs), 0...100_000), ("epochs", Float(epochs), 1...100_000),
      ("batchSize", Float(batchSize), 2...4096), ("accumulation", Float(accumulation), 1...1024),
      ("layerRates.stem", layerRates.stem, 0...100), ("layerRates.body", layerRates.body, 0...100),
      ("layerRates.head", layerRates.head, 0...100), ("restartEpochs", Float(restartEpochs), 0...100_000),
      ("restartGrowth", Float(restartGrowth), 1...16), ("learningRate", learningRate, 1e-9...100),
      ("warmupEpochs", warmupEpochs, 0...1000), ("finalLearningRateShare", finalLearningRateShare, 0...1),
      ("momentum", momentum, 0...0.9999), ("weightDecay", weightDecay, 0...1), ("dropout", dropout ?? 0, 0...0.95),
      ("labelSmoothing", labelSmoothing, 0...0.95), ("emaDecay", emaDecay, 0...0.999999),
      ("clipNorm", clipNorm, 0...1e9), ("samplerPower", samplerPower, 0...2),
      ("focusFactor", focusFactor, 1...100), ("softLabelShare", softLabelShare, 0...1),
      ("softLabelDrop", softLabelDrop, 0...1), ("distillationShare", distillationShare, 0...1),
      ("patience", Float(patience), 0...100_000),
      ("accuracyWeight", accuracyWeight, 0...1),
    ]
    let others = (channelNormalisations ?? []).map { ("channelNormalisations", $0) }
    for (name, values) in [("normalisation", normalisation)] + others {
      ranges.append(("\(name).mean", values.mean, 0...1))
      ranges.append(("\(name).standardDeviation", values.standardDeviation, 0.001...1))
    }
    for (name, value, range) in ranges where !range.contains(value) {
      throw .invalidSettings("\(name) must be from \(range.lowerBound) to \(range.upperBound), it is \(value)")
    }
    guard 1...6 ~= widths.count, widths.allSatisfy({ 1...2048 ~= $0 }) else {
      throw .invalidSettings("widths must be one to six numbers from 1 to 2048, they are \(widths)")
    }
    try validateChannels()
    try augmentation.validate()
    _ = try makeSpec(classes: 2)
  }

  /// Side of the network's input in an epoch, which counts from 0.
  func imageSize(inEpoch epoch: Int) -> Int { epoch < earlyEpochs ? earlyImageSize : imageSize }

  /// The network that the recipe trains.
  public func makeSpec(classes: Int) throws(TrainingError) -> ModelSpec {
    guard backbones.isEmpty else {
      return .fused(
        try fusedBackbones(), inputChannels: inputChannels, classes: classes, imageSize: imageSize,
        dropout: dropout ?? Self.fusedDropout)
    }
    let backbone = try Self.backbone(named: backbone)
    var spec =
      if backbone == .fer48 {
        ModelSpec.fer48(
          inputChannels: inputChannels, classes: classes, widths: widths, dropout: dropout ?? backbone.dropout)
      } else {
        backbone.makeSpec(inputChannels: inputChannels, classes: classes, dropout: dropout)
      }
    spec.inputHeight = imageSize
    spec.inputWidth = imageSize
    return spec
  }

  /// With the backbone's own values where the recipe leaves them to it, and those of the channels that it has.
  func completed() -> TrainingRecipe {
    var result = self
    result.channelNormalisations = inputChannels == 1 ? nil : channelNormalisations ?? Normalisation.imageNet
    result.dropout =
      dropout ?? (backbones.isEmpty ? Backbone(rawValue: backbone)?.dropout : Self.fusedDropout)
    return result
  }

  private static let fusedDropout: Float = 0.3

  /// - Throws: `invalidSettings` with the names that there are.
  public static func backbone(named name: String) throws(TrainingError) -> Backbone {
    guard let backbone = Backbone(rawValue: name) else {
      throw .invalidSettings("\"\(name)\" is no backbone; there are \(Backbone.list)")
    }
    return backbone
  }

  /// - Throws: `invalidSettings` where `backbones` are not two or more different ones that there are.
  public func fusedBackbones() throws(TrainingError) -> [Backbone] {
    var result: [Backbone] = []
    for name in backbones { result.append(try Self.backbone(named: name)) }
    guard result.count > 1, Set(result).count == result.count else {
      throw .invalidSettings("backbones must be two or more different ones, they are \(backbones)")
    }
    return result
  }
}

extension TrainingRecipe {
  /// What is not named keeps its default: older checkpoints don't know all settings.
  public init(from decoder: any Decoder) throws {
    let fields = try DefaultingFields(decoder, keyedBy: CodingKeys.self)
    self.init()
    try fields.take(.backbone, &backbone)
    try fields.take(.backbones, &backbones)
    try fields.take(.widths, &widths)
    try fields.take(.inputChannels, &inputChannels)
    try fields.take(.imageSize, &imageSize)
    try fields.take(.earlyImageSize, &earlyImageSize)
    try fields.take(.earlyEpochs, &earlyEpochs)
    try fields.take(.epochs, &epochs)
    try fields.take(.batchSize, &batchSize)
    try fields.take(.accumulation, &accumulation)
    try fields.take(.learningRate, &learningRate)
    try fields.take(.layerRates, &layerRates)
    try fields.take(.warmupEpochs, &warmupEpochs)
    try fields.take(.finalLearningRateShare, &finalLearningRateShare)
    try fields.take(.restartEpochs, &restartEpochs)
    try fields.take(.restartGrowth, &restartGrowth)
    try fields.take(.optimiser, &optimiser)
    try fields.take(.momentum, &momentum)
    try fields.take(.weightDecay, &weightDecay)
    try fields.take(.dropout, &dropout)
    try fields.take(.labelSmoothing, &labelSmoothing)
    try fields.take(.emaDecay, &emaDecay)
    try fields.take(.clipNorm, &clipNorm)
    try fields.take(.samplerPower, &samplerPower)
    try fields.take(.dynamicSampling, &dynamicSampling)
    try fields.take(.focus, &focus)
    try fields.take(.focusFactor, &focusFactor)
    try fields.take(.loss, &loss)
    try fields.take(.softLabelShare, &softLabelShare)
    try fields.take(.softLabelDrop, &softLabelDrop)
    try fields.take(.softLabelKeep, &softLabelKeep)
    try fields.take(.softLabelCalibration, &softLabelCalibration)
    try fields.take(.distillationShare, &distillationShare)
    try fields.take(.patience, &patience)
    try fields.take(.accuracyWeight, &accuracyWeight)
    try fields.take(.normalisation, &normalisation)
    try fields.take(.channelNormalisations, &channelNormalisations)
    try fields.take(.augmentation, &augmentation)
    try fields.take(.targetedAugmentation, &targetedAugmentation)
    try fields.take(.seed, &seed)
  }
}
