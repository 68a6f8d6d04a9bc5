public import ArgumentParser
import Foundation
import Inference
public import Training

/// The settings of a training run: a recipe file, and flags that win over it.
struct RecipeOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Recipe (JSON, see config/recipes); the options below win over it.", valueName: "file"))
  var recipe: String?

  /// What are fused where nobody says.
  static let usualBackbones: [Backbone] = [.efficientNetB0, .resnet18]

  @Option(
    help: ArgumentHelp("Network: \(Backbone.list). Default without a recipe: resnet18.", valueName: "name"))
  var backbone: String?

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Several networks, fused into one by an attention; without a name \(usualBackbones.map(\.rawValue).joined(separator: " and ")).",
      valueName: "name"))
  var backbones: [String] = []

  @Option(
    help: ArgumentHelp(
      "Strength of augmentation: 0 (none) to 3, more for under-represented classes. Default without a recipe: 2.",
      valueName: "0…3"))
  var augmentationLevel: Int?

  @Option(help: ArgumentHelp("Passes over the data.", valueName: "n"))
  var epochs: Int?

  @Option(help: ArgumentHelp("Highest learning rate.", valueName: "x"))
  var learningRate: Float?

  @Option(
    help: ArgumentHelp(
      "Multiples of the learning rate for the first layers, the body and the head, such as 0.1,0.5,1.",
      valueName: "x,y,z"))
  var layerRates: String?

  @Option(
    help: ArgumentHelp(
      "Epochs after which the learning rate starts from the top again; 0: never.", valueName: "n"))
  var restartEpochs: Int?

  @Option(help: ArgumentHelp("How many times as long each fall is as the one before.", valueName: "n"))
  var restartGrowth: Int?

  @Option(help: ArgumentHelp("Pictures that are computed at a time.", valueName: "n"))
  var batchSize: Int?

  @Option(help: ArgumentHelp("Batches whose gradients are added up for one step.", valueName: "n"))
  var accumulation: Int?

  @Option(help: ArgumentHelp("Epochs without a better score after which training ends; 0: never.", valueName: "n"))
  var patience: Int?

  @Option(help: ArgumentHelp("Side of the pictures in pixels.", valueName: "n"))
  var imageSize: Int?

  @Option(
    help: ArgumentHelp(
      "Channels of the network's input: 1, or 3 as torchvision's weights have, which all get the grey picture.",
      valueName: "1|3"))
  var inputChannels: Int?

  @Flag(help: "Keep the last step's weights instead of their moving average.")
  var noEma = false

  @Option(
    help: ArgumentHelp(
      "How often classes come: natural, balanced, dynamic (balanced, then by validation recall), or a power from 0 "
        + "(natural) over 1 (balanced) to 2.", valueName: "kind"))
  var sampler: String?

  @Option(help: ArgumentHelp("Classes of extra importance, separated by commas.", valueName: "names"))
  var focus: String?

  @Option(help: "Loss: cross-entropy, class-weighted or balanced-softmax.")
  var loss: TrainingRecipe.LossKind?

  @Option(
    help: ArgumentHelp(
      "Part of the targets that --soft-labels give, 0 to 1. Default where the recipe does not use them: 0.2.",
      valueName: "x"))
  var softLabelShare: Float?

  /// Votes clean labels, but few people see fear and disgust: with much of them these classes fade.
  private static let usualSoftLabelShare: Float = 0.2

  @Option(help: ArgumentHelp("Part of the targets that the teachers of --distill give, 0 to 1.", valueName: "x"))
  var distillShare: Float?

  @Option(help: ArgumentHelp("Seed of everything random.", valueName: "n"))
  var seed: UInt64?

  /// The recipe's part of what `--sampler` says.
  private var sampling: (power: Float, isDynamic: Bool)? {
    get throws {
      switch sampler {
      case nil: return nil
      case "natural": return (0, false)
      case "balanced": return (1, false)
      case "dynamic": return (1, true)
      case let text?:
        guard let power = Float(text), 0...2 ~= power else {
          throw ValidationError(
            "--sampler takes natural, balanced, dynamic or a power from 0 to 2, not \"\(text)\".")
        }
        return (power, false)
      }
    }
  }

  private var rates: LayerRates? {
    get throws {
      guard let layerRates else { return nil }
      let numbers = layerRates.split(separator: ",", omittingEmptySubsequences: false).map { Float($0) }
      guard numbers.count == 3, let stem = numbers[0], let body = numbers[1], let head = numbers[2] else {
        throw ValidationError("--layer-rates takes three numbers such as 0.1,0.5,1, not \"\(layerRates)\".")
      }
      return LayerRates(stem: stem, body: body, head: head)
    }
  }

  func validate() throws {
    _ = try sampling
    _ = try rates
    if backbone != nil, !backbones.isEmpty {
      throw ValidationError("--backbone names one network, --backbones several; give one of the two.")
    }
    if let inputChannels, inputChannels != 1, inputChannels != 3 {
      throw ValidationError("--input-channels takes 1 or 3, not \(inputChannels).")
    }
    if let augmentationLevel, AugmentationPolicy.level(augmentationLevel) == nil {
      throw ValidationError("--augmentation-level takes 0 to 3, not \(augmentationLevel).")
    }
  }

  /// - Parameters:
  ///   - isPretraining: Other defaults hold then.
  ///   - hasVotes: Whether --soft-labels are given.
  /// - Throws: `TrainingError` for a recipe that is missing or not valid.
  func make(isPretraining: Bool = false, hasVotes: Bool = false) throws -> TrainingRecipe {
    let names = backbone.map { [$0] } ?? backbones
    var result: TrainingRecipe
    if let recipe {
      result = try TrainingRecipe.read(recipe)
      if let first = names.first {
        result.backbone = first
        result.backbones = names.count > 1 ? names : []
      }
    } else {
      result = .standard(names.isEmpty ? [.resnet18] : try names.map { try TrainingRecipe.backbone(named: $0) })
    }
    if isPretraining {
      result.epochs = TrainingRecipe.pretrainingEpochs
      result.restartEpochs = 0
    }
    // A recipe means what it says; a level, named or by default, is meant for classes as unequal as they come.
    let usualLevel = isPretraining ? TrainingRecipe.pretrainingLevel : recipe == nil ? 2 : nil
    if let level = augmentationLevel ?? usualLevel {
      result.augmentation = AugmentationPolicy.level(level)!
      result.targetedAugmentation = true
    }
    if let epochs { result.epochs = epochs }
    if let learningRate { result.learningRate = learningRate }
    if let rates = try rates { result.layerRates = rates }
    if let restartEpochs { result.restartEpochs = restartEpochs }
    if let restartGrowth { result.restartGrowth = restartGrowth }
    if let batchSize { result.batchSize = batchSize }
    if let accumulation { result.accumulation = accumulation }
    if let patience { result.patience = patience }
    if let imageSize {
      result.imageSize = imageSize
      if recipe == nil { result.earlyImageSize = imageSize }
    }
    if let inputChannels { result.inputChannels = inputChannels }
    if noEma { result.emaDecay = 0 }
    if let sampling = try sampling {
      result.samplerPower = sampling.power
      result.dynamicSampling = sampling.isDynamic
    }
    if let focus { result.focus = NameList.parse(focus) }
    if let loss { result.loss = loss }
    if hasVotes, result.softLabelShare == 0, result.softLabelDrop == 0 {
      result.softLabelShare = Self.usualSoftLabelShare
    }
    if let softLabelShare { result.softLabelShare = softLabelShare }
    if let distillShare { result.distillationShare = distillShare }
    if let seed { result.seed = seed }
    try result.validate()
    return result
  }
}

extension TrainingRecipe.LossKind: ExpressibleByArgument {}
